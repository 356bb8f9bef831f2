"""The engine dials a SIP peer that is not Asterisk."""

from __future__ import annotations

import hashlib
import re
import socket
import wave
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ivr.rehearsal.comparing import heard_matches
from ivr.rehearsal.sounds import RATE, Samples
from tests.acceptance.office import Office
from tests.acceptance.sip_peer import Handset, SipPeer

NUMBER = "0312345678"
TALKS = 9000
"""Milliseconds: longer than the question and the message, shorter than the wait for a key that follows."""

ACCOUNT = {"username": "office", "password": "p4ss-word"}

SCENARIO = """\
version: 1
title: 大切なお知らせ
start: confirm
steps:
  confirm:
    ask: 目黒区役所です。{kana}様なら、シャープを。
    wait: 5s
    keys: {"#": notice}
    silence: end
  notice: {say: お知らせをお送りしました。, reached: true, then: more}
  more:
    ask: もう一度お聞きになる場合は、1を押してください。
    times: 3
    wait: 9s
    keys: {"1": notice}
    silence: end
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evening:
    """What came of one campaign with one person: the results, what the peer heard and when it pressed, its SIP."""

    person: Mapping[str, Any]
    message: Samples
    heard: Samples
    pressed_at: int
    invites: Sequence[str]
    registers: Sequence[str]


def evening(folder: Path, challenge: int | None) -> Evening:
    """Call somebody whose telephone company runs SIPp and, with `challenge`, believes nobody without the password."""
    account = ACCOUNT if challenge else {}
    with (
        ExitStack() as stack,
        Handset() as handset,
        SipPeer(folder / "peer", handset, talks=TALKS, challenge=challenge, **account) as peer,
    ):
        office = Office(folder / "office", peer.port, stack)
        office.scenario.write_text(SCENARIO, "utf-8")
        office.people([NUMBER])
        if challenge:
            (folder / "password").write_text(ACCOUNT["password"] + "\n")
            office.settings(trunk={"username": ACCOUNT["username"], "password_file": str(folder / "password")})
        run = office.run().ended(within=60)
        assert run.status == 0, run
        (person,) = office.results()
        message = said(office, "notice")
    assert handset.pressed_at is not None
    return Evening(
        person=person,
        message=message,
        heard=handset.heard,
        pressed_at=handset.pressed_at,
        invites=peer.received("INVITE"),
        registers=peer.received("REGISTER"),
    )


CHALLENGES = (None, 401, 407)


@pytest.fixture(scope="module")
def evenings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[int | None, Future[Evening]]]:
    """An evening with each challenge, all at the same time."""
    with ThreadPoolExecutor(len(CHALLENGES)) as pool:
        yield {one: pool.submit(evening, tmp_path_factory.mktemp("peer"), one) for one in CHALLENGES}


@pytest.mark.parametrize("challenge", CHALLENGES)
def test_a_peer_that_is_not_asterisk_is_dialled_hears_us_and_confirms(
    evenings: dict[int | None, Future[Evening]], challenge: int | None
) -> None:
    found = evenings[challenge].result(timeout=100)
    (attempt,) = found.person["attempts"]
    assert found.person["outcome"] == attempt["outcome"] == "confirmed"
    assert [(key["step"], key["key"]) for key in attempt["keys"]] == [("confirm", "#")]
    assert attempt["evidence"]["ended_by"] == "callee"
    assert attempt["sip"] == 200

    assert heard_matches(found.heard, found.message).correlation > 0.95
    assert heard_matches(found.heard[: found.pressed_at], found.message).correlation < 0.5

    assert len({header(invite, "Call-ID") for invite in found.invites}) == 1, "one call"
    for invite in found.invites:
        assert f"sip:{NUMBER}@" in invite
        assert "<sip:0357220000@" in header(invite, "From")
    if challenge:
        assert [proves(invite, "INVITE") for invite in found.invites] == [False, True]
        assert [proves(register, "REGISTER") for register in found.registers][:2] == [False, True]


def said(office: Office, step: str) -> Samples:
    """Return what a callee should hear of a step."""
    out = office.folder / f"{step}.wav"
    assert office.ivr("scenario", "say", office.scenario, step, "-o", out).status == 0
    with wave.open(str(out)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (RATE, 1, 2)
        return np.frombuffer(file.readframes(file.getnframes()), dtype="<i2")


def header(message: str, name: str) -> str:
    """Return a header of a SIP message, empty where there is none."""
    found = re.search(rf"^{name}: *(.*?)\r?$", message, re.MULTILINE | re.IGNORECASE)
    return found[1] if found else ""


def proves(request: str, method: str) -> bool:
    """Tell whether a request carries a digest (RFC 2617, MD5) that proves the password; fail for a wrong one."""
    credentials = header(request, "Authorization") or header(request, "Proxy-Authorization")
    if not credentials:
        return False
    fields = dict(re.findall(r'(\w+)="?([^",]*)"?', credentials))
    secret = md5(f"{ACCOUNT['username']}:{fields['realm']}:{ACCOUNT['password']}")
    assert fields["username"] == ACCOUNT["username"]
    middle = ":".join(fields[name] for name in ("nonce", "nc", "cnonce", "qop") if name in fields)
    assert fields["response"] == md5(f"{secret}:{middle}:{md5(f'{method}:' + fields['uri'])}")
    return True


def md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def test_a_trunk_that_says_nothing_is_not_taken_for_callees_who_do_not_answer(tmp_path: Path) -> None:
    with ExitStack() as stack, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
        deaf.bind(("127.0.0.1", 0))
        office = Office(tmp_path / "office", deaf.getsockname()[1], stack)
        office.settings(calling={"ring_timeout": "5s"})
        office.people([NUMBER])
        assert office.run().ended(within=60).status == 0
        (person,) = office.results()
    assert person["outcome"] == "network_congestion"
    assert person["attempts"][0]["sip"] is None
