"""`ivr seal`, `ivr keys …`, `ivr erase`, `ivr backup`, `ivr restore`: argument parsing only, as in cli."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from ivr.terminal import Yes, config, confirm, fail, result, run

keys = typer.Typer(help="鍵の表示と取り替え", no_args_is_help=True, rich_markup_mode=None)


def add_keeping(cli: typer.Typer) -> None:
    """Add these commands to `ivr`."""
    cli.add_typer(keys, name="keys")
    for command in (seal, erase, backup, restore):
        cli.command()(command)


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
    """名簿を暗号化するときのあて先（age1…）と、消去証明と監査証跡の写しの公開鍵を表示します。例：ivr keys recipient"""
    from ivr import seals

    sys.exit(seals.show_recipient(config()))


@keys.command("rotate")
def keys_rotate(
    to: Annotated[
        Path | None, typer.Option("--to", help="新しいマスター鍵のファイル（なければ作る。書かなければ今の鍵の場所）")
    ] = None,
) -> None:
    """マスター鍵と、すべての催告の鍵を取り替えます。ivr を止めてから使います。例：ivr keys rotate"""
    from ivr import keeping

    run(keeping.rotate(config(), to))


def erase(
    name: Annotated[str | None, typer.Argument(help="催告の名前")] = None,
    certificate: Annotated[Path | None, typer.Option("--certificate", help="消去証明を書き出すファイル")] = None,
    verify: Annotated[Path | None, typer.Option("--verify", help="この消去証明が本物か確かめる")] = None,
    yes: Yes = False,
) -> None:
    """催告の鍵・宛先・音声・結果を、確かめてから消去し、消去証明を残します。元に戻せません。例：ivr erase 2026-11"""
    from ivr import keeping

    if verify is not None:
        if name is not None or certificate is not None or yes:
            fail("--verify には、催告の名前も、--certificate や --yes も付けられません。")
        sys.exit(keeping.verify(verify))
    if name is None:
        fail("消去する催告の名前か、--verify と消去証明のファイルを書いてください。")
    if not yes:
        confirm(result(keeping.what_goes(config(), name)), name)
    run(keeping.erase_campaign(config(), name, certificate))


def backup(
    file: Annotated[Path | None, typer.Argument(help="書き出すファイル（なければデータの置き場の backups）")] = None,
) -> None:
    """データベースを写し取ります。動いている間も使えます。鍵は入りません。例：ivr backup /mnt/backup/ivr.backup"""
    from ivr import keeping

    run(keeping.back_up(config(), file))


def restore(file: Path, yes: Yes = False) -> None:
    """確かめてからバックアップを戻します。ivr を止めて使います。消去した催告は戻りません。例：ivr restore ivr.backup"""
    from ivr import keeping

    if not yes:
        confirm(keeping.what_comes_back(config(), file))
    run(keeping.restore(config(), file))
