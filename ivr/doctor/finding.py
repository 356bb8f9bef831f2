"""What the self-examination says of one thing."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """How one thing is."""

    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"


MARKS = {State.GOOD: "○", State.WARNING: "△", State.BAD: "×"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing looked at, how it is, and what to do about it."""

    name: str
    state: State
    message: str
    remedy: str = ""

    def as_json(self) -> dict[str, str]:
        """Return it for a program."""
        return {
            "name": self.name,
            "state": self.state.value,
            "message": self.message,
            "remedy": self.remedy,
        }


def good(name: str, message: str) -> Finding:
    """All is well."""
    return Finding(name=name, state=State.GOOD, message=message)


def bad(name: str, message: str, remedy: str) -> Finding:
    """Something to mend, and how."""
    return Finding(name=name, state=State.BAD, message=message, remedy=remedy)


def show(finding: Finding) -> None:
    """Print a finding for a person."""
    print(f"{MARKS[finding.state]} {finding.name}：{finding.message}")
    if finding.remedy:
        print(f"　　→ {finding.remedy}")
