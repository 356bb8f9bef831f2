"""Whom the claims of a token name, in our words. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ivr.domain.account import LONGEST_DISPLAY, Link, unfit_name, unfit_words

MOST_GROUPS = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Somebody, as the provider knows them. `name` is "" where nobody of ours can be called so."""

    link: Link
    name: str
    display: str
    groups: frozenset[str]


def identity_of(claims: Mapping[str, Any], *, name_claim: str, name_domain: str | None, groups_claim: str) -> Identity:
    """Return whom the claims of a verified token name."""
    # An address that anybody may have typed in says nothing of whose it is.
    unproven = name_claim == "email" and claims.get("email_verified", True) not in (True, "true")
    name = "" if unproven else _name(_claim(claims, name_claim), name_domain)
    told = claims.get("name")
    display = told.strip() if isinstance(told, str) else ""
    groups = _claim(claims, groups_claim)
    listed = groups if isinstance(groups, list) else [groups]
    return Identity(
        link=Link(issuer=claims["iss"], subject=claims["sub"]),
        name=name,
        display=name if unfit_words(display, "", LONGEST_DISPLAY) else display,
        groups=frozenset(one for one in listed[:MOST_GROUPS] if isinstance(one, str)),
    )


def _claim(claims: Mapping[str, Any], name: str) -> object:
    """Return the claim `name`, or what lies below it along its dots (`realm_access.roles`)."""
    if name in claims:
        return claims[name]
    found: object = claims
    for part in name.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def _name(told: object, domain: str | None) -> str:
    # Letters of other scripts fold to ours: what only looks like a name of ours is none.
    name = told.casefold() if isinstance(told, str) and told.isascii() else ""
    if domain is not None:
        name, _, rest = name.partition("@")
        if rest != domain:
            return ""
    return name if unfit_name(name) is None else ""
