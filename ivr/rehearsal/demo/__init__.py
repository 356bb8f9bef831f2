"""The demo's list of invented people, and who answers at their numbers."""

from __future__ import annotations

from pathlib import Path

DEMO_LIST = Path(__file__).with_name("list.csv")
"""CP932, as a collection system exports it."""

DEMO_CALLEES = Path(__file__).with_name("callees.yaml")
