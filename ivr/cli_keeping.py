"""`ivr seal`, `ivr keys …`: argument parsing only, as in cli."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from ivr.terminal import config

keys = typer.Typer(help="鍵の表示と取り替え", no_args_is_help=True, rich_markup_mode=None)


def add_keeping(cli: typer.Typer) -> None:
    """Add these commands to `ivr`."""
    cli.add_typer(keys, name="keys")
    cli.command("seal")(seal)


def seal(
    file: Path,
    to: Annotated[list[str], typer.Option("--to", help="開けられる相手（ivr keys recipient が表示する age1…）")],
    out: Annotated[Path | None, typer.Option("-o", "--out", help="書き出すファイル（なければ FILE.age）")] = None,
) -> None:
    """名簿を、あて先の ivr だけが開けるように暗号化します。例：ivr seal meibo.csv -o meibo.csv.age --to age1…"""
    from ivr import seals

    sys.exit(seals.seal_file(file, out, to))


@keys.command("recipient")
def keys_recipient() -> None:
    """名簿を暗号化するときのあて先（age1…）と、消去証明の公開鍵を表示します。例：ivr keys recipient"""
    from ivr import seals

    sys.exit(seals.show_recipient(config()))
