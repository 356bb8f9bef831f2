"""What an auditor does at a terminal: read the trail, have it judged, take it away. That is on record as well."""

from __future__ import annotations

import hashlib
import json as jsonlib
from contextlib import suppress
from datetime import date, datetime, time, tzinfo
from pathlib import Path

from ivr import settings
from ivr.audit import Audit, Examined, plain
from ivr.desk.answers import print_json
from ivr.desk.records import recorded
from ivr.domain.audit import GENESIS, LABELS, Action, Entry, Head, moment
from ivr.domain.examination import Examination, sentence
from ivr.errors import InputError, reason
from ivr.parts.keys import key_store
from ivr.progress import bar
from ivr.reporting import replacing
from ivr.storage import AuditAsked
from ivr.system_clock import SystemClock
from ivr.vault import signing

SIGNED = ".sig"
"""What the name of an export's certificate has behind that of the export."""

LAST, SHA256, JUDGED = NAMED = "最後の記録：", "SHA-256：", "書き出したときの検証："
"""What is said of the export in its certificate: the number and link of its last entry, its digest, and what whoever
wrote it, who has the key of the links, found."""

LONGEST_LINE = 1 << 16
"""Bytes of an entry in an export: many times what one can have."""

SOUND = "変更も欠けもありません。"


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
                print(between, jsonlib.dumps(as_shown(entry, zone), ensure_ascii=False, default=repr), sep="", end="")
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


def _print_faults(found: Examined, **more: str) -> None:
    faults = [
        {"harm": fault.harm.value, "first": fault.first, "last": fault.last, "message": sentence(fault)}
        for fault in found.faults
    ]
    print_json({"entries": found.entries, "faults": faults, **more})


async def export(config: Path | None, out: Path) -> int:
    """Write every entry as a line of JSON, in the very characters that are sealed, with its links; sign it beside."""
    chosen = settings.load(config)
    async with recorded(chosen) as (_, audit):
        certificate, written = await _written_out(audit, out)
    _certify(chosen, out, certificate)
    print(f"{out} に監査証跡 {written} 件を書き出しました。")
    return 0


async def _written_out(audit: Audit, out: Path) -> tuple[str, int]:
    """Write every entry to `out`; return what is to be signed of it, and how many entries there are."""
    count = await audit.count()
    await audit.record(Action.AUDIT_EXPORTED, file=out.name, entries=count)
    examination, last, written, digest = await audit.examination(), GENESIS, 0, hashlib.sha256()
    with bar("書き出し", count) as watch, replacing(out) as file:
        async for entry in audit.entries():
            line = entry.written()
            file.write(line)
            digest.update(line)
            examination.see(entry)
            last, written = Head.of(entry), written + 1
            watch(1)
    judged = "".join(sentence(fault) for fault in examination.faults()) or SOUND
    lines = (
        "監査証跡の写しの証明",
        f"件数：{written}",
        f"{LAST}{last.written().decode()}",
        f"{SHA256}{digest.hexdigest()}",
        f"{JUDGED}{judged}",
        "",
    )
    return "\n".join(lines), written


def _certify(chosen: settings.Settings, out: Path, certificate: str) -> None:
    # A pipe has nothing beside it.
    if out.is_file():
        now = SystemClock(chosen.calling.timezone).now()
        with key_store(chosen) as keys, replacing(_certificate_of(out)) as file:
            file.write(signing.signed(f"{certificate}作成：{now:%Y-%m-%d %H:%M:%S %z}\n", keys).encode())


def verify_export(file: Path, *, json: bool) -> int:
    """Judge an export by its certificate, on any machine: as it was signed, and numbers and links in order?

    Needs no settings, no database and no key. That the links are genuine is what was judged when it was written.
    """
    text, signer = signing.read(_certificate_of(file))
    told = {name: line.removeprefix(name) for line in text.splitlines() for name in NAMED if line.startswith(name)}
    try:
        examination = Examination(None, Head.read(told[LAST].encode()))
        signed, judged = told[SHA256], told[JUDGED]
    except (KeyError, ValueError):
        raise InputError(f"{_certificate_of(file)} は、監査証跡の写しの証明ではありません。") from None
    entries, digest = _read(file, examination)
    if digest != signed:
        raise InputError(f"{file} は、署名したときの内容と違います。")
    found = Examined(entries=entries, faults=examination.faults())
    if json:
        _print_faults(found, judged=judged, signer=signer)
    else:
        for fault in found.faults:
            print(sentence(fault))
        print(f"{file}：{entries} 件は、署名したときのままです。{JUDGED}{judged}署名した公開鍵は {signer} です。")
    return 1 if found.faults or judged != SOUND else 0


def _read(file: Path, examination: Examination) -> tuple[int, str]:
    """Show every entry in `file` to `examination`; return how many there are, and the SHA-256 of the file."""
    entries, digest = 0, hashlib.sha256()
    try:
        with file.open("rb") as lines, bar("検証", file.stat().st_size) as watch:
            while line := lines.readline(LONGEST_LINE):
                digest.update(line)
                entries += 1
                examination.see(Entry.read(line))
                watch(len(line))
    except OSError as error:
        raise InputError(f"{file} を読めません：{reason(error)}") from None
    except ValueError:
        raise InputError(f"{file}:{entries}: 監査証跡の一件ではありません。") from None
    return entries, digest.hexdigest()


def _certificate_of(export: Path) -> Path:
    return export.with_name(export.name + SIGNED)


def line(entry: Entry, zone: tzinfo) -> str:
    """Return an entry as a line for a person."""
    label = entry.action
    with suppress(ValueError):
        label = LABELS[Action(entry.action)]
    details = " ".join(f"{name}={value}" for name, value in _details(entry).items())
    shown = f"{entry.number} {_local(entry, zone)} {entry.who}［{entry.where}］{label} {entry.subject} {details}"
    # Whoever changed an entry may have put something into it that a terminal obeys.
    return "".join(letter for letter in shown if letter.isprintable()).rstrip()


def as_shown(entry: Entry, zone: tzinfo) -> dict[str, object]:
    """Return an entry for a program, with its time in `zone`."""
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
