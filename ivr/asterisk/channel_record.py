"""What the PBX itself wrote down of its channels, and which of them live: for an engine that knows no more.

asterisk_conf/cel_custom.conf writes a line an event, at once, so that the record outlives us and the PBX:

    CHAN_START,1795580985.139654,dd11cc46f5844608aba75a4a804b2722,
    HANGUP,1795580985.145974,dd11cc46f5844608aba75a4a804b2722,"{""hangupcause"":17,""hangupsource"":""PJSIP/trunk-1"",…}"
"""

from __future__ import annotations

import asyncio
import csv
import json
import logging
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from ivr.asterisk.ami import Ami
from ivr.campaign.ports import Trace
from ivr.errors import PbxUnavailable, reason

log = logging.getLogger(__name__)

PLACE = Path("record", "cel-custom", "channels.csv")
"""Where the record lies in the directory of a PBX."""

MOST_CAUSE = 127
"""Q.850 has 7 bits for it."""

ANSWER_S = 5.0
"""Seconds for AMI to answer one action."""

GONE_S = 20.0
"""Seconds for channels that we hang up to be gone."""

LOOK_AGAIN = 0.2


class ChannelRecord:
    """`ivr.campaign.ports.ChannelRecord`; without a `file` nothing is known of channels that are gone."""

    def __init__(self, ami: Ami, file: Path | None) -> None:
        self._ami = ami
        self._file = file

    async def ended(self, ids: Collection[str]) -> Mapping[str, Trace]:
        """Hang up those of `ids` that live, and return what is recorded of each, once none lives.

        PbxUnavailable where the PBX does not answer, or a channel does not end.
        """
        await self._hang_up(frozenset(ids))
        return await asyncio.to_thread(self._read, frozenset(ids))

    async def forget(self) -> None:
        """Empty the record: every channel in it is accounted for.

        Where that is refused, as by the file of somebody else's PBX, a warning is all: ids are not used again, so that
        old lines tell nothing of a later call. The file grows, and each start reads through all of it.
        """
        await asyncio.to_thread(self._empty)

    async def _hang_up(self, ids: frozenset[str]) -> None:
        loop = asyncio.get_running_loop()
        end = loop.time() + GONE_S
        while living := ids & await self._living():
            if loop.time() > end:
                raise PbxUnavailable("前回の通話が PBX に残っていて、切れません。")
            for channel in living:
                self._ami.tell({"Action": "Hangup", "Channel": channel, "Cause": "16"})
            await asyncio.sleep(LOOK_AGAIN)

    async def _living(self) -> frozenset[str]:
        listed = await self._ami.listing("CoreShowChannels", ANSWER_S)
        return frozenset(channel.get("Uniqueid", "") for channel in listed)

    def _read(self, ids: frozenset[str]) -> Mapping[str, Trace]:
        if self._file is None:
            return {}
        try:
            with self._file.open(encoding="utf-8", errors="replace", newline="") as lines:
                return traces(lines, ids)
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise PbxUnavailable(f"PBX の通話記録 {self._file} を読めません（{reason(error)}）。") from None

    def _empty(self) -> None:
        if self._file is None:
            return
        try:
            with self._file.open("r+b") as file:
                file.truncate(0)
        except FileNotFoundError:
            pass
        except OSError as error:
            log.warning("The PBX's record %s is not emptied, and grows: %s", self._file, error.strerror or error)


def traces(lines: Iterable[str], ids: Collection[str]) -> dict[str, Trace]:
    """Return what `lines` tell of the channels `ids`; a line that is cut off or of another kind tells nothing."""
    found: dict[str, Trace] = {}
    for line in lines:
        cells = _cells(line)
        if len(cells) < 4 or cells[2] not in ids:
            continue
        event, moment, channel, extra = cells[:4]
        try:
            at = datetime.fromtimestamp(float(moment), UTC)
        except (ValueError, OverflowError, OSError):
            continue
        known = found.get(channel, Trace())
        match event:
            case "CHAN_START":
                found[channel] = replace(known, began=at)
            case "ANSWER":
                found[channel] = replace(known, answered=at)
            case "HANGUP":
                found[channel] = replace(known, ended=at, q850=_cause(extra))
    return found


def _cells(line: str) -> list[str]:
    try:
        return next(csv.reader([line.replace("\0", "")]), [])
    except csv.Error:
        return []


def _cause(extra: str) -> int | None:
    """Return the Q.850 cause that the far end hung up with; None where it was not the far end that did."""
    try:
        told = json.loads(extra)
        source, cause = str(told["hangupsource"]), int(told["hangupcause"])
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return None
    return cause if source.startswith("PJSIP/") and 0 < cause <= MOST_CAUSE else None
