"""日報 and 月報 as a PDF on A4, by period.typ: tagged for screen readers (PDF/UA-1), the same bytes each time.

What is said travels as data: nothing in a name is read as markup. A process of its own lays it out (typeset.py).
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, BinaryIO

from ivr.domain.outcome_class import OutcomeClass
from ivr.errors import OwnError
from ivr.reporting import typeset
from ivr.reporting.files import replacing
from ivr.reporting.heat_map import WEEKDAYS, HeatMap
from ivr.reporting.paper import SIGNED_BY, Figure, Paper, Section, shown
from ivr.reporting.typeface import FAMILY, GETA, drawable, see_there

PROGRAM = typeset.__file__
LONGEST_S = 25
"""Seconds for a PDF: fewer than those of a request."""


def write_pdf(path: Path, report: Paper) -> None:
    """Write the report to `path`; raise InputError where that can't be, OwnError where the typeface is not there."""
    see_there()
    with replacing(path) as binary:
        save_pdf(binary, report)


def save_pdf(binary: BinaryIO, report: Paper) -> None:
    """Write the report to what is open; raise OwnError where that takes too long, or the typeface is not there."""
    see_there()
    said = _plain(_laid_out(report))
    said["lacking"] = GETA in json.dumps(said, ensure_ascii=False)
    order = [sys.executable, "-I", PROGRAM, FAMILY, str(int(report.made.at.timestamp()))]
    try:
        done = subprocess.run(
            order, input=json.dumps(said).encode(), capture_output=True, timeout=LONGEST_S, check=True
        )
    except subprocess.TimeoutExpired:
        raise OwnError(f"PDF が {LONGEST_S} 秒ではできませんでした。少しあとに、もう一度試してください。") from None
    except subprocess.CalledProcessError as error:
        last = error.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise OwnError(f"PDF を作れませんでした（{''.join(last)[:200]}）。") from None
    binary.write(done.stdout)


def _laid_out(report: Paper) -> dict[str, Any]:
    settled = sum(number for _, number in report.parts)
    return {
        "title": report.title,
        "year": report.year,
        "by": report.made.by,
        "department": report.made.department,
        "made": report.made.moment,
        "unfinished": report.unfinished,
        "nothing": report.nothing,
        "signed": SIGNED_BY,
        "figures": [_figure(one) for one in report.figures],
        "parts": [
            {
                "kind": group.name.lower(),
                "label": group.value,
                "number": shown(number),
                "share": number / settled,
                "told": shown(number / settled),
            }
            for group, number in report.parts
        ],
        "beside": OutcomeClass.CONFIRMED.value,
        "sections": [_section(one) for one in report.sections],
        "heat": _heat(report.heat),
    }


def _figure(figure: Figure) -> dict[str, str]:
    note = f"{figure.of} {shown(figure.share)}" if figure.share is not None else ""
    return {"label": figure.label, "value": shown(figure.value), "unit": figure.unit, "note": note}


def _section(section: Section) -> dict[str, Any]:
    return {
        "key": section.key,
        "title": section.title,
        "headings": section.headings,
        "rows": [[shown(cell) for cell in row] for row in section.rows],
        "total": [shown(cell) for cell in section.total],
        "bars": section.bars,
        "bar": section.bar,
        "note": section.note,
    }


def _heat(found: HeatMap) -> dict[str, Any]:
    return {
        "days": [f"{WEEKDAYS[weekday]}曜" for weekday in found.weekdays],
        "rows": [
            {
                "hour": f"{hour} 時台",
                "places": [
                    {
                        "level": one.level,
                        "few": one.few,
                        "rate": shown(one.rate),
                        "of": f"{one.answered:,}/{one.dials:,}",
                    }
                    for one in (found.at(weekday, hour) for weekday in found.weekdays)
                ],
            }
            for hour in found.hours
        ],
    }


def _plain(said: Any) -> Any:
    """Return what is said with only such characters as can be drawn."""
    match said:
        case str():
            return drawable(said)
        case dict():
            return {name: _plain(value) for name, value in said.items()}
        case list() | tuple():
            return [_plain(value) for value in said]
        case _:
            return said
