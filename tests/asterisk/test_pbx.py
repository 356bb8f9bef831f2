"""The life of a real PBX: started, watched, started again, stopped; and what keeps it from that."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import stat
import sys
import textwrap
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from ivr.asterisk.pbx import ExternalPbx, ManagedPbx, PbxTiming
from ivr.asterisk.pbx_config import Network, PbxConfig, Trunk
from ivr.asterisk.pbx_files import TEMPLATES, PbxFiles
from ivr.asterisk.pbx_layout import find_asterisk
from ivr.errors import Busy, PbxUnavailable
from tests.asterisk.pbx_pair import LAYOUT, ROOT, engine_config, network_config, started
from tests.asterisk.plain_ami import LIMIT, connected, logged_in
from tests.scarcity import no_more_files


@pytest.fixture
def config(tmp_path: Path) -> PbxConfig:
    return engine_config(tmp_path / "pbx", Trunk(host="127.0.0.1", port=9))


async def _gone(pid: int) -> None:
    async with asyncio.timeout(LIMIT):
        while Path(f"/proc/{pid}").exists() and "State:\tZ" not in Path(f"/proc/{pid}/status").read_text():
            await asyncio.sleep(0.05)


def _modules(rendered: Path) -> list[str]:
    lines = rendered.read_text().splitlines()
    return [line.partition("= ")[2] for line in lines if line.startswith("load = ")]


@pytest.mark.parametrize("side", [Trunk(host="127.0.0.1", port=9), Network()])
async def test_it_starts_with_every_module_and_without_a_complaint_and_stops_twice_in_a_row(
    tmp_path: Path, side: Trunk | Network
) -> None:
    config = engine_config(tmp_path, side) if isinstance(side, Trunk) else network_config(tmp_path, side)
    for _ in range(2):
        async with started(config) as pbx:
            pid = pbx.pid
            assert pid is not None
            shown = await pbx.command("module show")
            for module in _modules(tmp_path / "etc" / "modules.conf"):
                line = next(line for line in shown.splitlines() if line.startswith(module))
                assert " Running " in line
                assert "Not Running" not in line
        assert pbx.pid is None
        assert not Path(f"/proc/{pid}").exists()
        assert not (tmp_path / "pid").exists()
    log = pbx.log_file.read_text()
    assert "WARNING" not in log
    assert "ERROR" not in log


async def test_only_sip_and_rtp_listen_beyond_loopback(config: PbxConfig) -> None:
    async with started(replace(config, bind_host="127.0.0.2")) as pbx:
        sockets = {str(fd.readlink()) for fd in Path(f"/proc/{pbx.pid}/fd").iterdir() if fd.is_symlink()}
        listening = [
            line.split()[1]
            for line in Path("/proc/net/tcp").read_text().splitlines()
            if f"socket:[{line.split()[9]}]" in sockets and line.split()[3] == "0A"
        ]
    assert listening == [f"0100007F:{config.ami_port:04X}"]


async def test_secrets_are_for_their_owner_alone_and_new_each_time(config: PbxConfig) -> None:
    pbx = ManagedPbx(config, LAYOUT)
    pbx.render()
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in (config.directory, *config.directory.rglob("*"))}
    assert all(mode == (0o700 if path.is_dir() else 0o600) for path, mode in modes.items()), modes
    assert (config.directory / "secret").read_text().strip() == pbx.ami_secret
    assert len(pbx.ami_secret) >= 43
    assert ManagedPbx(config, LAYOUT).ami_secret != pbx.ami_secret


async def test_it_is_started_again_when_it_is_killed(config: PbxConfig) -> None:
    told: asyncio.Queue[tuple[bool, str]] = asyncio.Queue()

    async def next_state() -> tuple[bool, str]:
        async with asyncio.timeout(LIMIT):
            return await told.get()

    async with started(
        config,
        on_state=lambda up, why: told.put_nowait((up, why)),
        timing=PbxTiming(backoff_first=0.1),
    ) as pbx:
        assert await next_state() == (True, "")
        async with asyncio.TaskGroup() as group:
            watching = group.create_task(pbx.run())
            for _ in range(2):
                first = pbx.pid
                assert first is not None
                os.kill(first, signal.SIGKILL)
                up, why = await next_state()
                assert (up, "シグナル 9" in why) == (False, True)
                assert await next_state() == (True, "")
                assert pbx.pid not in {None, first}
            async with logged_in(pbx) as ami:
                assert (await ami.act("Ping"))["Response"] == "Success"
            watching.cancel()


async def test_it_keeps_trying_while_it_can_not_be_started_again(config: PbxConfig) -> None:
    told: asyncio.Queue[tuple[bool, str]] = asyncio.Queue()
    timing = PbxTiming(backoff_first=0.05, backoff_most=0.2)
    async with (
        started(config, on_state=lambda up, why: told.put_nowait((up, why)), timing=timing) as pbx,
        asyncio.TaskGroup() as group,
    ):
        watching = group.create_task(pbx.run())
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as thief:
            assert pbx.pid is not None
            os.kill(pbx.pid, signal.SIGKILL)
            async with asyncio.timeout(LIMIT):
                while True:
                    with suppress(OSError):
                        thief.bind(("127.0.0.1", config.sip_port))
                        break
                    await asyncio.sleep(0)
                while "pbx.sip_port" not in (await told.get())[1]:
                    pass
        async with asyncio.timeout(LIMIT):
            while not (await told.get())[0]:
                pass
        assert pbx.pid is not None
        watching.cancel()


async def test_it_ends_when_the_engine_is_killed(config: PbxConfig) -> None:
    engine = textwrap.dedent(
        f"""
        import asyncio, pathlib
        from ivr.asterisk.pbx import ManagedPbx
        from ivr.asterisk.pbx_config import PbxConfig, Trunk
        from ivr.asterisk.pbx_layout import find_asterisk

        async def main():
            config = PbxConfig(directory=pathlib.Path({str(config.directory)!r}), side=Trunk(host="127.0.0.1", port=9),
                ami_port={config.ami_port}, sip_port={config.sip_port}, rtp_ports={config.rtp_ports}, agi_port=9)
            pbx = ManagedPbx(config, find_asterisk(None, pathlib.Path({str(ROOT)!r})))
            await pbx.start()
            print(pbx.pid, flush=True)
            await pbx.run()

        asyncio.run(main())
        """
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", engine, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    async with asyncio.timeout(30):
        pid = int(await process.stdout.readline())
    process.kill()
    await process.wait()
    await _gone(pid)


async def test_one_that_was_left_behind_is_stopped_first(config: PbxConfig) -> None:
    async with started(config) as forgotten:
        pid = forgotten.pid
        assert pid is not None
        async with started(config) as pbx:
            await _gone(pid)
            assert pbx.pid not in {None, pid}


async def test_a_process_that_only_has_the_number_of_one_left_behind_is_let_live(config: PbxConfig) -> None:
    config.directory.mkdir()
    (config.directory / "pid").write_text(f"{os.getpid()}\n")
    assert PbxFiles(config.directory).left_behind() is None
    async with started(config):
        pass


@pytest.mark.parametrize(
    ("kind", "setting"), [(socket.SOCK_STREAM, "pbx.ami.port"), (socket.SOCK_DGRAM, "pbx.sip_port")]
)
async def test_a_port_that_is_taken_is_named_with_its_setting(
    config: PbxConfig, kind: socket.SocketKind, setting: str
) -> None:
    with socket.socket(socket.AF_INET, kind) as other:
        other.bind(("127.0.0.1", 0))
        if kind is socket.SOCK_STREAM:
            other.listen()
        port = other.getsockname()[1]
        taken = replace(config, ami_port=port) if kind is socket.SOCK_STREAM else replace(config, sip_port=port)
        with pytest.raises(Busy, match=f"127.0.0.1:{port} .*{setting}"):
            await ManagedPbx(taken, LAYOUT).start()


async def test_a_deep_directory_does_not_make_the_control_socket_too_long(config: PbxConfig) -> None:
    deep = config.directory / ("d" * 100) / ("e" * 100)
    async with started(replace(config, directory=deep)) as pbx:
        assert "Asterisk 2" in await pbx.command("core show version")


async def test_a_directory_with_spaces_and_japanese_works(config: PbxConfig) -> None:
    async with started(replace(config, directory=config.directory / "督促 ; 架電")) as pbx:
        assert "Asterisk 2" in await pbx.command("core show version")


async def test_a_directory_that_can_not_be_written_is_named(config: PbxConfig) -> None:
    config.directory.write_text("a file")
    with pytest.raises(PbxUnavailable, match=r"設定を .*/pbx に書けません"):
        await ManagedPbx(config, LAYOUT).start()


async def test_a_full_disk_is_said(config: PbxConfig) -> None:
    config.directory.mkdir()
    (config.directory / "secret.new").symlink_to("/dev/full")
    with pytest.raises(PbxUnavailable, match="空き容量"):
        await ManagedPbx(config, LAYOUT).start()


async def test_a_module_that_does_not_run_is_named(config: PbxConfig, tmp_path: Path) -> None:
    templates = shutil.copytree(TEMPLATES, tmp_path / "templates")
    with (templates / "modules.conf.j2").open("a") as modules:
        modules.write("load = app_nothing.so\n")
    pbx = ManagedPbx(config, LAYOUT, templates=templates)
    with pytest.raises(PbxUnavailable, match=r"モジュール app_nothing\.so "):
        await pbx.start()
    assert pbx.pid is None


async def test_an_asterisk_that_ends_at_once_is_quoted(config: PbxConfig, tmp_path: Path) -> None:
    broken = tmp_path / "asterisk"
    broken.write_text("#!/bin/sh\necho 'ERROR: no such thing 0357229876'\nexit 3\n")
    broken.chmod(0o755)
    with pytest.raises(PbxUnavailable, match=r"起動の途中で終了.*no such thing \*\*\*"):
        await ManagedPbx(config, replace(LAYOUT, asterisk=broken)).start()


async def test_an_asterisk_that_hangs_is_killed(config: PbxConfig, tmp_path: Path) -> None:
    hanging = tmp_path / "asterisk"
    hanging.write_text("#!/bin/sh\ntrap '' TERM\necho $$ >> pids\nwhile :; do sleep 0.1; done\n")
    hanging.chmod(0o755)
    timing = PbxTiming(start=1.0, command=0.3, stop=0.3)
    with pytest.raises(PbxUnavailable, match="1 秒以内"):
        await ManagedPbx(config, replace(LAYOUT, asterisk=hanging), timing=timing).start()
    for pid in (config.directory / "pids").read_text().split():
        await _gone(int(pid))


async def test_an_asterisk_that_is_not_there_is_to_be_set_up(config: PbxConfig, tmp_path: Path) -> None:
    with pytest.raises(PbxUnavailable, match="make setup"):
        await ManagedPbx(config, replace(LAYOUT, asterisk=tmp_path / "gone")).start()


def test_what_the_system_refuses_while_asterisk_starts_is_a_clear_error(config: PbxConfig) -> None:
    pbx, files = ManagedPbx(config, LAYOUT), PbxFiles(config.directory)
    pbx.render()
    with no_more_files():
        with pytest.raises(PbxUnavailable, match=r"modules\.conf を読めません（開いているファイル"):
            files.modules()
        with pytest.raises(Busy, match="開いているファイルが多すぎます"):
            pbx._see_ports_free()
    files.pid.mkdir()
    files.forget_pid()
    assert files.left_behind() is None


@pytest.mark.parametrize("said", [b"SSH-2.0-x\r\n", b"x" * 70_000])
async def test_a_stranger_on_the_port_of_ami_is_a_clear_error(config: PbxConfig, said: bytes) -> None:
    def greet(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(said)

    async with await asyncio.start_server(greet, "127.0.0.1", config.ami_port):
        with pytest.raises(PbxUnavailable, match="AMI が名乗りません"):
            await ManagedPbx(config, LAYOUT)._greeted()


async def test_a_console_command_that_the_system_does_not_start_is_a_clear_error(config: PbxConfig) -> None:
    async with started(config) as pbx:
        with no_more_files(), pytest.raises(PbxUnavailable, match="開いているファイルが多すぎます"):
            await pbx.command("core show version")
        assert "Asterisk 2" in await pbx.command("core show version")


async def test_a_wrong_ami_secret_is_refused(config: PbxConfig) -> None:
    async with started(config), connected(config.ami_port, "ivr", "wrong") as ami:
        assert ami.seen[-1]["Response"] == "Error"


FORBIDDEN: dict[str, dict[str, str]] = {
    "Command": {"Command": "core show version"},
    "GetConfig": {"Filename": "manager.conf"},
    "GetConfigJSON": {"Filename": "manager.conf"},
    "UpdateConfig": {"SrcFilename": "manager.conf", "DstFilename": "manager.conf", "Reload": "yes"},
    "CreateConfig": {"Filename": "evil.conf"},
    "ListCategories": {"Filename": "manager.conf"},
    "DialplanExtensionAdd": {"Context": "x", "Extension": "1", "Priority": "1", "Application": "Answer"},
    "DialplanExtensionRemove": {"Context": "ivr-call", "Extension": "start"},
    "ModuleLoad": {"LoadType": "reload"},
    "Reload": {},
    "AGI": {"Channel": "x", "Command": "EXEC System id"},
    "MixMonitor": {"Channel": "x", "File": "x.wav"},
    "DBPut": {"Family": "x", "Key": "x", "Val": "x"},
    "UserEvent": {"UserEvent": "Hangup"},
}

RUN_A_PROGRAM: tuple[dict[str, str], ...] = (
    {"Application": "System", "Data": "id"},
    {"Application": "TrySystem", "Data": "id"},
    {"Application": "AGI", "Data": "/bin/id"},
    {"Application": "EAGI", "Data": "/bin/id"},
    {"Application": "Exec", "Data": "System(id)"},
    {"Application": "ExternalIVR", "Data": "/bin/id"},
    {"Application": "MixMonitor", "Data": "x.wav"},
    {"Application": "Originate", "Data": "Local/start@ivr-call,app,System,id"},
    {"Application": "Wait", "Data": "${SHELL(id)}"},
    {"Application": "Wait", "Variable": "SHELL(id)=1"},
)


async def test_the_ami_user_can_not_run_programs_read_files_or_change_the_configuration(config: PbxConfig) -> None:
    async with started(config) as pbx, logged_in(pbx) as ami:
        allowed = await ami.act("ListCommands")
        assert {"Originate", "Hangup", "Ping"} <= allowed.keys()
        assert not allowed.keys() & FORBIDDEN.keys()
        for action, fields in FORBIDDEN.items():
            assert (await ami.act(action, **fields))["Response"] == "Error", action
        for fields in RUN_A_PROGRAM:
            answer = await ami.act("Originate", Channel="Local/start@ivr-call", **fields)
            assert answer["Response"] == "Error", fields


@pytest.mark.parametrize(
    "function", ["SHELL(id)", "FILE(/etc/passwd)", "ENV(PATH)", "AST_CONFIG(manager.conf,ivr,secret)"]
)
async def test_the_ami_user_can_not_reach_programs_or_files_through_a_function(
    config: PbxConfig, function: str
) -> None:
    async with started(config) as pbx, logged_in(pbx) as ami:
        answer = await ami.act("Getvar", Variable=function)
        assert answer["Response"] == "Error" or answer.get("Value", "") in ("", "(null)"), answer
        assert (await ami.act("Setvar", Variable=function, Value="x"))["Response"] == "Error" or (
            f"Function {function.partition('(')[0]} not registered" in pbx.log_file.read_text()
        )


async def test_a_console_command_says_that_it_is_not_running(config: PbxConfig) -> None:
    with pytest.raises(PbxUnavailable, match="動いていません"):
        await ManagedPbx(config, LAYOUT).command("core show version")


async def test_an_external_pbx_is_left_alone() -> None:
    pbx = ExternalPbx(ami_secret="secret")
    await pbx.start()
    with suppress(TimeoutError):
        async with asyncio.timeout(0.01):
            await pbx.run()
    with pytest.raises(PbxUnavailable, match="外部"):
        await pbx.command("core show version")
    await pbx.stop()


def test_the_asterisk_of_make_setup_is_found_and_a_named_one_preferred(tmp_path: Path) -> None:
    assert int(find_asterisk(None, ROOT).version.partition(".")[0]) >= 20
    folder = ROOT / ".asterisk"
    if folder.is_dir():
        assert find_asterisk(folder, tmp_path) == find_asterisk(None, ROOT)


def test_without_asterisk_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ivr.asterisk.pbx_layout.shutil.which", lambda *_args, **_names: None)
    with pytest.raises(PbxUnavailable, match=r"make setup.*コンテナ"):
        find_asterisk(None, tmp_path)
    old = tmp_path / "old"
    old.write_text("#!/bin/sh\necho 'Asterisk 18.2.0'\n")
    old.chmod(0o755)
    with pytest.raises(PbxUnavailable, match=r"pbx\.asterisk"):
        find_asterisk(old, tmp_path)
