"""An Asterisk of our own: started as a child, watched, started again when it ends, stopped.

    pbx = ManagedPbx(config, find_asterisk(None, root), on_state=...)
    await pbx.start()
    group.create_task(pbx.run())
    ...
    await pbx.stop()

The child ends with us, even where we are killed; one that survived is stopped by the next start in its directory.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import re
import secrets
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ivr.asterisk.pbx_config import PbxConfig, address
from ivr.asterisk.pbx_console import Console
from ivr.asterisk.pbx_files import MAIN, TEMPLATES, PbxFiles
from ivr.asterisk.pbx_layout import Layout
from ivr.errors import Busy, PbxUnavailable, reason

log = logging.getLogger(__name__)

_CHILD = Path(__file__).with_name("pbx_child.py")
_RUNNING = re.compile(r"^(\S+\.so) .*(?<!Not) Running ", re.MULTILINE)
_NOT_RUNNING = "Asterisk はまだ動いていません。"

OnState = Callable[[bool, str], None]
"""Told whether the PBX runs, and if not why, in Japanese."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PbxTiming:
    """Seconds: limits for the start, a console command, the stop; back-off between starts; a look at a process."""

    start: float = 30.0
    command: float = 5.0
    stop: float = 10.0
    backoff_first: float = 1.0
    backoff_most: float = 60.0
    settled: float = 60.0
    """A PBX that ran for this long starts the back-off anew."""
    look: float = 0.05


class Pbx(Protocol):
    """The PBX, whoever starts it."""

    @property
    def ami_secret(self) -> str:
        """The secret that AMI asks for."""
        ...

    async def start(self) -> None:
        """Return once it can be used; PbxUnavailable or Busy where it can't."""
        ...

    async def run(self) -> None:
        """Keep it running, for ever; cancel to end this."""
        ...

    async def stop(self) -> None:
        """Stop it; harmless where it does not run."""
        ...

    async def command(self, line: str) -> str:
        """Return what its console answers to `line`; PbxUnavailable where it does not."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalPbx:
    """A PBX that somebody else runs; asterisk_conf/README.md says what it needs."""

    ami_secret: str

    async def start(self) -> None:
        """Nothing is to be done."""

    async def run(self) -> None:
        """Wait for ever."""
        await asyncio.get_running_loop().create_future()

    async def stop(self) -> None:
        """Nothing is to be done."""

    async def command(self, line: str) -> str:
        """Refuse: its console is not ours."""
        raise PbxUnavailable("外部の PBX のコンソールは使えません。")


class ManagedPbx:
    """The Asterisk of `config.directory`. `ami_secret` is new with each instance and stays while it is restarted."""

    def __init__(
        self,
        config: PbxConfig,
        layout: Layout,
        *,
        on_state: OnState | None = None,
        timing: PbxTiming | None = None,
        templates: Path = TEMPLATES,
    ) -> None:
        self.config = config
        self.ami_secret = secrets.token_urlsafe(32)
        self._layout = layout
        self._files = PbxFiles(config.directory, templates)
        self._on_state = on_state or (lambda _up, _reason: None)
        self._timing = timing or PbxTiming()
        self._console: Console | None = None
        self._transport: asyncio.SubprocessTransport | None = None

    @property
    def pid(self) -> int | None:
        """The process that runs, None where none does."""
        running = self._transport is not None and self._console is not None and not self._console.exited.done()
        return self._transport.get_pid() if running and self._transport is not None else None

    @property
    def log_file(self) -> Path:
        """What Asterisk complained of, without numbers."""
        return self._files.log

    def render(self) -> None:
        """Write the configuration; PbxUnavailable where that fails, InputError for a value that can't be written."""
        self._files.render(self.config, self._layout, self.ami_secret)

    async def start(self) -> None:
        """Start Asterisk and return once it has booted and every module runs.

        Busy where a port is taken, PbxUnavailable with Asterisk's own words where it does not come up.
        """
        if not os.access(self._layout.asterisk, os.X_OK):
            raise PbxUnavailable(f"{self._layout.asterisk} がありません。`make setup` をもう一度実行してください。")
        await self.stop()
        await self._stop_left_behind()
        self.render()
        self._see_ports_free()
        came_up = False
        try:
            await self._spawn()
            await self._ready()
            came_up = True
        finally:
            if not came_up:
                await asyncio.shield(self.stop())
        log.info("Asterisk %s runs as process %s", self._layout.version, self.pid)
        self._on_state(True, "")

    async def run(self) -> None:
        """Start Asterisk again whenever it ends, ever more slowly; for ever."""
        timing, loop = self._timing, asyncio.get_running_loop()
        pause = timing.backoff_first
        while True:
            began = loop.time()
            if self._console is not None:
                await asyncio.shield(self._console.exited)
                self._down(f"Asterisk が終了しました（{self._ending()}）。")
            if loop.time() - began > timing.settled:
                pause = timing.backoff_first
            await asyncio.sleep(pause)
            pause = min(2 * pause, timing.backoff_most)
            try:
                await self.start()
            except (PbxUnavailable, Busy) as error:
                self._down(str(error))

    async def stop(self) -> None:
        """Hang up every call and stop Asterisk; kill it where it takes longer than the limit."""
        console, transport = self._console, self._transport
        if console is None or transport is None:
            return
        for send in (transport.terminate, transport.kill):
            if not console.exited.done():
                with suppress(ProcessLookupError):
                    send()
                await asyncio.wait({console.exited}, timeout=self._timing.stop)
        transport.close()
        self._console = self._transport = None
        self._files.forget_pid()

    async def command(self, line: str) -> str:
        """Run `line` on Asterisk's console and return what it prints."""
        if self.pid is None:
            raise PbxUnavailable(_NOT_RUNNING)
        return await self._ask(line)

    async def _spawn(self) -> None:
        loop = asyncio.get_running_loop()
        program = [str(self._layout.asterisk), "-f", "-n", "-C", MAIN]
        try:
            self._transport, self._console = await loop.subprocess_exec(
                lambda: Console(self._files.log),
                *(sys.executable, "-I", "-S", str(_CHILD), str(os.getpid()), *program),
                stdin=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.STDOUT,
                cwd=self._files.directory,
                env=self._environment(),
                start_new_session=True,
            )
        except OSError as error:
            raise PbxUnavailable(f"Asterisk を起動できません（{reason(error)}）。") from None
        self._files.note_pid(self._transport.get_pid())

    def _environment(self) -> dict[str, str]:
        """Return the child's environment: nothing of ours, which may hold secrets."""
        kept = {name: os.environ[name] for name in ("PATH", "TZ") if name in os.environ}
        return {**kept, "HOME": str(self._files.directory), "LANG": "C.UTF-8"}

    async def _ready(self) -> None:
        """Return once Asterisk has booted as configured."""
        try:
            async with asyncio.timeout(self._timing.start):
                await self._booted()
                await self._greeted()
        except TimeoutError:
            raise self._failed(f"{self._timing.start:.0f} 秒以内に起動が終わりません") from None
        listed = dict.fromkeys(self._files.modules())
        running = set(_RUNNING.findall(await self._ask("module show")))
        if missing := [module for module in listed if module not in running]:
            raise self._failed(f"モジュール {', '.join(missing)} が動いていません")
        if "transport" not in await self._ask("pjsip show transports"):
            raise self._failed(f"SIP のポート {self.config.sip_port} で待ち受けていません")

    async def _booted(self) -> None:
        while True:
            if self._console is None or self._console.exited.done():
                raise self._failed("起動の途中で終了しました")
            with suppress(PbxUnavailable):
                if "fully booted" in await self._ask("core waitfullybooted"):
                    return
            await asyncio.sleep(self._timing.look)

    async def _greeted(self) -> None:
        """See that AMI listens, and that it is ours."""
        if self._console is not None and any("AMI server" in line for line in self._console.lines):
            raise self._failed(f"AMI のポート {self.config.ami_port} で待ち受けていません")
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.config.ami_port)
            try:
                greeting = await reader.readline()
            finally:
                writer.close()
        except OSError as error:
            raise self._failed(f"AMI に接続できません: {reason(error)}") from None
        except ValueError:  # a line without end
            greeting = b""
        if not greeting.startswith(b"Asterisk Call Manager"):
            raise self._failed("AMI が名乗りません")

    async def _ask(self, line: str) -> str:
        try:
            process = await asyncio.create_subprocess_exec(
                *(str(self._layout.asterisk), "-C", MAIN, "-rx", line),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                cwd=self._files.directory,
                env=self._environment(),
            )
        except OSError as error:
            raise PbxUnavailable(f"Asterisk のコンソールを起動できません（{reason(error)}）。") from None
        try:
            async with asyncio.timeout(self._timing.command):
                output, _ = await process.communicate()
        except TimeoutError:
            raise PbxUnavailable("Asterisk のコンソールが応答しません。") from None
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        if process.returncode != 0:
            raise PbxUnavailable(_NOT_RUNNING)
        return output.decode("utf-8", "replace")

    def _see_ports_free(self) -> None:
        """See that the ports are free, before Asterisk half-starts without them."""
        config = self.config
        tcp, udp = socket.SOCK_STREAM, socket.SOCK_DGRAM
        _see_free("127.0.0.1", config.ami_port, tcp, "pbx.ami.port")
        _see_free(config.bind_host, config.sip_port, tcp if config.side.transport == "tcp" else udp, "pbx.sip_port")

    async def _stop_left_behind(self) -> None:
        """Stop the Asterisk of an engine that was killed."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            pid = self._files.left_behind()
            if pid is None:
                break
            log.warning("An Asterisk of an earlier engine still runs as process %s and is stopped", pid)
            with suppress(ProcessLookupError):
                os.kill(pid, number)
            await self._gone(pid)
        if self._files.left_behind() is not None:
            raise Busy("前回の Asterisk が残っていて、止められません。")

    async def _gone(self, pid: int) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(self._timing.stop):
                while self._files.left_behind() == pid:  # noqa: ASYNC110 - not our child: nothing tells of its end
                    await asyncio.sleep(self._timing.look)

    def _down(self, reason: str) -> None:
        log.warning("The PBX is down: %s", reason)
        self._on_state(False, reason)

    def _failed(self, what: str) -> PbxUnavailable:
        said = self._console.tail() if self._console else ""
        return PbxUnavailable(f"Asterisk が起動しません: {what}。{said and f'（{said}）'}")

    def _ending(self) -> str:
        code = self._transport.get_returncode() if self._transport else None
        return f"シグナル {-code}" if code is not None and code < 0 else f"終了コード {code}"


def _see_free(host: str, port: int, kind: socket.SocketKind, setting: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, kind) as probe:
            if kind is socket.SOCK_STREAM:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        if error.errno == errno.EADDRNOTAVAIL:
            raise Busy(
                f"{host} は、この機械の IP アドレスではありません。"
                "設定 pbx.bind_host に、電話会社の側を向いた、この機械のアドレスを書いてください。"
            ) from None
        raise Busy(
            f"{address(host, port)} を使えません（{reason(error)}）。{setting} を変えるか、"
            "そのポートを使っているプログラムを止めてください。"
        ) from None
