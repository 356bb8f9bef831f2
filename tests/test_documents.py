"""What is built is documented, and what the documents point at is there."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grimp
import pytest
import typer.main

from ivr.cli import cli
from ivr.domain.outcome import LABELS, Outcome
from ivr.domain.scenario import Ask, Leave, Say
from ivr.settings import load

ROOT = Path(__file__).parent.parent
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), ROOT / "asterisk_conf" / "README.md"]

STARTED_AS_PROGRAMS = {"ivr.__main__", "ivr.asterisk.pbx_child", "ivr.reporting.typeset", "tts.worker"}
"""Modules that no other imports: each is run by its name or its file."""

LOADED_BY_NAME = {"ivr.rehearsal.demo", "tts.engines.espeak", "tts.engines.kokoro", "tts.engines.openjtalk"}
"""Data of a package, and engines that are loaded when a setting names them."""


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def commands(command: Any, path: tuple[str, ...] = ("ivr",)) -> Iterator[tuple[str, Any]]:
    children = getattr(command, "commands", None)
    if children is None:
        yield " ".join(path), command
        return
    for name, child in children.items():
        yield from commands(child, (*path, name))


COMMANDS = dict(commands(typer.main.get_command(cli)))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_documented_and_its_help_shows_an_example(name: str) -> None:
    assert f"`{name}" in read("docs/commands.md")
    assert f"例：{name}" in (COMMANDS[name].help or "")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_documented(name: str) -> None:
    text = read("docs/commands.md")
    for parameter in COMMANDS[name].params:
        for option in parameter.opts:
            if option.startswith("--") and option != "--help":
                assert any(opt in text for opt in parameter.opts), option


def test_every_rule_of_calling_has_a_test_named_after_it() -> None:
    rules = re.split(r"\n## いま電話がかからない理由", read("docs/ja/架電ルール.md"))[0]
    told = [row for row in re.findall(r"^\| (.+?) \|", rules, re.MULTILINE) if row not in ("決まり", "命令")]
    proven = dict(re.findall(r"^\| (.+?) \| (`.+`) \|$", read("docs/rules.md"), re.MULTILINE))
    assert list(proven) == told
    for names in proven.values():
        for file, test in re.findall(r"`([^`:]+)::(\w+)`", names):
            assert f"def {test}(" in read(file), test


@pytest.mark.parametrize("outcome", list(Outcome))
def test_every_outcome_is_documented_for_engineers_and_for_staff(outcome: Outcome) -> None:
    assert f"| `{outcome.value}` | {LABELS[outcome]} |" in read("docs/outcomes.md")
    assert f"| {LABELS[outcome]} |" in read("docs/ja/結果.md")


@pytest.mark.parametrize("kind", [Say, Ask, Leave])
def test_every_step_kind_and_its_fields_are_documented(kind: type[Say | Ask | Leave]) -> None:
    word = kind.__name__.lower()
    for document in ("docs/scenarios.md", "docs/ja/シナリオ.md"):
        text = read(document)
        assert f"`{word}`" in text, document
        for field in kind.__dataclass_fields__:
            if field not in ("name", "text"):
                assert f"`{field}`" in text, f"{field} in {document}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_a_document_points_at_is_there(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)", document.read_text(encoding="utf-8")):
        if not target.startswith(("http://", "https://")):
            assert (document.parent / target).exists(), target


def test_every_room_is_in_the_pictures() -> None:
    rooms = {path.stem for path in (ROOT / "ivr").iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    for document in ("README.md", "docs/architecture.md"):
        text = read(document)
        missing = [room for room in rooms - {"__init__", "__main__"} if not re.search(rf"\b{room}\b", text)]
        assert not missing, f"{missing} in {document}"


def test_every_module_is_reached_from_the_command_line() -> None:
    graph = grimp.build_graph("ivr", "tts")
    roots = {"ivr.cli", *STARTED_AS_PROGRAMS, *LOADED_BY_NAME} & graph.modules
    reached = roots.union(*(graph.find_upstream_modules(root) for root in roots))
    packages = {module for module in graph.modules if graph.find_children(module)}
    migrations = {module for module in graph.modules if ".migrations." in module}
    assert graph.modules - reached - packages - migrations == set()


def test_the_example_of_the_settings_is_sound(tmp_path: Path) -> None:
    (tmp_path / "trunk.secret").write_text("secret\n")
    (tmp_path / "ivr.yaml").write_text(read("deploy/ivr.example.yaml"), encoding="utf-8")
    settings = load(tmp_path / "ivr.yaml")
    assert settings.trunk.registers
    assert settings.trunk.password() == "secret"


def test_the_settings_to_try_with_are_always_open() -> None:
    assert load(ROOT / "deploy" / "ivr.try.yaml").rules().calendar.is_open(datetime(2027, 1, 1, 3, 0, tzinfo=UTC))
