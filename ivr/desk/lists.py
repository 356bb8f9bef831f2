"""Lists: read, checked, and who of them is excluded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from ivr import exclusions, settings
from ivr.campaign.intake import Intake, read_list
from ivr.desk.answers import print_json
from ivr.domain.exclusion import Exclusion, Exclusions, callable_numbers
from ivr.domain.recipient import missing_columns
from ivr.domain.texting_rules import mobile
from ivr.errors import InputError, Problem
from ivr.seals import read_opened
from ivr.settings import Settings
from ivr.system_clock import SystemClock


def load_list(config: Path | None, file: Path) -> Intake:
    """Read a list, which may be sealed; raise InputError where it is no list at all."""
    return read_list(read_opened(file, lambda: settings.load(config)), file=str(file))


def check_list(config: Path | None, file: Path, *, json: bool) -> int:
    """Print how a list would be taken, each refused row with its line and reason, and who is excluded today."""
    intake = load_list(config, file)
    excluded = excluded_today(settings.load(config), file, intake)
    if json:
        print_json(
            {
                "rows": intake.rows,
                "accepted": len(intake.accepted),
                "mobile": mobiles(intake),
                "refused": [{"line": refusal.line, "reason": refusal.reason} for refusal in intake.refused],
                "excluded": [{"line": line, "reason": reason} for line, reason in excluded],
                "encoding": intake.encoding,
                "warnings": [{"line": warning.line, "message": warning.message} for warning in intake.warnings],
            }
        )
        return 0 if intake.accepted else 1
    show_intake(file, intake, excluded)
    print(f"SMS を送れる携帯電話の番号がある人：{mobiles(intake)} 人。")
    return 0 if intake.accepted else 1


def excluded_today(chosen: Settings, file: Path | str, intake: Intake) -> list[tuple[int, str]]:
    """Return the line and the reason of everybody on a list who is not called; InputError where that can't be told."""
    rules = chosen.exclusions.rules()
    if missing := missing_columns((rule.column for rule in rules), intake.columns):
        raise InputError(
            f"{file} に「{'」「'.join(missing)}」の列がありません。除外すべき人が分からないので、かけられません。"
            "列のある名簿にするか、設定 exclusions.columns を直してください。"
        )
    listed = chosen.exclusions.file
    known = exclusions.read(listed, rules) if listed else Exclusions(columns=rules)
    today = SystemClock(chosen.calling.timezone).now().date()
    found = ((person.line, callable_numbers(known, person, today)) for person in intake.accepted)
    return [(line, numbers.reason) for line, numbers in found if isinstance(numbers, Exclusion)]


def mobiles(intake: Intake) -> int:
    """Return how many people of a list have a number that takes texts (SMS)."""
    return sum(bool(mobile(person.numbers, (), (), ()).number) for person in intake.accepted)


def show_intake(file: Path, intake: Intake, excluded: Sequence[tuple[int, str]], *, calls: bool = True) -> None:
    """Print the counts of a list, its refused rows, its warnings, and how many are excluded for which reason.

    Where nobody is called, of a campaign of texts alone, no call is promised.
    """
    for refusal in intake.refused:
        print(f"{file}:{refusal.line}: {refusal.reason}")
    for warning in intake.warnings:
        print(f"{Problem(file=str(file), line=warning.line, message=warning.message)}（注意）")
    can, cannot = ("にかけられます", "はかけられません") if calls else ("を読み込みました", "は読み込めません")
    print(
        f"{intake.rows} 件中 {len(intake.accepted)} 件{can}。"
        f"{len(intake.refused)} 件{cannot}（文字コード {intake.encoding}）。"
    )
    if excluded:
        reasons = "、".join(f"{reason} {count}" for reason, count in Counter(one for _, one in excluded).most_common())
        print(f"そのうち {len(excluded)} 件は除外します（{reasons}）。")
