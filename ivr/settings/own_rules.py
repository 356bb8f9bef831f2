"""A campaign's own rules: a file with some of the keys of `calling`, over what the settings say of the others.

Its times lie within the office's: nobody is dialled when either is closed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError

from ivr import yaml_source
from ivr.domain.calling_rules import Rules
from ivr.domain.texting_rules import TextRules
from ivr.errors import InputError, Problem, Problems
from ivr.settings.calling import Calling
from ivr.settings.mistakes import echo, message

OWN = (
    "windows",
    "closed_days",
    "special_days",
    "retries",
    "cascade",
    "order",
    "best_hour",
    "one_call_per_number",
    "texts",
    "weight",
)

NOTHING: Mapping[str, object] = MappingProxyType({})


def read_own(path: Path, calling: Calling) -> Mapping[str, Any]:
    """Return what the file at `path` says, JSON-ready; raise NotFound, and Problems with everything that is wrong."""
    problems: list[Problem] = []
    document = yaml_source.read(path, problems=problems)
    said = document.value
    if not isinstance(said, dict) or not said:
        raise Problems([*problems, document.problem((), f"規則は「項目名: 値」の形で書いてください。{_KNOWN}")])
    problems += (
        document.problem((key,), f"「{key}」は書けません。{yaml_source.suggestion(key, OWN)}{_KNOWN}")
        for key in said
        if key not in OWN
    )
    own = {key: value for key, value in said.items() if key in OWN}
    try:
        Calling.model_validate(_merged(calling, own))
    except ValidationError as error:
        problems += (
            document.problem((*one["loc"], *one.get("ctx", {}).get("at", ())), message(one, Calling))
            for one in error.errors(include_url=False)
            if not echo(one)
        )
    if problems:
        raise Problems(set(problems))
    return own


_KNOWN = f"使えるのは {'、'.join(OWN)} です。"


STAFF_CALL: Mapping[str, object] = MappingProxyType(
    {"retries": {"total": 1}, "cascade": [], "best_hour": False, "caps": []}
)
"""The rules of a test call to a member of staff. No file can give them: none may lift the caps."""


def rules_of(calling: Calling, own: Mapping[str, object]) -> Rules:
    """Return the rules of a campaign that has its `own`; raise InputError where they do not go with the settings."""
    office, rules = calling.rules(), calling_of(calling, own).rules()
    return replace(rules, calendar=replace(rules.calendar, within=office.calendar)) if own else office


def text_rules_of(calling: Calling, own: Mapping[str, object]) -> TextRules:
    """Return whom a campaign that has its `own` rules sends texts, and when; InputError as above."""
    office, rules = calling.text_rules(), calling_of(calling, own).text_rules()
    return replace(rules, calendar=replace(rules.calendar, within=office.calendar)) if own else office


def calling_of(calling: Calling, own: Mapping[str, object]) -> Calling:
    """Return `calling` as it is for a campaign with its `own` rules; raise InputError where the two disagree."""
    try:
        return Calling.model_validate(_merged(calling, own)) if own else calling
    except ValidationError as error:
        reasons = " ".join(message(one, Calling) for one in error.errors(include_url=False))
        raise InputError(f"催告の規則が、いまの設定と合いません。{reasons}") from None


def _merged(calling: Calling, own: Mapping[str, object]) -> dict[str, object]:
    """Return `calling` with what `own` says; of the retries and the texts, what it does not name stays."""
    office = calling.model_dump(by_alias=True)
    merged = {**office, **own}
    for section in ("retries", "texts"):
        said = own.get(section)
        if isinstance(said, dict):
            known = office[section]
            merged[section] = {**known, **{key: _over(known, key, value) for key, value in said.items()}}
    return merged


def _over(office: Mapping[str, object], key: str, value: object) -> object:
    known = office.get(key)
    return {**known, **value} if isinstance(known, dict) and isinstance(value, dict) else value
