"""SIP and RTP as a telephone needs them, without a socket (RFC 3261, 4566, 3550, 4733)."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

PCMU = 0
FRAME_SAMPLES = 160
FRAME_SECONDS = 0.02
SILENCE = b"\xff" * FRAME_SAMPLES
KEYS = "0123456789*#"

END_PACKETS = 3
"""How often the last packet of a key is sent (RFC 4733, 2.5.1.4)."""


@dataclass(frozen=True, slots=True)
class SipMessage:
    """A request (`method`) or response (`status`); header names are in lower case, the first of each name counts."""

    method: str
    target: str
    status: int
    headers: dict[str, str]
    vias: tuple[str, ...]
    body: str


def parse(data: bytes) -> SipMessage:
    """Read one datagram; ValueError for what is no SIP."""
    head, _, body = data.decode("utf-8").partition("\r\n\r\n")
    first, *lines = head.split("\r\n")
    headers: dict[str, str] = {}
    vias = []
    for line in lines:
        name, _, value = line.partition(":")
        headers.setdefault(name.strip().lower(), value.strip())
        if name.strip().lower() == "via":
            vias.append(value.strip())
    if first.startswith("SIP/2.0 "):
        return SipMessage("", "", int(first.split()[1]), headers, tuple(vias), body)
    method, target, _ = first.split()
    return SipMessage(method, target, 0, headers, tuple(vias), body)


def response(
    request: SipMessage, status: int, reason: str, *, tag: str = "", contact: str = "", sdp: str = ""
) -> bytes:
    """Return the response to `request`."""
    to = request.headers["to"]
    if tag and ";tag=" not in to:
        to += f";tag={tag}"
    lines = [f"SIP/2.0 {status} {reason}", *(f"Via: {via}" for via in request.vias), f"To: {to}"]
    lines += [f"{name}: {request.headers[name.lower()]}" for name in ("From", "Call-ID", "CSeq")]
    return _message(lines, contact, sdp)


def bye(invite: SipMessage, *, tag: str, contact: str) -> bytes:
    """Return our BYE within the dialogue that `invite` began."""
    target = re.sub(r"^.*<([^>]+)>.*$", r"\1", invite.headers["contact"])
    lines = [
        f"BYE {target} SIP/2.0",
        f"Via: SIP/2.0/UDP {contact};branch=z9hG4bK{tag}bye;rport",
        "Max-Forwards: 70",
        f"From: {invite.headers['to']};tag={tag}",
        f"To: {invite.headers['from']}",
        f"Call-ID: {invite.headers['call-id']}",
        "CSeq: 1 BYE",
    ]
    return _message(lines, "", "")


def _message(lines: list[str], contact: str, sdp: str) -> bytes:
    if contact:
        lines.append(f"Contact: <sip:callee@{contact}>")
    if sdp:
        lines.append("Content-Type: application/sdp")
    return "\r\n".join([*lines, f"Content-Length: {len(sdp)}", "", sdp]).encode()


def number_of(invite: SipMessage) -> str:
    """Return the number that is called."""
    return re.sub(r"^sips?:([^@;]+).*$", r"\1", invite.target)


def offer(sdp: str) -> tuple[tuple[str, int], int]:
    """Return where the caller wants its audio and the payload type of its keys (RFC 4733)."""
    host = re.search(r"^c=IN IP4 (\S+)", sdp, re.MULTILINE)
    port = re.search(r"^m=audio (\d+)", sdp, re.MULTILINE)
    event = re.search(r"^a=rtpmap:(\d+) telephone-event/8000", sdp, re.MULTILINE)
    if host is None or port is None or event is None:
        raise ValueError("an offer without audio or without keys")
    return (host[1], int(port[1])), int(event[1])


def answer_sdp(host: str, port: int, event: int) -> str:
    """Return the answer: PCMU, and keys as RTP events."""
    return "\r\n".join(
        [
            "v=0",
            f"o=- 1 1 IN IP4 {host}",
            "s=-",
            f"c=IN IP4 {host}",
            "t=0 0",
            f"m=audio {port} RTP/AVP {PCMU} {event}",
            f"a=rtpmap:{PCMU} PCMU/8000",
            f"a=rtpmap:{event} telephone-event/8000",
            f"a=fmtp:{event} 0-16",
            "a=ptime:20",
            "",
        ]
    )


def rtp(payload_type: int, sequence: int, timestamp: int, ssrc: int, payload: bytes, *, marker: bool = False) -> bytes:
    """Return a packet."""
    kind = payload_type | (0x80 if marker else 0)
    return struct.pack("!BBHII", 0x80, kind, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, ssrc) + payload


def key_event(key: str, samples: int, *, end: bool) -> bytes:
    """Return the payload of a key that has been held for `samples`."""
    return struct.pack("!BBH", KEYS.index(key), (0x80 if end else 0) | 10, samples)


def payload_of(packet: bytes) -> tuple[int, bytes]:
    """Return payload type and payload of a packet without extensions."""
    return packet[1] & 0x7F, packet[12 + 4 * (packet[0] & 0x0F) :]
