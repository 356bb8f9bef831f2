"""`ivr rehearse`, `ivr network`, `ivr sms-centre`: argument parsing only, as in cli."""

from __future__ import annotations

import sys
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ivr.terminal import config, fail, result, run

LINES = 16
"""Calls at once on a simulated network."""

RulesFile = Annotated[
    Path | None, typer.Option("--rules", help="この催告だけの架電ルールの YAML（設定の時間帯の中で）")
]


class Chosen(StrEnum):
    """Parts of the corpus of callees."""

    tuned = "tuned"
    held_out = "held-out"
    all = "all"


class Style(StrEnum):
    """Interfaces over HTTP of which a model comes with us."""

    form = "form"
    json = "json"


def add_rehearsal(cli: typer.Typer) -> None:
    """Add these commands to `ivr`."""
    for command in (rehearse, network, sms_centre):
        cli.command()(command)


def rehearse(
    name: Annotated[str | None, typer.Argument(help="作ってある催告の名前（--list と --scenario の代わり）")] = None,
    demo: Annotated[bool, typer.Option("--demo", help="付属の名簿とシナリオで一通り試す")] = False,
    list_file: Annotated[Path | None, typer.Option("--list", help="名簿の CSV")] = None,
    scenario_file: Annotated[Path | None, typer.Option("--scenario", help="シナリオの YAML")] = None,
    callees: Annotated[Path | None, typer.Option("--callees", help="模擬の相手を書いた YAML")] = None,
    replay: Annotated[Path | None, typer.Option("--replay", help="録音した応答（WAV）の聞き分け方を示す")] = None,
    machines: Annotated[
        bool, typer.Option("--machines", help="留守番電話や人など、大勢の模擬の相手で判定する")
    ] = False,
    part: Annotated[
        Chosen | None, typer.Option(help="--machines の相手：調整に使った人々、取り置いた人々、全員（なければ全員）")
    ] = None,
    recipes: Annotated[
        bool, typer.Option("--recipes", help="--machines の留守番電話に、よくある手順でもかけて比べる")
    ] = False,
    virtual_time: Annotated[
        bool, typer.Option("--virtual-time", help="何日もかかる催告を、仮の時間の中で一分ほどで試す")
    ] = False,
    start: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="--virtual-time を始める日（なければいま）")
    ] = None,
    rules_file: RulesFile = None,
    seed: Annotated[int | None, typer.Option(help="--virtual-time の乱数の種（なければ 1）")] = None,
    lines: Annotated[
        int | None, typer.Option(min=1, max=500, help="同時にかける数（なければ 16、--virtual-time では設定のとおり）")
    ] = None,
    out: Annotated[Path, typer.Option("-o", "--out", resolve_path=True, help="結果と音声を置くフォルダ")] = Path(
        "var/rehearsal"
    ),
) -> None:
    """模擬の電話網を相手に、本物の通話で試します。本当の電話にはかかりません。例：ivr rehearse --demo"""
    if (part or recipes) and not machines:
        fail("--part と --recipes は、--machines と一緒に使ってください。")
    if (start or rules_file or seed is not None) and not virtual_time:
        fail("--start、--rules、--seed は、--virtual-time と一緒に使ってください。")
    if virtual_time and (demo or machines or replay or callees):
        fail("--virtual-time と一緒に使えるのは、--list、--scenario、--rules、--start、--seed、--lines、-o だけです。")
    if name and (demo or machines or replay):
        fail("催告の名前は、--demo、--machines、--replay と一緒には使えません。")
    if machines:
        if demo or replay or list_file or scenario_file or callees:
            fail("--machines と一緒に使えるのは、--part、--recipes、--lines、-o だけです。")
        from ivr import trial

        run(trial.machines(config(), trial.parts_named((part or Chosen.all).value), out, lines or LINES, recipes))
    if replay is not None:
        from ivr import replay as replaying

        sys.exit(replaying.replay(config(), replay))
    from ivr import drill

    if demo:
        run(drill.demo(out, lines or LINES))
    if name is not None and (list_file or scenario_file or rules_file):
        fail("催告の名前を書くときは、--list、--scenario、--rules は書かないでください。")
    if name is None and (list_file is None or scenario_file is None):
        fail("--demo を付けるか、催告の名前か、--list と --scenario の両方を書いてください。")
    what = name or (list_file or Path(), scenario_file or Path(), rules_file)
    if virtual_time:
        from ivr import forecast

        day = start.date() if start else None
        plan = result(forecast.plan(config(), what, lines=lines, start=day, seed=1 if seed is None else seed))
        sys.exit(forecast.carry_out(plan, out))
    run(drill.rehearse(what, callees, out, lines or LINES, config()))


def network(
    callees: Annotated[Path, typer.Argument(help="模擬の相手を書いた YAML")],
    sip_port: Annotated[int, typer.Option(help="SIP の待ち受け")] = 5080,
    out: Annotated[Path, typer.Option("-o", "--out", resolve_path=True, help="記録と音声を置くフォルダ")] = Path(
        "var/network"
    ),
) -> None:
    """模擬の電話網だけを動かします。別の端末の ivr や SIP 電話機の相手になります。例：ivr network callees.yaml"""
    from ivr import drill

    run(drill.network(callees, sip_port, out))


def sms_centre(
    handsets: Annotated[Path | None, typer.Option(help="携帯電話ごとの受け方（handsets）を書いた YAML")] = None,
    port: Annotated[int, typer.Option(help="SMPP か HTTP の待ち受け（0 なら空いているポート）")] = 2775,
    http: Annotated[Style | None, typer.Option(help="SMPP の代わりに、付属の決まりのどちらかの HTTP で")] = None,
    callback: Annotated[str, typer.Option(help="--http json で、結果を知らせる URL")] = "",
    secret_file: Annotated[
        Path | None,
        typer.Option("--callback-secret-file", help="そのとき示す合言葉のファイル"),
    ] = None,
    system_id: Annotated[str, typer.Option(help="SMPP で、この system_id だけを受け付ける")] = "",
    password: Annotated[str, typer.Option(help="SMPP で、このパスワードだけを受け付ける（なければ、どれでも）")] = "",
) -> None:
    """模擬の SMS センターだけを動かします。本当の SMS は送られません。例：ivr sms-centre --handsets callees.yaml"""
    if (callback or secret_file) and http is not Style.json:
        fail("--callback は、--http json と一緒に使ってください。")
    if bool(callback) != bool(secret_file):
        fail("--callback と --callback-secret-file は、両方を書いてください。")
    if callback and not callback.startswith(("http://", "https://")):
        fail("--callback には、http:// で始まる URL を書いてください。")
    if http is not None and (system_id or password):
        fail("--system-id と --password は、SMPP のときに使います。--http とは一緒に使えません。")
    from ivr import drill

    account = (system_id, password)
    run(drill.sms_centre(handsets, port, http.value if http else None, callback, secret_file, account=account))
