"""`ivr doctor`: looks at everything that calls depend on, and says what to do about each.

Where no engine runs on the data directory, the PBX is started for the time of the examination.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

from ivr import logs, settings
from ivr.desk.answers import print_json
from ivr.doctor.exchange import exchange
from ivr.doctor.finding import Finding, State, bad, good, show
from ivr.doctor.looks import LOOKS, REMEDIES, trail
from ivr.errors import IvrError, Problems

__all__ = ["Finding", "State", "examine", "look", "trail"]


async def examine(config: Path | None, *, json: bool) -> int:
    """Print a line for each thing looked at; return 1 if any is bad."""
    logs.configure(as_json=False, level="error")
    findings: list[Finding] = []
    async for finding in look(config):
        findings.append(finding)
        if not json:
            show(finding)
    if json:
        print_json([finding.as_json() for finding in findings])
    return 1 if any(finding.state is State.BAD for finding in findings) else 0


async def look(config: Path | None) -> AsyncIterator[Finding]:
    """Yield what there is to say about each thing that calls depend on; nothing more where the settings are wrong."""
    try:
        chosen = settings.load(config)
    except IvrError as error:
        lines = isinstance(error, Problems)
        yield bad(
            "設定", str(error), "示された行を直してください。" if lines else "--config か環境変数を直してください。"
        )
        return
    yield good("設定", str(chosen.source) if chosen.source else "設定ファイルなし（すべて初めの値）")
    for name, one in LOOKS.items():
        try:
            yield await one(chosen)
        except IvrError as error:
            yield bad(name, str(error), REMEDIES[name])
    async for finding in exchange(chosen):
        yield finding
