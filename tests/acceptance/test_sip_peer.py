"""The engine dials a SIP peer that is not Asterisk."""

from __future__ import annotations

import hashlib
import re
import wave
from contextlib import ExitStack
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


def called(office: Office, peer: SipPeer) -> dict[str, Any]:
    """Run a campaign with one person, and return that person's results."""
    office.scenario.write_text(SCENARIO, "utf-8")
    office.people([NUMBER])
    said = office.run().ended(within=60)
    assert said.status == 0, said
    assert "Traceback" not in said.err
    (person,) = office.results()
    return person


@pytest.mark.parametrize("challenge", [None, 401, 407])
def test_a_peer_that_is_not_asterisk_is_dialled_hears_us_and_confirms(
    tmp_path: Path, challenge: int | None
) -> None:
    account = ACCOUNT if challenge else {}
    with (
        ExitStack() as stack,
        Handset() as handset,
        SipPeer(tmp_path / "peer", handset, talks=TALKS, challenge=challenge, **account) as peer,
    ):
        office = Office(tmp_path / "office", peer.port, stack)
        if challenge:
            (tmp_path / "password").write_text(ACCOUNT["password"] + "\n")
            office.settings(trunk={"username": ACCOUNT["username"], "password_file": str(tmp_path / "password")})
        person = called(office, peer)
        message = said(office, "notice")
    (attempt,) = person["attempts"]
    assert person["outcome"] == attempt["outcome"] == "confirmed"
    assert [(key["step"], key["key"]) for key in attempt["keys"]] == [("confirm", "#")]
    assert attempt["evidence"]["ended_by"] == "callee"
    assert attempt["sip"] == 200

    assert handset.pressed_at is not None
    assert heard_matches(handset.heard, message).correlation > 0.95
    assert heard_matches(handset.heard[: handset.pressed_at], message).correlation < 0.5

    invites = peer.received("INVITE")
    assert len({header(invite, "Call-ID") for invite in invites}) == 1, "one call"
    assert all(f"sip:{NUMBER}@" in invite and "<sip:0357220000@" in header(invite, "From") for invite in invites)
    if challenge:
        registers = peer.received("REGISTER")
        assert [proves(invite, "INVITE") for invite in invites] == [False, True]
        assert [proves(register, "REGISTER") for register in registers][:2] == [False, True]
        assert all(ACCOUNT["password"] not in message for message in invites + registers)


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
