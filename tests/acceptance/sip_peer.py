"""A SIP peer that is not Asterisk: SIPp answers by a scenario of ours, and a handset of ours has its RTP.

SIPp sends RTP events through raw sockets only, which need root; so the handset has the address in the answer's SDP.
"""

from __future__ import annotations

import socket
import struct
import subprocess
import threading
from contextlib import suppress
from pathlib import Path
from typing import Self

import jinja2
import numpy as np

from ivr.rehearsal.ports import free_port
from ivr.rehearsal.sounds import RATE, Samples
from tests.acceptance.command import until
from tests.asterisk.pbx_pair import ROOT
from tts import g711

SIPP = ROOT / ".asterisk" / "bin" / "sipp"

PCMU, EVENT = 0, 101
"""RTP payload types, the second as the SDP below says."""

_TEMPLATE = Path(__file__).with_name("sipp_callee.xml.j2")
_SDP = """\
v=0
o=peer 1 1 IN IP4 127.0.0.1
s=-
c=IN IP4 127.0.0.1
t=0 0
m=audio {port} RTP/AVP 0 101
a=rtpmap:0 PCMU/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-15
a=ptime:20
"""

FRAME = 160
"""Samples of 20 ms."""

LOUD = 130.0
HUSH = b"\xff" * FRAME
LOSABLE = 500
"""Packets. Where the numbers are further apart, they have begun anew."""
POUND = 11
"""RFC 4733, 3.2: the event code of `#`; a digit's is the digit."""


class Handset:
    """Receives one call's RTP and presses a key, once, when something was said and the line has been silent since."""

    def __init__(self, silence: float = 0.5, key: int | None = POUND) -> None:
        self._silence = silence
        self._key = key
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(FRAME / RATE)
        self.port: int = self._socket.getsockname()[1]
        self.pressed_at: int | None = None
        self._frames: list[bytes] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._listen)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._over.set()
        self._thread.join()
        self._socket.close()

    @property
    def heard(self) -> Samples:
        """Return the audio that came, without the gaps in which none was sent; what got lost is silence."""
        return g711.from_ulaw(b"".join(self._frames))

    def _listen(self) -> None:
        quiet, spoken = 0.0, False
        last: int | None = None
        while not self._over.is_set():
            try:
                packet, sender = self._socket.recvfrom(2048)
            except TimeoutError:
                quiet += FRAME / RATE
                packet = b""
            if len(packet) > 12 and packet[1] & 0x7F == PCMU:
                number = int.from_bytes(packet[2:4])
                lost = 0 if last is None else (number - last - 1) % 65536
                if lost < LOSABLE:
                    self._frames += [HUSH] * lost
                last = number
                self._frames.append(packet[12:])
                samples = g711.from_ulaw(packet[12:]).astype(np.float64)
                loud = float(np.sqrt(np.mean(samples**2))) > LOUD
                spoken = spoken or loud
                quiet = 0.0 if loud else quiet + samples.size / RATE
            if self._key is not None and spoken and quiet >= self._silence and self.pressed_at is None:
                self.pressed_at = len(self._frames) * FRAME
                self._press(sender, self._key)

    def _press(self, to: tuple[str, int], key: int) -> None:
        """Send the key as RFC 4733 has it: one timestamp, growing durations, the end three times."""
        packets = [(False, 160 * n) for n in range(1, 6)] + [(True, 800)] * 3
        for number, (end, duration) in enumerate(packets):
            marker = 0x80 if number == 0 else 0
            header = struct.pack("!BBHII", 0x80, marker | EVENT, number + 1, 0, 0x1234)
            event = struct.pack("!BBH", key, (0x80 if end else 0) | 10, duration)
            self._socket.sendto(header + event, to)
            if not end:
                self._over.wait(FRAME / RATE)


class SipPeer:
    """SIPp as the trunk's other end; with a `challenge` (401 or 407) every INVITE has to prove the password.

    It hangs up `talks` milliseconds after the call is established.
    """

    def __init__(
        self,
        folder: Path,
        handset: Handset,
        *,
        talks: int,
        challenge: int | None = None,
        username: str = "",
        password: str = "",
    ) -> None:
        self.port = free_port(socket.SOCK_DGRAM)
        self._folder = folder
        folder.mkdir()
        scenario = folder / "callee.xml"
        scenario.write_text(
            _scenario(
                talks=talks,
                challenge=challenge,
                username=username,
                password=password,
                contact="Contact: <sip:peer@[local_ip]:[local_port]>\n",
                sdp=_SDP.format(port=handset.port),
            ),
            "utf-8",
        )
        self._arguments: list[str | Path] = [
            SIPP,
            "127.0.0.1",
            "-sf",
            scenario,
            "-i",
            "127.0.0.1",
            "-p",
            str(self.port),
            "-nostdin",
        ]
        self._arguments += ["-trace_msg", "-message_file", folder / "messages.log", "-nd"]

    def __enter__(self) -> Self:
        with (self._folder / "screen.log").open("wb") as screen:
            self._process = subprocess.Popen(
                self._arguments, cwd=self._folder, stdin=subprocess.DEVNULL, stdout=screen, stderr=screen
            )
        until(self._bound, 10, "SIPp takes messages")
        return self

    def __exit__(self, *_exc: object) -> None:
        for send in (self._process.terminate, self._process.kill):
            if self._process.poll() is None:
                send()
                with suppress(subprocess.TimeoutExpired):
                    self._process.wait(5)

    def received(self, method: str) -> list[str]:
        """Return every request of `method` that came, whole."""
        log = self._folder / "messages.log"
        text = log.read_text("utf-8", "replace") if log.exists() else ""
        blocks = text.split("-----------------------------------------------")
        return [block for block in blocks if "message received" in block and f"\n{method} sip:" in block]

    def _bound(self) -> bool:
        assert self._process.poll() is None, (self._folder / "screen.log").read_text()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind(("127.0.0.1", self.port))
            except OSError:
                return True
        return False


_CALLER = """\
<?xml version="1.0" encoding="UTF-8"?>
<scenario name="caller">
  <send retrans="500"><![CDATA[
INVITE sip:{office}@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/UDP [local_ip]:[local_port];branch=[branch]
From: <sip:{caller}@[local_ip]:[local_port]>;tag=caller
To: <sip:{office}@[remote_ip]:[remote_port]>
Call-ID: [call_id]
CSeq: 1 INVITE
Contact: <sip:{caller}@[local_ip]:[local_port]>
Max-Forwards: 70
Content-Type: application/sdp
Content-Length: [len]

{sdp}]]></send>
  <recv response="100" optional="true"/>
  <recv response="180" optional="true"/>
  <recv response="{status}" rrs="true"/>
  <send><![CDATA[
ACK sip:{office}@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/UDP [local_ip]:[local_port];branch=[branch]
From: <sip:{caller}@[local_ip]:[local_port]>;tag=caller
[last_To:]
Call-ID: [call_id]
CSeq: 1 ACK
Max-Forwards: 70
Content-Length: 0

]]></send>
{rest}
</scenario>
"""
_UNTIL_BYE = """\
  <recv request="BYE"/>
  <send><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:]
[last_Call-ID:]
[last_CSeq:]
Content-Length: 0

]]></send>
"""


def ring(folder: Path, port: int, handset: Handset, *, caller: str, answered: bool = True) -> None:
    """Ring the office whose SIP port is `port` as `caller`, until it hangs up; fail where it does not answer so."""
    folder.mkdir(parents=True)
    scenario = folder / "caller.xml"
    scenario.write_text(
        _CALLER.format(
            office="0357220000",
            caller=caller,
            sdp=_SDP.format(port=handset.port),
            status=200 if answered else 486,
            rest=_UNTIL_BYE if answered else "",
        ),
        "utf-8",
    )
    own = free_port(socket.SOCK_DGRAM)
    command = [SIPP, f"127.0.0.1:{port}", "-sf", scenario, "-i", "127.0.0.1", "-p", str(own), "-m", "1", "-nostdin"]
    with (folder / "screen.log").open("wb") as screen:
        done = subprocess.run(
            [*command, "-trace_err", "-error_file", folder / "errors.log"],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=screen,
            stderr=screen,
            timeout=60,
        )
    assert done.returncode == 0, (folder / "screen.log").read_text("utf-8", "replace")[-2000:]


def _scenario(**values: object) -> str:
    template = jinja2.Environment(
        undefined=jinja2.StrictUndefined, keep_trailing_newline=True, trim_blocks=False
    ).from_string(_TEMPLATE.read_text("utf-8"))
    return template.render(values).lstrip()
