"""What a draft holds: what somebody has said so far, also where it is wrong, and what was found of it."""

from __future__ import annotations

from datetime import date, datetime

from pydantic import BaseModel, ConfigDict


class _Held(BaseModel):
    model_config = ConfigDict(frozen=True)


class Columns(_Held):
    """Which column (from 0) of a list is which, told by somebody."""

    id: int
    kana: int
    phones: tuple[int, ...]
    header: bool


class Look(_Held):
    """The first rows of a list whose columns are not known, masked; `headings` where the first seems to be that."""

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


class Sample(_Held):
    """Somebody on the list, for whom the sentences can be heard."""

    id: str
    line: int
    kana: str
    values: dict[str, str]


class Taken(_Held):
    """A list as it was taken in. `refused` are the first of `refused_count`, with line and reason."""

    rows: int
    accepted: int
    refused_count: int
    refused: tuple[tuple[int, str], ...]
    warnings: tuple[tuple[int, str], ...]
    columns: tuple[str, ...]
    excluded: tuple[tuple[str, int], ...]
    excluded_error: str
    mobiles: int
    samples: tuple[Sample, ...]


class Uploaded(_Held):
    """The file that somebody brought, and what came of it; `problem` where it is no list that can be used (yet)."""

    name: str
    size: int
    sha256: str
    encoding: str
    problem: str
    look: Look | None
    taken: Taken | None


class Chosen(_Held):
    """The scenario that was chosen, as it was then. `problems` and `warnings` are lines (0: none) and messages."""

    key: str
    file: str
    title: str
    text: str
    calls: bool
    problems: tuple[tuple[int, str], ...]
    warnings: tuple[tuple[int, str], ...]


class Seen(_Held):
    """A forecast: what it says, and for which version of the draft."""

    of_version: int
    people: int
    reached: int
    left: int
    lines: int
    done_at: datetime | None
    days: tuple[tuple[date, int, int, int], ...]


class TestCall(_Held):
    """A call to a member of staff: the campaign that it is, and when it was ordered."""

    __test__ = False

    campaign: str
    at: datetime
    by: str


class Draft(_Held):
    """A campaign in the making. `version` counts the changes; `used` is the id of the campaign that it became.

    `basis` is the version of the last change to the list, the scenario, the rules or a reading: a forecast of an
    earlier one says nothing.
    """

    id: str
    department: str
    made_by: str
    made_at: datetime
    changed_by: str
    changed_at: datetime
    version: int = 1
    basis: int = 1
    upload: Uploaded | None = None
    columns: Columns | None = None
    scenario: Chosen | None = None
    rules: dict[str, list[str]] | None = None
    readings: dict[str, str] = {}
    forecast: Seen | None = None
    forecast_error: str = ""
    test: TestCall | None = None
    name: str = ""
    creating: datetime | None = None
    used: str | None = None

    @property
    def people(self) -> int:
        """Return how many people of the list can be called."""
        return self.upload.taken.accepted if self.upload is not None and self.upload.taken is not None else 0

    @property
    def label(self) -> str:
        """Return what staff call it while it has no name."""
        return self.name or (self.upload.name if self.upload is not None else "（名簿なし）")
