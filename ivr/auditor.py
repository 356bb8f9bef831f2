"""What an auditor does at a terminal: read the trail, have it judged, take it away. That is on record as well."""

from __future__ import annotations

import json as jsonlib
from contextlib import suppress
from datetime import date, datetime, time, tzinfo
from pathlib import Path

from ivr import settings
from ivr.audit import Examined, plain
from ivr.desk import recorded
from ivr.domain.audit import LABELS, Action, Entry, moment, sentence
from ivr.progress import bar
from ivr.reporting import replacing
from ivr.storage import AuditAsked


async def show(config: Path | None, since: date | None, campaign: str | None, *, json: bool) -> int:
    """Print the entries of `since` and later, about `campaign`; all where neither is given."""
    chosen = settings.load(config)
    zone = chosen.calling.timezone
    asked = AuditAsked(
        since=moment(datetime.combine(since, time(), zone)) if since else None,
        subject=plain(campaign) if campaign else None,
    )
    async with recorded(chosen) as (_, audit):
        await audit.record(Action.AUDIT_LISTED, campaign or "", **({"since": since.isoformat()} if since else {}))
        between = "["
        async for entry in audit.entries(asked):
            if json:
                print(between, jsonlib.dumps(_shown(entry, zone), ensure_ascii=False, default=repr), sep="", end="")
                between = ",\n "
            else:
                print(line(entry, zone))
        if json:
            print("[]" if between == "[" else "]")
    return 0


async def verify(config: Path | None, *, json: bool) -> int:
    """Judge the whole trail and print a sentence for each fault; 1 if there is any."""
    async with recorded(settings.load(config)) as (_, audit):
        with bar("検証", await audit.count()) as watch:
            found = await audit.examine(watch=watch)
        if json:
            _print_faults(found)
        else:
            for fault in found.faults:
                print(sentence(fault))
            if not found.faults:
                print(f"監査証跡 {found.entries} 件に、変更も欠けもありません。")
        await audit.record(Action.AUDIT_VERIFIED, entries=found.entries, faults=len(found.faults))
    return 1 if found.faults else 0


def _print_faults(found: Examined) -> None:
    faults = [
        {"harm": fault.harm.value, "first": fault.first, "last": fault.last, "message": sentence(fault)}
        for fault in found.faults
    ]
    print(jsonlib.dumps({"entries": found.entries, "faults": faults}, ensure_ascii=False, indent=1))


async def export(config: Path | None, out: Path) -> int:
    """Write every entry as a line of JSON, in the very characters that are sealed, with its links."""
    async with recorded(settings.load(config)) as (_, audit):
        count = await audit.count()
        await audit.record(Action.AUDIT_EXPORTED, file=out.name, entries=count)
        written = 0
        with bar("書き出し", count) as watch, replacing(out) as file:
            async for entry in audit.entries():
                file.write(entry.written())
                written += 1
                watch(1)
    print(f"{out} に監査証跡 {written} 件を書き出しました。")
    return 0


def line(entry: Entry, zone: tzinfo) -> str:
    """Return an entry as a line for a person."""
    label = entry.action
    with suppress(ValueError):
        label = LABELS[Action(entry.action)]
    details = " ".join(f"{name}={value}" for name, value in _details(entry).items())
    shown = f"{entry.number} {_local(entry, zone)} {entry.who}［{entry.where}］{label} {entry.subject} {details}"
    # Whoever changed an entry may have put something into it that a terminal obeys.
    return "".join(letter for letter in shown if letter.isprintable()).rstrip()


def _shown(entry: Entry, zone: tzinfo) -> dict[str, object]:
    return {
        "number": entry.number,
        "at": _local(entry, zone),
        "who": entry.who,
        "where": entry.where,
        "action": entry.action,
        "subject": entry.subject,
        "details": _details(entry),
    }


def _local(entry: Entry, zone: tzinfo) -> str:
    """Return the time of an entry in `zone`; as it stands where somebody has made it unreadable."""
    try:
        return datetime.fromisoformat(entry.at).astimezone(zone).isoformat(timespec="seconds")
    except (TypeError, ValueError):
        return str(entry.at)


def _details(entry: Entry) -> dict[str, object]:
    with suppress(TypeError, ValueError):
        details = jsonlib.loads(entry.details)
        if isinstance(details, dict):
            return details
    return {"": entry.details}
