"""Answers that a program reads."""

from __future__ import annotations

import json


def print_json(value: object) -> None:
    """Print `value` as JSON, Japanese as it is."""
    print(json.dumps(value, ensure_ascii=False, indent=1))
