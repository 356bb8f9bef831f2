"""The second factor: six digits from an app on a telephone (TOTP, RFC 6238), or a code from a piece of paper.

Nothing is asked of a server: the telephone needs no network.
"""

from __future__ import annotations

import io
import re
import secrets
import unicodedata
from datetime import datetime

import pyotp
import segno

STEP_S = 30
"""Seconds for which a code holds."""

DRIFT = 1
"""Steps by which a telephone's clock may be early or late."""

PAPER_CODES = 10

ISSUER = "呼鈴"


def new_seed() -> str:
    """Return what a telephone and we make the same codes from: 160 bits, Base32."""
    return pyotp.random_base32()


def uri(seed: str, name: str) -> str:
    """Return what an app reads from the QR code."""
    return pyotp.TOTP(seed).provisioning_uri(name=name, issuer_name=ISSUER)


def qr_code(seed: str, name: str) -> str:
    """Return the QR code as SVG, to stand within a page."""
    out = io.BytesIO()
    code = segno.make(uri(seed, name), error="m", micro=False)
    code.save(out, kind="svg", scale=5, xmldecl=False, svgns=True, nl=False, title="確認コードの設定用 QR コード")
    return out.getvalue().decode("utf-8")


def step_of(seed: str, code: str, now: datetime) -> int | None:
    """Return the step of time whose code `code` is, None where it is none of those that hold about `now`."""
    typed = re.sub(r"\s", "", unicodedata.normalize("NFKC", code))
    if not re.fullmatch(r"[0-9]{6}", typed):
        return None
    current = int(now.timestamp()) // STEP_S
    totp = pyotp.TOTP(seed)
    for step in range(current - DRIFT, current + DRIFT + 1):
        if secrets.compare_digest(totp.generate_otp(step), typed):
            return step
    return None


def new_paper_codes() -> tuple[str, ...]:
    """Return codes to keep on paper, each of which works once: 50 bits each."""
    alphabet = "abcdefghjkmnpqrstuvwxyz23456789"
    return tuple(
        "-".join("".join(secrets.choice(alphabet) for _ in range(5)) for _ in range(2)) for _ in range(PAPER_CODES)
    )


def plain_paper_code(code: str) -> str:
    """Return a code from paper as it is kept, however it was typed."""
    return re.sub(r"[^a-z0-9]", "", unicodedata.normalize("NFKC", code).casefold())
