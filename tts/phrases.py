"""Cut a template into phrases: what is the same for everyone, and what is said to one person.

A phrase is a sentence. One without a variable is rendered once and shared; one with a variable is rendered whole with
the value in it, so that it has one melody. Cutting such a sentence at its commas would share more, but a clause
rendered alone ends 3 to 5 semitones off what it has inside its sentence, and that is heard.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from tts.errors import TemplateError
from tts.reading import Variable

_CLOSERS = "」』）)］】〉》”’\"'"
_END = re.compile(rf"(?:[。！？!?．｡\n]|\.(?=\s))[。！？!?．｡.\s{_CLOSERS}]*")
_TOKEN = re.compile(r"\{\{|\}\}|\{(?P<name>[^{}]*)\}|[{}]")

SENTENCE_PAUSE = 0.45
LINE_PAUSE = 0.7
CLAUSE_PAUSE = 0.25


@dataclass(frozen=True, slots=True)
class Phrase:
    """One sentence of a template.

    `source` is its stretch of the template, `parts` the same with variables found and escapes undone, and `pause` the
    silence in seconds that follows it.
    """

    source: str
    parts: tuple[str | Variable, ...]
    pause: float

    @property
    def variables(self) -> tuple[str, ...]:
        """The names of the variables in it, in order, each once."""
        return tuple(dict.fromkeys(part.name for part in self.parts if isinstance(part, Variable)))


@lru_cache(maxsize=1024)
def phrases(template: str) -> tuple[Phrase, ...]:
    """Return the phrases of `template`; their sources joined are `template` again.

    `{name}` is a variable; `{{` and `}}` are braces. Raises TemplateError.
    """
    return tuple(_phrase(source) for source in _sentences(template))


def variables(template: str) -> tuple[str, ...]:
    """Return the names of the variables of `template`, in order, each once. Raises TemplateError."""
    return tuple(dict.fromkeys(name for phrase in phrases(template) for name in phrase.variables))


def escape(text: str) -> str:
    """Return `text` as a template that says just that."""
    return text.replace("{", "{{").replace("}", "}}")


def _sentences(template: str) -> Iterator[str]:
    """Yield the sentences of `template`, each with the punctuation and the blanks that end it."""
    start = 0
    for end in _ends(template):
        if template[start:end].strip():
            yield template[start:end]
            start = end
    if template[start:]:
        yield template[start:]


def _ends(template: str) -> Iterator[int]:
    """Yield where sentences end; the full stop of a variable's name ends none."""
    inside = [found.span() for found in _checked(template) if found["name"] is not None]
    for found in _END.finditer(template):
        if not any(start < found.start() < end for start, end in inside):
            yield found.end()


def _phrase(source: str) -> Phrase:
    parts: list[str | Variable] = []
    text = ""
    at = 0
    for found in _TOKEN.finditer(source):
        text += source[at : found.start()]
        at = found.end()
        if found["name"] is None:
            text += found[0][0]
            continue
        if text:
            parts.append(text)
        parts.append(Variable(found["name"].strip()))
        text = ""
    text += source[at:]
    if text:
        parts.append(text)
    return Phrase(source, tuple(parts), _pause(source))


def _pause(source: str) -> float:
    ending = source.rstrip(" \t\r　" + _CLOSERS)
    if ending.endswith("\n"):
        return LINE_PAUSE
    if ending.endswith(("、", ",", "，", ":", "：")):
        return CLAUSE_PAUSE
    return SENTENCE_PAUSE


def _checked(template: str) -> Iterator[re.Match[str]]:
    """Yield the braces of `template`, escaped ones and variables. Raises TemplateError at the first that is neither."""
    for found in _TOKEN.finditer(template):
        if found[0] in {"{", "}"}:
            raise TemplateError(f"a lone {found[0]} (write {found[0] * 2} for the character)", found.start())
        name = found["name"]
        if name is not None and not name.strip():
            raise TemplateError("a variable without a name", found.start())
        if name is not None and "\n" in name:
            raise TemplateError("a variable that goes over the end of a line", found.start())
        yield found
