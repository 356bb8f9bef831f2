"""`ivr text …`: argument parsing only, as in cli."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from ivr.terminal import config, run

text = typer.Typer(help="SMS の確認と試し", no_args_is_help=True, rich_markup_mode=None)

Kana = Annotated[str, typer.Option(help="カナ氏名")]
Values = Annotated[list[str] | None, typer.Option("--value", help="ほかの列：列名=値")]


def add_texts(cli: typer.Typer) -> None:
    """Add these commands to `ivr`."""
    cli.add_typer(text, name="text")


@text.command("show")
def text_show(
    file: Path,
    kana: Kana = "ヤマダ タロウ",
    value: Values = None,
    json: Annotated[bool, typer.Option("--json", help="機械が読める JSON で出す")] = False,
) -> None:
    """シナリオの SMS の文章を、届くとおりに字数と通数とともに表示します。例：ivr text show annai.yaml"""
    from ivr.desk import texts

    sys.exit(texts.show(config(), file, kana, value or [], json=json))


@text.command("send")
def text_send(
    file: Path,
    to: Annotated[str, typer.Option("--to", help="職員の携帯電話（設定 calling.staff_numbers にある番号）")],
    kana: Kana = "ヤマダ タロウ",
    value: Values = None,
) -> None:
    """シナリオの SMS を職員の携帯電話に試しに送り、届いたかを確かめます。例：ivr text send annai.yaml --to 090…"""
    from ivr import staff_text

    run(staff_text.send(config(), file, to, kana, value or []))


@text.command("refuse")
def text_refuse(number: str) -> None:
    """この番号には、これからどの催告でも SMS を送りません（断られたとき）。例：ivr text refuse 090-1234-5678"""
    from ivr.desk import texts

    run(texts.refuse(config(), number))


@text.command("accept")
def text_accept(number: str) -> None:
    """SMS を断った番号に、また送れるようにします。例：ivr text accept 090-1234-5678"""
    from ivr.desk import texts

    run(texts.accept(config(), number))
