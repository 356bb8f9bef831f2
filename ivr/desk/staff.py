"""The members of staff who try out what others are to get."""

from __future__ import annotations

from ivr.domain import phone
from ivr.errors import InputError
from ivr.settings import Settings


def staff_number(chosen: Settings, to: str) -> str:
    """Return the E.164 number of a member of staff; raise InputError for anybody else's."""
    number = phone.parse(to).e164
    if number not in {phone.parse(one).e164 for one in chosen.calling.staff_numbers}:
        raise InputError(
            "試しの電話は、設定 calling.staff_numbers に書いた職員の番号にだけかけられます。SMS も同じです。"
            "市民に届いてしまわないためです。"
        )
    return number
