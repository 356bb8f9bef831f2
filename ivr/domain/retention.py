"""How long people are kept: to the end of a month, so many months after the last call."""

from __future__ import annotations

from datetime import date


def erased_from(last: date, months: int) -> date:
    """Return the first day on which a campaign is to be erased whose last call was on `last`.

    With 2 months that is the first of the third month after: kept to the end of the second (目黒区).
    """
    month = last.year * 12 + last.month - 1 + months + 1
    return date(month // 12, month % 12 + 1, 1)
