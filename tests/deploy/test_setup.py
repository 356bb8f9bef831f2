"""The set-up scripts, against small stand-ins for the tools of the host; nothing is downloaded."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SETUP = ROOT / "deploy/setup"

APT_GET = """#!/bin/sh
# Stands in for apt-get: serves the packages in $DEBS, and notes the configuration that it was given.
case "$*" in
*--print-uris*) echo "'http://mirror.example/debian/dists/bookworm/InRelease' x 0" ;;
update) cp "$APT_CONFIG" "$DEBS/apt.conf"; cp "$(dirname "$APT_CONFIG")/sources.list" "$DEBS/sources.list" ;;
*--simulate*) cat "$DEBS/plan" ;;
*--download-only*) cp "$DEBS"/*.deb "$(dirname "$APT_CONFIG")/cache/archives/" ;;
*) exit 1 ;;
esac
"""
APT_CONFIG = """#!/bin/sh
cat <<'END'
Acquire::http::Proxy "http://proxy.example:3128";
APT::Update::Post-Invoke-Success:: "touch /must-not-run";
Acquire::IndexTargets::deb::DEP-11 "";
END
"""


def write_program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout, with a space in its path, that holds only the set-up scripts."""
    path = tmp_path / "a checkout"
    shutil.copytree(SETUP, path / "deploy/setup", ignore=shutil.ignore_patterns("__pycache__"))
    return path


def set_up(checkout: Path, *parts: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-B", checkout / "deploy/setup", *parts],
        env={"PATH": os.defpath, "HOME": "/nonexistent", **env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )


class Host:
    """A Debian host whose apt serves packages made here."""

    def __init__(self, folder: Path) -> None:
        self.bin, self.debs = folder / "bin", folder / "debs"
        self.debs.mkdir(parents=True)
        write_program(self.bin / "apt-get", APT_GET)
        write_program(self.bin / "apt-config", APT_CONFIG)
        self.plan = ""

    @property
    def env(self) -> dict[str, str]:
        return {"PATH": f"{self.bin}:{os.defpath}", "DEBS": str(self.debs)}

    def offer(self, name: str, files: dict[str, str]) -> None:
        tree = self.debs / f"{name}.tree"
        for path, text in files.items():
            write_program(tree / path, text)
        control = tree / "DEBIAN/control"
        control.parent.mkdir(parents=True)
        control.parent.chmod(0o755)
        control.write_text(
            f"Package: {name}\nVersion: 1:2.0\nArchitecture: all\nMaintainer: T <t@example.org>\nDescription: x\n"
        )
        deb = self.debs / f"{name}_1%3a2.0_all.deb"
        subprocess.run(["dpkg-deb", "--build", tree, deb], check=True, capture_output=True)
        self.plan += f"Inst {name} (1:2.0 Debian:12/oldstable [all])\n"
        (self.debs / "plan").write_text(self.plan)


on_debian = re.search(r"^ID=(debian|ubuntu)$", Path("/etc/os-release").read_text(), flags=re.MULTILINE)
needs_dpkg = pytest.mark.skipif(not on_debian, reason="makes and unpacks Debian packages")


@pytest.fixture
def host(tmp_path: Path) -> Host:
    host = Host(tmp_path / "host")
    host.offer("sip-tester", {"usr/bin/sipp": "the program"})
    # The loader is started as: loader --inhibit-cache --library-path LIBRARIES PROGRAM ARGUMENTS...
    host.offer("libc6", {"lib/x86_64-linux-gnu/ld-linux-x86-64.so.2": '#!/bin/sh\necho "$$" "$@"\n'})
    return host


def test_a_second_set_up_does_nothing_and_takes_less_than_two_seconds() -> None:
    def make_setup() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["make", "--no-print-directory", "setup"], cwd=ROOT, capture_output=True, text=True, timeout=600
        )

    make_setup()
    began = time.monotonic()
    done = make_setup()
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert time.monotonic() - began < 2


@pytest.mark.parametrize("python", ["#!/bin/sh\nexit 1\n", None], ids=["too old", "missing"])
def test_a_python_that_is_too_old_or_missing_is_told_in_one_sentence(tmp_path: Path, python: str | None) -> None:
    (tmp_path / "dirname").symlink_to(shutil.which("dirname") or "dirname")
    for name in ("python3", "python3.11", "python3.12", "python3.13") if python else ():
        write_program(tmp_path / name, python or "")
    done = subprocess.run(
        ["/bin/sh", SETUP / "setup.sh"], env={"PATH": str(tmp_path)}, capture_output=True, text=True, timeout=20
    )
    english, japanese = done.stderr.splitlines()
    assert done.returncode == 1
    assert english == ("Yobirin needs Python 3.11 or newer as python3 (or PYTHON=/path/to/python make setup).")
    assert "Python 3.11 以上" in japanese


@pytest.mark.skipif(Path("/usr/sbin/asterisk").exists(), reason="this host has an Asterisk")
def test_off_debian_the_container_is_named_as_the_way(checkout: Path, tmp_path: Path) -> None:
    done = set_up(checkout, "asterisk", PATH=str(tmp_path))
    english, japanese = done.stderr.splitlines()
    assert done.returncode == 1
    assert "not Debian" in english
    assert "docker compose up" in english
    assert "コンテナ" in japanese
    assert not (checkout / ".asterisk").exists()


@needs_dpkg
def test_a_machine_without_postgresql_gets_one_for_the_tests(checkout: Path, host: Host) -> None:
    part = checkout / "deploy/setup/postgres.py"
    elsewhere = part.read_text(encoding="utf-8").replace('"/usr/lib/postgresql"', '"/nonexistent"')
    for version in ("9.6", "15"):
        host.offer(
            f"postgresql-{version}",
            {f"usr/lib/postgresql/{version}/bin/{name}": version for name in ("pg_dump", "pg_restore")},
        )
    part.write_text(elsewhere, encoding="utf-8")
    done = set_up(checkout, "postgres", **host.env)
    assert done.returncode == 0, done.stderr
    launched = subprocess.run([checkout / ".asterisk/bin/pg_dump"], capture_output=True, text=True, timeout=20)
    assert launched.stdout.endswith("/usr/lib/postgresql/15/bin/pg_dump\n")
    assert set_up(checkout, "postgres", **host.env).stdout == "", "the second run does nothing"


NPM = """#!/bin/sh
test -e "$(dirname "$0")/reached" || { echo "npm error ECONNREFUSED" >&2; exit 1; }
test -e package.json || cd "$3" && mkdir -p node_modules/smpp
"""


def test_where_npm_is_out_of_reach_the_set_up_goes_on_and_tries_again(checkout: Path) -> None:
    for wanted in ("tests/messaging/centre", "tests/web/provider"):
        shutil.copytree(ROOT / wanted, checkout / wanted)
    write_program(checkout / ".venv/bin/npm", NPM)
    without = set_up(checkout, "node")
    assert without.returncode == 0, without.stderr
    assert "ECONNREFUSED" in without.stdout
    for test in ("tests/messaging/test_other_centre.py", "tests/web/test_openid.py"):
        assert f"Only {test} needs this" in without.stdout
    (checkout / ".venv/bin/reached").touch()
    done = set_up(checkout, "node").stdout
    assert "ready in .node." in done
    assert "ready in .node/openid." in done
    assert set_up(checkout, "node").stdout == "", "the third run does nothing"


COLOURS = """#!/bin/sh
test -e "$(dirname "$0")/reached" || { echo "npm error ECONNREFUSED" >&2; exit 1; }
mkdir -p "$3/node_modules/@digital-go-jp/design-tokens/dist"
echo ":root {}" > "$3/node_modules/@digital-go-jp/design-tokens/dist/tokens.css"
echo MIT > "$3/node_modules/@digital-go-jp/design-tokens/LICENSE"
letters="$3/node_modules/@expo-google-fonts/biz-udpgothic"
mkdir -p "$letters/400Regular" "$letters/700Bold"
touch "$letters/400Regular/BIZUDPGothic_400Regular.ttf" "$letters/700Bold/BIZUDPGothic_700Bold.ttf"
touch "$letters/LICENSE_FONT"
"""


def test_the_consoles_colours_are_put_beside_its_pages_and_it_works_without_them(checkout: Path) -> None:
    write_program(checkout / ".venv/bin/npm", COLOURS)
    without = set_up(checkout, "console")
    assert without.returncode == 0, without.stderr
    assert "ECONNREFUSED" in without.stdout
    assert "The console works without it" in without.stdout
    (checkout / ".venv/bin/reached").touch()
    assert "ready in ivr/web/static/vendor" in set_up(checkout, "console").stdout
    vendor = checkout / "ivr/web/static/vendor"
    assert {file.name for file in vendor.iterdir()} == {"tokens.css", "tokens.LICENSE", "setup.stamp"}
    assert set_up(checkout, "console").stdout == "", "the third run does nothing"
    (vendor / "tokens.css").unlink()
    assert "ready" in set_up(checkout, "console").stdout
    fonts = checkout / "ivr/reporting/fonts"
    assert {file.name for file in fonts.iterdir()} == {"BIZUDPGothic-Regular.ttf", "BIZUDPGothic-Bold.ttf", "OFL.txt"}
    (fonts / "BIZUDPGothic-Bold.ttf").unlink()
    assert "the typeface of PDFs in ivr/reporting/fonts" in set_up(checkout, "console").stdout


def test_every_colour_has_the_value_of_its_token_behind_it() -> None:
    styles = (ROOT / "ivr/web/static/console.css").read_text("utf-8")
    tokens = (ROOT / "ivr/web/static/vendor/tokens.css").read_text("utf-8")
    named = re.findall(r"var\((--color-[a-z0-9-]+), (#[0-9a-f]+)\)", styles)
    assert len(named) > 15
    for token, value in named:
        assert f"{token}: {value};" in tokens, token


AXE = """#!/bin/sh
mkdir -p "$3/node_modules/axe-core"
touch "$3/node_modules/axe-core/axe.min.js"
"""


@needs_dpkg
def test_a_machine_without_a_browser_gets_one_for_the_tests_beside_its_own_libraries(
    checkout: Path, host: Host, tmp_path: Path
) -> None:
    shutil.copytree(ROOT / "tests/acceptance/browser", checkout / "tests/acceptance/browser")
    write_program(checkout / ".venv/bin/npm", AXE)
    host.offer(
        "chromium", {"usr/lib/chromium/chromium": '#!/bin/sh\necho "$LD_LIBRARY_PATH" "$FONTCONFIG_FILE" "$@"\n'}
    )
    host.offer("libnss3", {"usr/lib/x86_64-linux-gnu/libnss3.so": ""})
    write_program(host.bin / "fc-list", "#!/bin/sh\n")
    done = set_up(checkout, "browser", **host.env)
    assert done.returncode == 0, done.stderr
    assert "ready in .browser" in done.stdout
    home = checkout / ".browser"
    told = subprocess.run([home / "bin/chromium", "a b"], capture_output=True, text=True, timeout=20).stdout
    assert told.startswith("/lib/x86_64-linux-gnu:/usr/lib/x86_64-linux-gnu:")
    assert told.endswith(f"{home}/root/usr/lib/x86_64-linux-gnu/pulseaudio {home}/fonts.conf a b\n")
    assert set_up(checkout, "browser", **host.env).stdout == "", "the second run does nothing"


def test_a_machine_with_a_browser_and_a_japanese_font_keeps_them(checkout: Path, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "tests/acceptance/browser", checkout / "tests/acceptance/browser")
    write_program(checkout / ".venv/bin/npm", AXE)
    write_program(tmp_path / "bin/fc-list", "#!/bin/sh\necho Gothic\n")
    write_program(tmp_path / "bin/chromium", '#!/bin/sh\necho own "$@"\n')
    path = f"{tmp_path}/bin:{os.defpath}"
    assert "ready in .browser" in set_up(checkout, "browser", PATH=path).stdout
    told = subprocess.run([checkout / ".browser/bin/chromium", "a b"], capture_output=True, text=True, timeout=20)
    assert told.stdout == "own a b\n"
    assert set_up(checkout, "browser", PATH=path).stdout == "", "the second run does nothing"


@needs_dpkg
def test_packages_are_unpacked_with_a_launcher_that_becomes_the_program(checkout: Path, host: Host) -> None:
    done = set_up(checkout, "sipp", **host.env)
    assert done.returncode == 0, done.stderr

    launcher = checkout / ".asterisk/bin/sipp"
    link = checkout / "sipp"
    link.symlink_to(launcher)
    with subprocess.Popen([link, "-v", "a b"], stdout=subprocess.PIPE, text=True) as process:
        told, _ = process.communicate(timeout=20)
    root = checkout / ".asterisk/sipp"
    libraries = f"{root}/usr/lib/x86_64-linux-gnu:{root}/usr/lib"
    assert told == f"{process.pid} --inhibit-cache --library-path {libraries} {root}/usr/bin/sipp -v a b\n"
    assert {entry.name for entry in (checkout / ".asterisk").iterdir()} == {"bin", "sipp"}

    assert set_up(checkout, "sipp", **host.env).stdout == "", "the second run does nothing"


@needs_dpkg
def test_apt_keeps_the_hosts_proxy_and_mirror_but_not_its_hooks_or_state(checkout: Path, host: Host) -> None:
    assert set_up(checkout, "sipp", **host.env).returncode == 0
    config = (host.debs / "apt.conf").read_text()
    assert 'Acquire::http::Proxy "http://proxy.example:3128";' in config
    assert "must-not-run" not in config
    assert "DEP-11" not in config
    assert f'Dir::State "{checkout}/.asterisk/sipp.apt/state";' in config
    assert "http://mirror.example/debian" in (host.debs / "sources.list").read_text()
    assert 'APT::Update::Error-Mode "any";' in config, "a mirror that does not answer is an error"
    assert not re.search("unauthenticated|trusted|insecure", config, flags=re.IGNORECASE)


@needs_dpkg
def test_a_set_up_that_broke_off_leaves_nothing_half_done_and_the_next_one_succeeds(checkout: Path, host: Host) -> None:
    broken = host.debs / "sip-tester_1%3a2.0_all.deb"
    whole = broken.read_bytes()
    broken.write_bytes(whole[: len(whole) // 2])
    done = set_up(checkout, "sipp", **host.env)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert not (checkout / ".asterisk/sipp").exists()
    assert not (checkout / ".asterisk/bin/sipp").exists()

    broken.write_bytes(whole)
    assert set_up(checkout, "sipp", **host.env).returncode == 0
    assert {entry.name for entry in (checkout / ".asterisk").iterdir()} == {"bin", "sipp"}


@needs_dpkg
def test_two_set_ups_at_once_do_the_work_once(checkout: Path, host: Host) -> None:
    command = [sys.executable, "-B", checkout / "deploy/setup", "sipp"]
    env = {**host.env, "HOME": "/nonexistent"}
    runs = [subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    told = [run.communicate(timeout=60)[0] for run in runs]
    assert [run.returncode for run in runs] == [0, 0]
    assert sum("unpacking" in text for text in told) == 1


@pytest.mark.skipif(Path("/usr/sbin/asterisk").exists(), reason="this host has an Asterisk")
@pytest.mark.parametrize(
    ("told", "used"), [("Asterisk 20.9.1", True), ("Asterisk 18.26.4~dfsg", False), ("no such thing", False)]
)
def test_an_asterisk_of_the_host_is_used_if_it_is_new_enough(
    checkout: Path, host: Host, tmp_path: Path, told: str, used: bool
) -> None:
    write_program(host.bin / "asterisk", f'#!/bin/sh\necho "{told}"\n')
    modules, data = tmp_path / "modules", tmp_path / "data"
    write_program(modules / "chan_pjsip.so", "")
    data.mkdir()
    config = tmp_path / "asterisk.conf"
    config.write_text(f"[directories](!)\nastmoddir => {modules}\nastdatadir = {data}\n")
    pbx = checkout / "deploy/setup/pbx.py"
    pbx.write_text(pbx.read_text().replace("/etc/asterisk/asterisk.conf", str(config)))

    done = set_up(checkout, "asterisk", **host.env)
    layout = checkout / ".asterisk/layout.json"
    if used:
        assert done.returncode == 0, done.stderr
        assert json.loads(layout.read_text()) == {
            "asterisk": str(host.bin / "asterisk"),
            "moddir": str(modules),
            "datadir": str(data),
            "version": "20.9.1",
        }
    else:
        assert not layout.exists(), "an Asterisk is unpacked instead, which these packages do not hold"
        assert done.returncode == 1


def test_the_layout_names_a_pbx_that_runs() -> None:
    layout = json.loads((ROOT / ".asterisk/layout.json").read_text(encoding="utf-8"))
    told = subprocess.run([layout["asterisk"], "-V"], capture_output=True, text=True, timeout=30).stdout
    assert told.startswith(f"Asterisk {layout['version']}")
    assert int(layout["version"].partition(".")[0]) >= 20
    assert (Path(layout["moddir"]) / "chan_pjsip.so").exists()
    assert (Path(layout["datadir"]) / "documentation").is_dir()
