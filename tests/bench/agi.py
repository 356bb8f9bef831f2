"""Our FastAGI server beside panoramisk's, under the same load: `python -m tests.bench.agi`.

Each server runs in a process of its own; this one plays Asterisk over raw sockets and measures.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import sys
import time
from dataclasses import dataclass

from panoramisk.fast_agi import Application, Request

from ivr.asterisk.agi import AgiServer, AgiSession
from ivr.asterisk.agi_wire import command

SERVERS = ("ivr", "panoramisk")
ENVIRONMENT = "".join(
    f"agi_{name}: {value}\n"
    for name, value in {
        "network": "yes",
        "network_script": "call",
        "request": "agi://127.0.0.1/call",
        "channel": "PJSIP/trunk-00000001",
        "language": "ja",
        "type": "PJSIP",
        "uniqueid": "1f0c",
        "callerid": "0357220000",
        "context": "ivr-call",
        "extension": "start",
        "priority": "1",
        "arg_1": "token",
    }.items()
)
GREETING = (ENVIRONMENT + "\n").encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """So many sessions of so many commands, so many at once."""

    sessions: int = 2000
    commands: int = 20
    at_once: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What a server did: sessions a second, its CPU in milliseconds a session, the slowest command in milliseconds."""

    server: str
    sessions_per_second: float
    cpu_ms: float
    slowest_ms: float


async def measure(server: str, load: Load) -> Measured:
    """Put `load` on a fresh process of `server`."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.agi", "--serve", server, "--commands", str(load.commands),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        async with asyncio.timeout(60):
            port = int(await process.stdout.readline())
            began = time.perf_counter()
            slowest = await _play(port, load)
            took = time.perf_counter() - began
            printed, _ = await process.communicate(b"\n")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return Measured(
        server=server,
        sessions_per_second=load.sessions / took,
        cpu_ms=float(printed) * 1000 / load.sessions,
        slowest_ms=slowest * 1000,
    )


async def _play(port: int, load: Load) -> float:
    left = iter(range(load.sessions))
    slowest = 0.0

    async def caller() -> None:
        nonlocal slowest
        for _ in left:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(GREETING)
            commands = 0
            sent = time.perf_counter()
            while await reader.readline():
                slowest = max(slowest, time.perf_counter() - sent)
                commands += 1
                sent = time.perf_counter()
                writer.write(b"200 result=0 endpos=8000\n")
            writer.close()
            if commands != load.commands:
                raise AssertionError(f"{commands} commands instead of {load.commands}")

    async with asyncio.TaskGroup() as group:
        for _ in range(load.at_once):
            group.create_task(caller())
    return slowest


async def _serve(server: str, commands: int) -> None:
    """Serve until standard input says something; print the port, then the CPU seconds used."""

    order = command("STREAM FILE", "/clips/hello", "#")

    async def ours(session: AgiSession) -> None:
        for _ in range(commands):
            await session.execute(order, within=10)

    async def theirs(request: Request) -> None:
        for _ in range(commands):
            await request.send_command('STREAM FILE "/clips/hello" "#"')

    def spent() -> float:
        used = resource.getrusage(resource.RUSAGE_SELF)
        return used.ru_utime + used.ru_stime

    loop = asyncio.get_running_loop()
    if server == "ivr":
        async with AgiServer("127.0.0.1", 0, ours) as listening:
            before = spent()
            print(listening.port, flush=True)
            await loop.run_in_executor(None, sys.stdin.readline)
    else:
        application = Application(loop=loop)
        application.add_route("call", theirs)
        listening_there = await asyncio.start_server(application.handler, "127.0.0.1", 0, backlog=512)
        async with listening_there:
            before = spent()
            print(listening_there.sockets[0].getsockname()[1], flush=True)
            await loop.run_in_executor(None, sys.stdin.readline)
    print(spent() - before)


async def bench_agi(load: Load | None = None) -> list[Measured]:
    """Measure each server in turn, and print a line for each."""
    found = []
    for server in SERVERS:
        measured = await measure(server, load or Load())
        print(
            f"FastAGI {server:<11} {measured.sessions_per_second:8.0f} sessions/s"
            f"   CPU {measured.cpu_ms:5.2f} ms/session   slowest command {measured.slowest_ms:6.1f} ms"
        )
        found.append(measured)
    return found


def main() -> None:
    """Run the measurement, or one of its servers."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--serve", choices=SERVERS)
    options.add_argument("--sessions", type=int, default=Load().sessions)
    options.add_argument("--commands", type=int, default=Load().commands)
    options.add_argument("--at-once", type=int, default=Load().at_once)
    chosen = options.parse_args()
    if chosen.serve:
        asyncio.run(_serve(chosen.serve, chosen.commands))
    else:
        load = Load(sessions=chosen.sessions, commands=chosen.commands, at_once=chosen.at_once)
        asyncio.run(bench_agi(load))


if __name__ == "__main__":
    main()
