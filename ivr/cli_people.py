"""`ivr people …`: argument parsing only, as in cli."""

from __future__ import annotations

from typing import Annotated

import typer

from ivr.domain.authority import Role
from ivr.terminal import config, run

people = typer.Typer(help="画面（コンソール）を使う人の登録と再設定", no_args_is_help=True, rich_markup_mode=None)

PersonName = Annotated[str, typer.Argument(help="利用者名（例：yamada）")]


def add_people(cli: typer.Typer) -> None:
    """Add these commands to `ivr`."""
    cli.add_typer(people, name="people")


@people.command("add")
def people_add(
    name: PersonName,
    department: Annotated[str, typer.Option(help="部署。なければ登録する")],
    role: Annotated[list[Role], typer.Option(help="役割（いくつでも）")],
    display: Annotated[str, typer.Option(help="画面に出す氏名（なければ利用者名）")] = "",
) -> None:
    """画面を使う人を登録し、仮のパスワードを表示します。

    例：ivr people add yamada --display "山田 太郎" --department 税務課 --role clerk
    """
    from ivr.accounts import commands

    run(commands.add(config(), name, display, department, role))


@people.command("list")
def people_list(json: Annotated[bool, typer.Option("--json", help="機械が読める JSON で出す")] = False) -> None:
    """登録されている人を示します。例：ivr people list"""
    from ivr.accounts import commands

    run(commands.list_all(config(), json=json))


@people.command("reset")
def people_reset(name: PersonName) -> None:
    """入れなくなった人に、仮のパスワードを作り直します。例：ivr people reset yamada"""
    from ivr.accounts import commands

    run(commands.reset(config(), name))


@people.command("unlink")
def people_unlink(name: PersonName) -> None:
    """庁内アカウント（OpenID Connect）との結び付けを外します。例：ivr people unlink yamada"""
    from ivr.accounts import commands

    run(commands.unlink(config(), name))
