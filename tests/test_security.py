"""docs/security.md claims nothing that is not there: its tests, its files, its limits."""

from __future__ import annotations

import ast
import importlib
import re
from functools import cache
from pathlib import Path

import pytest

from tests.fuzz.targets import TARGETS

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/security.md").read_text(encoding="utf-8")
TESTS = sorted(set(re.findall(r"`(tests/[\w/]+(?:\.py(?:::\w+)?)?)`", PAGE)))
LIMITS = re.findall(r"^\| ([^|]+) \| (\d+) \| `(ivr[\w.]+)` \| `[^`]+` \|$", PAGE, re.MULTILINE)


@cache
def names_in(file: str) -> frozenset[str]:
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def valued(name: str) -> object:
    """Return what `ivr.room.module.NAME` or `ivr.room.module.Class.field` is."""
    parts = name.split(".")
    for length in range(len(parts) - 1, 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for part in parts[length:-1]:
            found = getattr(found, part)()
        return getattr(found, parts[-1])
    raise AssertionError(name)


@pytest.mark.parametrize("named", TESTS)
def test_a_test_that_the_page_names_is_there(named: str) -> None:
    file, _, name = named.partition("::")
    assert (ROOT / file).exists()
    assert not name or name in names_in(file)


@pytest.mark.parametrize(("what", "limit", "name"), LIMITS, ids=[what for what, _, _ in LIMITS])
def test_a_limit_on_the_page_is_that_of_the_code(what: str, limit: str, name: str) -> None:
    assert valued(name) == int(limit), what


def test_every_line_of_the_table_of_limits_is_compared() -> None:
    table = PAGE.partition("\n## Limits")[2].partition("\n## ")[0]
    assert len(LIMITS) == len(re.findall(r"^\| ", table, re.MULTILINE)) - 1 > 15


@pytest.mark.parametrize("name", TARGETS)
def test_every_parser_that_is_fuzzed_has_its_figures(name: str) -> None:
    assert re.search(rf"^\| `{name}` \|.*\| \d+ \|$", PAGE, re.MULTILINE)


def test_the_modules_and_files_that_the_page_names_are_there() -> None:
    for path in re.findall(r"`((?:asterisk|campaign|domain|vault|storage|reporting)/[\w/]*(?:\.py)?)`", PAGE):
        assert (ROOT / "ivr" / path).exists(), path
    for path in re.findall(r"`((?:deploy|asterisk_conf)/[\w./]*)`", PAGE):
        assert (ROOT / path).exists(), path
