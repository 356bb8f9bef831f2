"""Texts with variables: `{kana}` stands for a value, `{{` and `}}` for braces."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

TOKEN = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


def variables(text: str) -> tuple[str, ...]:
    """Return the names of the variables in `text`, in order, each once."""
    names: Iterable[str | None] = (token[1] for token in TOKEN.finditer(text))
    return tuple(dict.fromkeys(name.strip() for name in names if name and name.strip()))


def filled(text: str, values: Mapping[str, str]) -> str:
    """Return `text` with its variables replaced; KeyError for one that has no value."""

    def value(token: re.Match[str]) -> str:
        return token[0][0] if token[1] is None else values[token[1].strip()]

    return TOKEN.sub(value, text)


def fixed(text: str) -> str:
    """Return what is written in `text` itself, its variables left out."""
    return TOKEN.sub(lambda token: token[0][0] if token[1] is None else "", text)
