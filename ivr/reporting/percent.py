"""A share as people read it: the same on a page, on paper, and as a spreadsheet rounds it. Pure."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal


def percent(share: float, places: int = 1) -> str:
    """Return a share of 1 in percent, a half rounded up: 3 of 48 are 6.3%, as in Excel, and not 6.2%."""
    exact = Decimal(repr(float(share))) * 100
    return f"{exact.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)}%"
