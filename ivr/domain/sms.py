"""How a text fits into short messages (3GPP TS 23.040, UCS-2), and which of its characters a carrier may not show.

A message holds 70 UTF-16 units; of several that belong together each holds 67, since three go to the header that joins
them. Japanese carriers take 660 at most in all. What is outside JIS X 0208 and ASCII may arrive as 〓 or not at all.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator
from dataclasses import dataclass

SINGLE, PART, LONGEST = 70, 67, 660
"""UTF-16 units in a message that stands alone, in one of several, and in all."""

_INSTEAD = {
    **dict(zip("髙﨑𠮷德濵栁", "高崎吉徳浜柳", strict=True)),
    **dict(zip("～－—∥", "〜−―‖", strict=True)),
}
"""What staff write where a carrier has no such character; NFKC tells the rest (① is 1, ㈱ is (株))."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Odd:
    """A character that a carrier may not show, and what may stand in its place; empty where nothing is near."""

    character: str
    instead: str


def units(text: str) -> int:
    """Return how many UTF-16 units a text has: what its length is counted in; a line break is one."""
    return len(text.encode("utf-16-be", "surrogatepass")) // 2


def parts(text: str) -> tuple[str, ...]:
    """Return a text as it goes out: whole where it fits into one message, else cut; no character is cut in two."""
    if units(text) <= SINGLE:
        return (text,)
    return tuple(_cut(text))


def _cut(text: str) -> Iterator[str]:
    part, length = "", 0
    for character in text:
        more = units(character)
        if length + more > PART:
            yield part
            part, length = "", 0
        part += character
        length += more
    yield part


def odd_characters(text: str) -> tuple[Odd, ...]:
    """Return the characters of a text that a carrier may not show, each once, in order."""
    return tuple(Odd(character=one, instead=_instead(one)) for one in dict.fromkeys(text) if not _shown(one))


def _shown(character: str) -> bool:
    if character == "\n":
        return True
    if not character.isprintable():
        return False
    try:
        character.encode("iso2022_jp")
    except UnicodeEncodeError:
        return False
    return True


def _instead(character: str) -> str:
    near = _INSTEAD.get(character) or unicodedata.normalize("NFKC", character)
    return near if near != character and all(map(_shown, near)) else ""


OFFICE, OFFICE_PHONE, URL = "office", "office_phone", "url"
"""The variables of a text that the settings and the template itself give."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """What is sent to every recipient; `url` is what `{url}` stands for, empty where the text has no link."""

    body: str
    url: str = ""


_LINK = re.compile(r"https?://\S*|(?:[a-z0-9-]+\.)+[a-z]{2,}(?![a-z0-9-])\S*")
"""What a phone may make a link of: an address with its scheme, or a name of a place without one."""


def links(text: str) -> tuple[str, ...]:
    """Return what a phone may make links of, in a text as it is written or in full-width letters."""
    return tuple(_LINK.findall(unicodedata.normalize("NFKC", text).lower()))


def leads_to(url: str, domains: Collection[str]) -> bool:
    """Tell whether a link leads to one of `domains` or to a place within one, by HTTPS and to nowhere else on the way.

    A name before @, a port, or anything but plain letters in the host is refused: it can look like another place.
    """
    found = re.fullmatch(r"https://([a-z0-9-]+(?:\.[a-z0-9-]+)+)(?:/[!-~]*)?", url)
    return found is not None and any(found[1] == domain or found[1].endswith(f".{domain}") for domain in domains)
