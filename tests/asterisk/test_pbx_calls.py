"""Two real PBXs: what a call between them looks like from the engine's side."""

from __future__ import annotations

import asyncio
import re
import socket
from pathlib import Path

import pytest

from ivr.asterisk.agi import AgiServer, AgiSession
from ivr.asterisk.agi_wire import command
from ivr.asterisk.pbx_config import Network, Trunk
from ivr.errors import CallLost
from ivr.rehearsal.ports import free_port
from tests.asterisk.pbx_pair import (
    NUMBER,
    OFFICE,
    engine_config,
    network_config,
    pbx_pair,
    started,
)
from tests.asterisk.plain_ami import LIMIT, logged_in

CAUSES = (
    # The Q.850 cause that the network ends the call with; Cause and TechCause of the engine's Hangup event.
    # Asterisk derives that Cause from the SIP status of a refusal: a Reason header there does not come through.
    (1, 1, 404),
    (17, 17, 486),
    (18, 18, 408),
    (19, 19, 480),
    (20, 19, 480),
    (21, 21, 403),
    (22, 22, 410),
    (27, 27, 502),
    (28, 28, 484),
    (34, 34, 503),
    (38, 38, 500),
    (42, 34, 503),
    (58, 58, 488),
    (0, 21, 603),
)


async def test_a_refused_call_ends_with_the_networks_cause_and_sip_status(tmp_path: Path) -> None:
    async def refuse(session: AgiSession) -> None:
        await session.execute(command("EXEC", "Hangup", str(int(session.argument(1)[-2:]))), LIMIT)

    seen = []
    async with (
        AgiServer("127.0.0.1", 0, refuse) as agi,
        pbx_pair(tmp_path, network_agi_port=agi.port) as pair,
        logged_in(pair.engine) as ami,
    ):
        for sent, *_ in CAUSES:
            end = await ami.dial(f"03572200{sent:02}", f"refused-{sent}")
            seen.append((sent, int(end["Cause"]), int(end["TechCause"])))
    assert seen == list(CAUSES)


@pytest.mark.parametrize("codec", ["ulaw", "alaw"])
async def test_an_answered_call_runs_the_agi_session_in_the_trunks_codec(tmp_path: Path, codec: str) -> None:
    sessions: list[tuple[str, str, str]] = []

    async def engine(session: AgiSession) -> None:
        shown = await pair.engine.command(f"core show channel {session.environment['agi_channel']}")
        formats = re.search(r"NativeFormats: \((\w+)\)", shown)
        sessions.append((session.unique_id, session.argument(1), formats[1] if formats else shown))

    async with (
        AgiServer("127.0.0.1", 0, engine) as agi,
        pbx_pair(tmp_path, agi_port=agi.port, network=Network(load_seconds=20), trunk={"codecs": (codec,)}) as pair,
        logged_in(pair.engine) as ami,
    ):
        end = await ami.dial(NUMBER, "answered")
    assert sessions == [("answered", "token", codec)]
    assert end["Cause"] == "16"


async def test_the_callee_sees_the_offices_number_and_the_dialled_one(tmp_path: Path) -> None:
    seen: list[tuple[str, str]] = []

    async def callee(session: AgiSession) -> None:
        seen.append((session.environment["agi_callerid"], session.argument(1)))
        await session.execute(command("EXEC", "Hangup", "17"), LIMIT)

    async with (
        AgiServer("127.0.0.1", 0, callee) as agi,
        pbx_pair(tmp_path, network_agi_port=agi.port, trunk={"asserted_identity": True}) as pair,
        logged_in(pair.engine) as ami,
    ):
        await ami.dial(NUMBER, "national")
        await ami.dial("+81357220001", "international")
    assert seen == [(OFFICE, NUMBER), (OFFICE, "+81357220001")]


async def test_nothing_is_played_and_the_call_ends_when_the_engines_agi_is_away(tmp_path: Path) -> None:
    async with pbx_pair(tmp_path, network=Network(load_seconds=20)) as pair, logged_in(pair.engine) as ami:
        assert (await ami.dial(NUMBER, "alone"))["Cause"] == "16"


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_a_trunk_with_digest_and_registration_is_registered_and_carries_calls(
    tmp_path: Path, transport: str
) -> None:
    network = Network(username="yobirin", password="p;a ss\\word#[x]", transport=transport, load_seconds=1)  # type: ignore[arg-type]
    trunk = {
        "username": "yobirin",
        "password": "p;a ss\\word#[x]",
        "register": True,
        "from_domain": "ims.example.jp",
        "transport": transport,
    }
    async with pbx_pair(tmp_path, network=network, trunk=trunk) as pair, logged_in(pair.engine) as ami:
        async with asyncio.timeout(LIMIT):
            while "Registered" not in await pair.engine.command("pjsip show registrations"):
                await asyncio.sleep(0.1)
        assert "yobirin/sip:yobirin@" in await pair.network.command("pjsip show contacts")
        assert (await ami.dial(NUMBER, "digest"))["Cause"] == "16"


async def test_a_wrong_trunk_password_is_refused_and_says_401(tmp_path: Path) -> None:
    network = Network(username="yobirin", password="right", load_seconds=1)
    async with (
        pbx_pair(tmp_path, network=network, trunk={"username": "yobirin", "password": "wrong"}) as pair,
        logged_in(pair.engine) as ami,
    ):
        end = await ami.dial(NUMBER, "refused")
    assert end["TechCause"] == "401"


async def test_a_call_cannot_be_led_past_the_trunk_by_its_address(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as elsewhere:
        elsewhere.bind(("127.0.0.1", 0))
        elsewhere.setblocking(False)
        away = f"PJSIP/trunk/sip:{NUMBER}@127.0.0.1:{elsewhere.getsockname()[1]}"
        async with pbx_pair(tmp_path, network=Network(load_seconds=1)) as pair, logged_in(pair.engine) as ami:
            assert (await ami.dial(NUMBER, "led-away", channel=away))["Cause"] == "16"
        with pytest.raises(BlockingIOError):
            elsewhere.recv(1)


async def test_the_pbx_itself_ends_a_call_at_the_limit_that_came_with_the_order(tmp_path: Path) -> None:
    async def stay(session: AgiSession) -> None:
        try:
            await session.execute(command("WAIT FOR DIGIT", "60000"), 60)
        except CallLost:
            return

    async with (
        AgiServer("127.0.0.1", 0, stay) as agi,
        pbx_pair(
            tmp_path,
            agi_port=agi.port,
            network=Network(load_seconds=60),
        ) as pair,
        logged_in(pair.engine) as ami,
    ):
        began = asyncio.get_running_loop().time()
        await ami.dial(NUMBER, "endless", variable="TIMEOUT(absolute)=2")
        assert 1.5 < asyncio.get_running_loop().time() - began < 5


async def test_stopping_hangs_up_the_calls_that_are_under_way(tmp_path: Path) -> None:
    answered = asyncio.Event()

    async def stay(session: AgiSession) -> None:
        answered.set()
        await session.execute(command("WAIT FOR DIGIT", "60000"), 60)

    async with (
        AgiServer("127.0.0.1", 0, stay) as agi,
        pbx_pair(tmp_path, agi_port=agi.port, network=Network(load_seconds=60)) as pair,
        logged_in(pair.engine) as ami,
    ):
        await ami.act(
            "Originate",
            Channel=f"PJSIP/{NUMBER}@trunk",
            Context="ivr-call",
            Exten="start",
            Priority=1,
            Async="true",
        )
        async with asyncio.timeout(LIMIT):
            await answered.wait()
        assert "1 active call" in await pair.network.command("core show channels")
        await pair.engine.stop()
        async with asyncio.timeout(5):
            while "0 active calls" not in await pair.network.command("core show channels"):
                await asyncio.sleep(0.1)


@pytest.mark.parametrize(("trunk_host", "status"), [("127.0.0.1", 486), ("192.0.2.1", 401)])
async def test_inbound_calls_hear_busy_from_the_trunk_and_are_refused_from_anywhere_else(
    tmp_path: Path, trunk_host: str, status: int
) -> None:
    config = engine_config(tmp_path, Trunk(host=trunk_host, port=free_port(socket.SOCK_DGRAM)))
    async with started(config):
        answer = await asyncio.to_thread(_invite, config.sip_port, "0057220001")
    assert answer == status


async def test_no_number_is_ever_in_the_log_however_a_call_fails(tmp_path: Path) -> None:
    secret_number = "0357229876"
    far = network_config(tmp_path / "far", Network(username="yobirin", password="x"))
    near = engine_config(
        tmp_path / "near", Trunk(host="127.0.0.1", port=far.sip_port, caller_id=OFFICE, codecs=("alaw",))
    )
    async with started(far) as network, started(near) as engine, logged_in(engine) as ami:
        for index, channel in enumerate(
            (
                f"PJSIP/{secret_number}@trunk",
                f"PJSIP/sip:{secret_number}@trunk",
                f"PJSIP/trunk/sip:{secret_number}@127.0.0.1:9",
                f"PJSIP/trunk/tel:{secret_number}",
                f"PJSIP/{secret_number}@nowhere",
                f"Nothing/{secret_number}",
                f"PJSIP/{secret_number}@127.0.0.1@trunk",
            )
        ):
            await ami.act("Originate", Channel=channel, Context="ivr-call", Exten="start", Priority=1, ActionID=index)
        await network.stop()
        await ami.act(
            "Originate",
            Channel=f"PJSIP/{secret_number}@trunk",
            Context="ivr-call",
            Exten="start",
            Priority=1,
            Timeout=1000,
        )
        await engine.stop()
        logs = [path.read_text() for path in tmp_path.rglob("asterisk.log*")]
        everything = [
            path for path in tmp_path.rglob("*") if path.is_file() and secret_number.encode() in path.read_bytes()
        ]
    assert any("PJSIP" in text for text in logs), "the calls were to leave complaints"
    assert everything == []


def _invite(port: int, number: str) -> int:
    """Send a bare INVITE and return the final status."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
        phone.bind(("127.0.0.1", 0))
        phone.settimeout(LIMIT)
        here = f"127.0.0.1:{phone.getsockname()[1]}"
        sdp = (
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
            "m=audio 40000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
        )
        phone.sendto(
            (
                f"INVITE sip:{number}@127.0.0.1:{port} SIP/2.0\r\nVia: SIP/2.0/UDP {here};branch=z9hG4bK1\r\n"
                f"From: <sip:0312345678@127.0.0.1>;tag=1\r\nTo: <sip:{number}@127.0.0.1>\r\nCall-ID: 1@{here}\r\n"
                f"CSeq: 1 INVITE\r\nContact: <sip:x@{here}>\r\nMax-Forwards: 70\r\n"
                f"Content-Type: application/sdp\r\nContent-Length: {len(sdp)}\r\n\r\n{sdp}"
            ).encode(),
            ("127.0.0.1", port),
        )
        while True:
            status = int(phone.recv(65536).split()[1])
            if status >= 200:
                return status
