"""`ivr …`: argument parsing only. What the commands do is in desk, drill, doctor and app."""

from __future__ import annotations

import re
import sys
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from ivr.cli_keeping import add_keeping
from ivr.cli_people import add_people
from ivr.cli_rehearsal import RulesFile, add_rehearsal
from ivr.cli_texts import add_texts
from ivr.errors import IvrError
from ivr.terminal import choose, config, fail, run

cli = typer.Typer(
    help="呼鈴：市区町村の自動音声電話催告", no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False
)
scenario = typer.Typer(help="シナリオの確認・試聴・図", no_args_is_help=True, rich_markup_mode=None)
list_ = typer.Typer(help="名簿の確認", no_args_is_help=True, rich_markup_mode=None)
campaign = typer.Typer(help="催告の実行と状況", no_args_is_help=True, rich_markup_mode=None)
report = typer.Typer(help="日報・月報", no_args_is_help=True, rich_markup_mode=None)
results = typer.Typer(help="結果の出力", no_args_is_help=True, rich_markup_mode=None)
audit = typer.Typer(help="監査証跡：いつ、だれが、どこから、何をしたか", no_args_is_help=True, rich_markup_mode=None)
cli.add_typer(scenario, name="scenario")
cli.add_typer(list_, name="list")
cli.add_typer(campaign, name="campaign")
cli.add_typer(results, name="results")
cli.add_typer(report, name="report")
add_keeping(cli)
add_rehearsal(cli)
add_texts(cli)
add_people(cli)
cli.add_typer(audit, name="audit")


class PeriodFormat(StrEnum):
    """File formats of 日報 and 月報."""

    xlsx = "xlsx"
    pdf = "pdf"


class Format(StrEnum):
    """File formats of results."""

    json = "json"
    csv = "csv"
    xlsx = "xlsx"


class Encoding(StrEnum):
    """Character codes of a CSV."""

    utf8 = "utf-8"
    cp932 = "cp932"


Json = Annotated[bool, typer.Option("--json", help="機械が読める JSON で出す")]
Name = Annotated[str, typer.Argument(help="催告の名前（例：2026-11-住民税）")]
ListFile = Annotated[Path, typer.Option("--list", help="名簿の CSV")]
ScenarioFile = Annotated[Path, typer.Option("--scenario", help="シナリオの YAML")]
ReportFile = Annotated[Path | None, typer.Option("-o", "--out", help="Excel のファイル（.xlsx）に書き出す")]
PeriodFile = Annotated[Path | None, typer.Option("-o", "--out", help="このファイル（.xlsx か .pdf）に書き出す")]
PeriodForm = Annotated[
    PeriodFormat | None, typer.Option("--format", help="書き出す形式（-o がなければ、この場所に名前を付けて）")
]
Columns = Annotated[Path | None, typer.Option("--list", help="この名簿の列が使えるかも確かめる")]

SealTo = Annotated[
    list[str] | None, typer.Option("--seal-to", help="結果を、この受取人（age1…）だけが開けるように暗号化する")
]

UsageError: type[Exception] = typer.BadParameter.__bases__[0]
"""What typer raises for a command line that it can't read, of which it gives out the derived classes only."""


@cli.callback()
def options(
    file: Annotated[Path | None, typer.Option("--config", help="設定ファイル（なければ ./ivr.yaml）")] = None,
) -> None:
    """Take what holds for every command."""
    choose(file)


def main() -> None:
    """Run a command; one sentence for each error, no traceback for what ivr says on purpose."""
    try:
        sys.exit(cli(standalone_mode=False))
    except IvrError as error:
        fail(str(error))
    except UsageError as error:
        fail(_usage(error))
    except typer.Abort:
        sys.exit(130)
    except KeyboardInterrupt:
        sys.exit(130)


def _usage(error: Any) -> str:
    """Return in a sentence what is wrong with a command line."""
    if type(error).__name__ == "NoArgsIsHelpError":
        return str(error.format_message())
    parameter = getattr(error, "param", None)
    label = parameter.opts[-1] if parameter is not None else ""
    told = re.findall(r"'([^']*)'", str(getattr(error, "message", "")))
    match type(error).__name__:
        case "MissingParameter":
            what = f"{label} がありません"
        case "NoSuchOption":
            what = f"{error.option_name} という指定はありません"
        case "BadParameter":
            choices = f"（使えるのは {'、'.join(told[1:])}）" if len(told) > 1 else ""
            what = f"{label} の値が正しくありません{choices}"
        case _:
            what = f"「{told[0]}」は使えません" if told else "余分なものが付いています"
    path = error.ctx.command_path if error.ctx else "ivr"
    return f"命令の書き方が違います：{what}。{path} --help で書き方を見られます。"


@scenario.command("check")
def scenario_check(files: list[Path], list_file: Columns = None, json: Json = False) -> None:
    """シナリオの間違いを、ファイル名と行番号で示します。例：ivr scenario check scenarios/reminder.yaml"""
    from ivr.desk import scenarios

    run(scenarios.check_scenarios(config(), files, list_file, json=json))


@scenario.command("say")
def scenario_say(
    file: Path,
    step: Annotated[str | None, typer.Argument(help="ステップの名前（なければ、はじめのステップ）")] = None,
    out: Annotated[Path, typer.Option("-o", "--out", help="書き出す WAV")] = Path("out.wav"),
    kana: Annotated[str, typer.Option(help="カナ氏名")] = "ヤマダ タロウ",
    value: Annotated[list[str] | None, typer.Option(help="ほかの列：列名=値")] = None,
) -> None:
    """相手に聞こえる音声を WAV に書き出します。例：ivr scenario say scenarios/reminder.yaml notice -o out.wav"""
    from ivr.desk import scenarios

    run(scenarios.say(config(), file, step, out, kana, value or []))


@scenario.command("draw")
def scenario_draw(file: Path) -> None:
    """通話の流れを図（Mermaid）で出します。例：ivr scenario draw scenarios/reminder.yaml"""
    from ivr.desk import scenarios

    sys.exit(scenarios.draw(file))


@scenario.command("schema")
def scenario_schema() -> None:
    """シナリオの JSON Schema を出します（編集ソフトの補完用）。例：ivr scenario schema > scenario.schema.json"""
    from ivr.desk import scenarios

    sys.exit(scenarios.schema())


@list_.command("check")
def list_check(file: Path, json: Json = False) -> None:
    """名簿を読み、かけられない行を行番号と理由で示します。電話はかけません。例：ivr list check meibo.csv"""
    from ivr.desk import lists

    sys.exit(lists.check_list(config(), file, json=json))


@campaign.command("run")
def campaignrun(
    name: Name,
    list_file: ListFile,
    scenario_file: ScenarioFile,
    rules_file: RulesFile = None,
    results_file: Annotated[Path | None, typer.Option("--results", help="終わったら結果を JSON で書き出す")] = None,
    seal_to: SealTo = None,
) -> None:
    """名簿の全員にかけ終えるか、時間帯が終わるまで電話をかけます。

    例：ivr campaign run 2026-11 --list meibo.csv --scenario scenarios/reminder.yaml
    全員が済めば 0、残りがあれば 3 で終わります。同じ命令でつづきから再開します。
    """
    from ivr import service

    run(service.run_campaign(config(), name, list_file, scenario_file, results_file, seal_to or (), rules_file))


@campaign.command("create")
def campaign_create(
    name: Name,
    list_file: ListFile,
    scenario_file: ScenarioFile,
    rules_file: RulesFile = None,
    department: Annotated[str | None, typer.Option(help="画面で、どの部署の催告として見せるか")] = None,
) -> None:
    """催告を作ります。電話は start までかけません。例：ivr campaign create 2026-11 --list a.csv --scenario s.yaml"""
    from ivr.desk import orders

    run(orders.create(config(), name, list_file, scenario_file, rules_file, department))


@campaign.command("approve")
def campaign_approve(name: Name) -> None:
    """催告を承認します（設定 calling.approval が求めるとき）。例：ivr campaign approve 2026-11"""
    from ivr import steering

    run(steering.approve(config(), name))


@campaign.command("test-call")
def campaign_test_call(
    name: Name, to: Annotated[str, typer.Option("--to", help="職員の電話番号（設定 calling.staff_numbers の一つ）")]
) -> None:
    """催告のシナリオで、職員の電話に試しにかけます。例：ivr campaign test-call 2026-11 --to 0357221111"""
    from ivr import staff_call

    run(staff_call.call_staff(config(), name, to))


@campaign.command("start")
def campaign_start(name: Name) -> None:
    """催告を始めます（ivr serve が電話をかけます）。例：ivr campaign start 2026-11"""
    _move(name, "start")


@campaign.command("pause")
def campaign_pause(name: Name) -> None:
    """新しい電話をかけるのと、SMS を送るのを止めます。通話中のものは続きます。例：ivr campaign pause 2026-11"""
    _move(name, "pause")


@campaign.command("resume")
def campaign_resume(name: Name) -> None:
    """止めた催告を再び始めます。例：ivr campaign resume 2026-11"""
    _move(name, "resume")


@campaign.command("stop")
def campaign_stop(name: Name) -> None:
    """催告を打ち切ります。通話中のものは続きます。例：ivr campaign stop 2026-11"""
    _move(name, "stop")


@campaign.command("emergency-stop")
def campaign_emergency_stop(
    name: Annotated[str | None, typer.Argument(help="催告の名前（なければすべて）")] = None,
) -> None:
    """通話中の電話もすぐに切り、新しくかけるのも、SMS を送るのもやめます。例：ivr campaign emergency-stop"""
    from ivr import steering

    run(steering.emergency_stop(config(), name))


@campaign.command("exclude")
def campaign_exclude(
    name: Name,
    people: Annotated[list[str], typer.Argument(help="宛名番号（いくつでも）")],
    reason: Annotated[str, typer.Option(help="理由（例：納付済）")],
) -> None:
    """その人たちに、もうかけず、SMS も送りません。例：ivr campaign exclude 2026-11 00012345 --reason 納付済"""
    from ivr import steering

    run(steering.exclude(config(), name, people, reason))


def _move(name: str, verb: str) -> NoReturn:
    from ivr import steering

    run(steering.move(config(), name, verb))


@campaign.command("status")
def campaign_status(name: Name, json: Json = False) -> None:
    """どこまで進んだか、いまかけたり送ったりしていなければ、その理由を示します。例：ivr campaign status 2026-11"""
    from ivr.desk import reports

    run(reports.status(config(), name, json=json))


@campaign.command("report")
def campaign_report(name: Name, out: ReportFile = None, json: Json = False) -> None:
    """結果ごと・日ごとの人数、曜日と時間帯ごとの応答率、除外の理由などのまとめ。例：ivr campaign report 2026-11"""
    from ivr.desk import reports

    run(reports.report(config(), name, out, json=json))


@campaign.command("list")
def campaign_list(json: Json = False) -> None:
    """催告の一覧：状態と、済んだ人数。例：ivr campaign list"""
    from ivr.desk import reports

    run(reports.list_all(config(), json=json))


@report.command("daily")
def report_daily(
    day: Annotated[datetime | None, typer.Argument(formats=["%Y-%m-%d"], help="日（なければ今日）")] = None,
    out: PeriodFile = None,
    form: PeriodForm = None,
    json: Json = False,
) -> None:
    """日報：その日の発信・応答・本人確認と、済んだ人を、催告と時間ごとに。例：ivr report daily -o nippo.pdf"""
    from ivr.desk import periods

    run(periods.daily(config(), day.date() if day else None, out, form, json=json))


@report.command("monthly")
def report_monthly(
    month: Annotated[datetime | None, typer.Argument(formats=["%Y-%m"], help="月（なければ今月）")] = None,
    out: PeriodFile = None,
    form: PeriodForm = None,
    json: Json = False,
) -> None:
    """月報：その月の発信・応答・本人確認と、済んだ人を、催告と日ごとに。例：ivr report monthly 2026-11 -o geppo.xlsx"""
    from ivr.desk import periods

    run(periods.monthly(config(), month.date() if month else None, out, form, json=json))


@results.command("export")
def results_export(
    name: Name,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="書き出すファイル（なければデータの置き場。催告と共に消去する）")
    ] = None,
    form: Annotated[Format, typer.Option("--format", help="形式")] = Format.xlsx,
    encoding: Annotated[Encoding, typer.Option(help="CSV の文字コード")] = Encoding.utf8,
    seal_to: SealTo = None,
) -> None:
    """結果を書き出します。例：ivr results export 2026-11 --format xlsx -o kekka.xlsx"""
    from ivr.desk import reports

    run(reports.export(config(), name, out, form.value, encoding.value, seal_to or ()))


@audit.command("list")
def audit_list(
    since: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="この日から")] = None,
    name: Annotated[str | None, typer.Option("--campaign", help="この催告についてだけ")] = None,
    json: Json = False,
) -> None:
    """いつ、だれが、どこから、何をしたかを示します。見たことも記録されます。例：ivr audit list --since 2026-11-01"""
    from ivr import auditor

    run(auditor.show(config(), since.date() if since else None, name, json=json))


@audit.command("verify")
def audit_verify(
    export: Annotated[Path | None, typer.Option("--export", help="書き出した写しを調べる（どの機械でも）")] = None,
    json: Json = False,
) -> None:
    """記録に変更・欠け・入れ替え・切り取りがないかを調べます。あれば 1 で終わります。例：ivr audit verify"""
    from ivr import auditor

    if export is not None:
        sys.exit(auditor.verify_export(export, json=json))
    run(auditor.verify(config(), json=json))


@audit.command("export")
def audit_export(out: Annotated[Path, typer.Option("-o", "--out", help="書き出すファイル")]) -> None:
    """記録のすべてを、一行に一件の JSON で書き出します。例：ivr audit export -o audit.jsonl"""
    from ivr import auditor

    run(auditor.export(config(), out))


@cli.command()
def doctor(json: Json = False) -> None:
    """設定・電話交換機・回線・音声・データベース・時計・ディスクを調べ、直し方を示します。例：ivr doctor"""
    from ivr import doctor as examination

    run(examination.examine(config(), json=json))


@cli.command()
def serve(
    practice: Annotated[
        bool, typer.Option("--practice", help="練習：模擬の電話網を相手にする。本物の電話にはかからない")
    ] = False,
) -> None:
    """始められた催告の電話をかけ続けます。SIGTERM で、通話の終わりを待って終了します。例：ivr serve"""
    if practice:
        if config() is not None:
            fail("--practice は、付属の練習用の設定で動きます。--config とは一緒に使えません。")
        from ivr import drill

        run(drill.practise())
    from ivr import service, settings

    run(service.serve(settings.load(config())))
