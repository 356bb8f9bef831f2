"""A bare SMS centre (smpp34) in a process of its own: `python -m tests.bench.texts_centre PORT`.

It takes everything, and sends a receipt DELIVRD for each text, as a client that has asked for one expects it.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import smpp34

from ivr.rehearsal.ports import HOST, free_port

ROOT = Path(__file__).parents[2]

WITHIN = 30.0
"""Seconds for it to start."""

DELIVERS = 10
"""Receipts that wait for their answers at once."""


async def main(port: int) -> None:
    """Serve until killed."""
    server = smpp34.Server(HOST, port, system_id="bench")
    await server.start()
    print("ready", flush=True)
    names, esmes = itertools.count(1), dict[str, smpp34.Esme]()
    lanes = asyncio.Semaphore(DELIVERS)
    async with asyncio.TaskGroup() as receipts:
        while True:
            match await server.next():
                case smpp34.Esme() as esme:
                    esmes[esme.session_id] = esme
                case smpp34.SubmitSmEvent() as event:
                    name = f"{next(names):08x}"
                    event.accept(name)
                    receipts.create_task(_receipt(esmes[event.session_id], event, name, lanes))


async def _receipt(esme: smpp34.Esme, event: smpp34.SubmitSmEvent, name: str, lanes: asyncio.Semaphore) -> None:
    told = f"id:{name} sub:001 dlvrd:001 submit date:2611281000 done date:2611281000 stat:DELIVRD err:000 text:"
    async with lanes:
        with suppress(smpp34.SmppError):
            await esme.deliver_sm(event.source_addr, told.encode(), source_addr=event.destination_addr, esm_class=4)


@asynccontextmanager
async def bare_centre() -> AsyncIterator[int]:
    """Run a centre while inside, and yield its port."""
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.texts_centre", str(port), cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(WITHIN):
            assert await process.stdout.readline() == b"ready\n"
        yield port
    finally:
        process.kill()
        await process.wait()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
