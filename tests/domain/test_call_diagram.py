"""The state diagram in the documents is the call flow's own."""

from __future__ import annotations

from pathlib import Path

from tests.domain.call_diagram import drawn

ROOT = Path(__file__).resolve().parents[2]


def test_the_documents_show_the_call_flow_as_it_is() -> None:
    assert f"```mermaid\n{drawn()}```" in (ROOT / "docs/machines.md").read_text("utf-8")


def test_the_diagram_has_every_state() -> None:
    for state in ("Opening", "Introducing", "Speaking", "Waiting", "Leaving", "Holding", "Confirmed", "HangUp"):
        assert f" {state}" in drawn()
