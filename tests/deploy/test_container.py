"""The container, as far as it shows without a container engine: tested scripts build it, and it is locked down."""

import json
import re
from pathlib import Path

import pytest
import yaml

from ivr.settings import load

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
SETTINGS = ROOT / "deploy/container/ivr.yaml"
ENGINE = COMPOSE["services"]["engine"]


def dockerfile() -> list[tuple[str, str]]:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    text = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ")
    return [tuple(line.split(maxsplit=1)) for line in text.splitlines() if line.strip()]  # type: ignore[misc]


def arguments(instruction: str) -> list[str]:
    return [rest for name, rest in dockerfile() if name == instruction]


def test_every_build_step_is_the_set_up_script() -> None:
    steps = arguments("RUN")
    assert steps
    for step in steps:
        assert re.fullmatch(r"sh deploy/setup/setup\.sh( --runtime| venv| asterisk| console)+", step), step


def test_the_build_sets_up_python_and_the_pbx_but_nothing_for_tests() -> None:
    parts = {word for step in arguments("RUN") for word in step.split()[2:]}
    assert parts == {"venv", "asterisk", "console", "--runtime"}


def test_copied_files_exist_and_are_let_through_to_the_build() -> None:
    allowed = {line.removeprefix("!") for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] == "!"}
    for copy in arguments("COPY"):
        words = [word for word in copy.split() if not word.startswith("--chown")]
        if words[0] == "--from=built":
            continue
        for source in words[:-1]:
            assert (ROOT / source).exists(), source
            assert any(source == entry or source.startswith(entry + "/") for entry in allowed), source


def test_the_container_runs_as_a_numbered_user_without_privileges() -> None:
    user = arguments("USER")[-1]
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", user)
    assert f"COPY --chown={user} deploy/container/data /var/lib/yobirin" in (ROOT / "Dockerfile").read_text()


def test_the_base_is_the_oldest_python_that_the_project_supports_on_debian_12() -> None:
    assert arguments("ARG") == ["BASE=python:3.11-slim-bookworm"]


def test_the_container_serves_until_it_is_told_to_stop() -> None:
    assert json.loads(arguments("ENTRYPOINT")[0]) == ["ivr", "--config", "/etc/yobirin/ivr.yaml"]
    assert json.loads(arguments("CMD")[0]) == ["serve"]


@pytest.mark.parametrize("name", COMPOSE["services"])
def test_services_have_no_capabilities_and_a_read_only_root(name: str) -> None:
    service = COMPOSE["services"][name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not service.keys() & {"privileged", "cap_add", "devices", "pid", "ipc"}


def test_the_engine_writes_to_its_volume_and_to_memory_alone() -> None:
    assert [volume.rpartition(":")[2] for volume in ENGINE["volumes"] if not volume.endswith(":ro")] == [
        "/var/lib/yobirin"
    ]
    assert all(re.fullmatch(r"/tmp:mode=1777,size=\d+m", place) for place in ENGINE["tmpfs"])


def test_no_container_reaches_the_hosts_container_engine_or_its_system_folders() -> None:
    text = (ROOT / "compose.yaml").read_text(encoding="utf-8")
    assert not re.search(r"docker\.sock|[\"' ]/(etc|proc|sys|dev|run|var/run|root|home)?:", text)


def test_the_container_says_whether_it_is_well() -> None:
    (check,) = arguments("HEALTHCHECK")
    assert "/healthz" in check
    assert "NONE" not in check


@pytest.mark.parametrize("name", COMPOSE["services"])
def test_every_mounted_folder_and_volume_exists(name: str) -> None:
    for volume in COMPOSE["services"][name]["volumes"]:
        source = re.sub(r"\$\{\w+:-(.*?)\}", r"\1", volume).split(":")[0]
        if source.startswith("./"):
            assert (ROOT / source).is_dir(), source
        else:
            assert source in COMPOSE["volumes"], source


def test_the_engine_has_the_time_to_drain_its_calls() -> None:
    unit = (ROOT / "deploy/systemd/yobirin.service").read_text(encoding="utf-8")
    allowed = 240
    assert load(SETTINGS).drain_timeout.total_seconds() <= allowed - 30
    assert ENGINE["stop_grace_period"] == f"{allowed // 60}m"
    assert f"TimeoutStopSec={allowed}s" in unit
    assert "KillMode=mixed" in unit, "the PBX must not be stopped under the calls that are drained"


def test_nothing_but_sip_and_rtp_listens_beyond_loopback() -> None:
    settings = load(SETTINGS)
    loopback = {settings.pbx.ami.host, settings.pbx.agi.host, settings.web.host, settings.metrics.host}
    assert loopback == {"127.0.0.1"}
    assert "--web.listen-address=127.0.0.1:9090" in COMPOSE["services"]["prometheus"]["command"]
    assert COMPOSE["services"]["grafana"]["environment"]["GF_SERVER_HTTP_ADDR"] == "127.0.0.1"


def test_the_health_check_and_prometheus_ask_where_the_engine_answers() -> None:
    address = f"{load(SETTINGS).metrics.host}:{load(SETTINGS).metrics.port}"
    assert f"http://{address}/healthz" in (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert f'"{address}"' in (ROOT / "deploy/prometheus/prometheus.yml").read_text(encoding="utf-8")


def test_settings_keep_data_where_the_volume_is() -> None:
    settings = load(SETTINGS)
    assert "data:/var/lib/yobirin" in ENGINE["volumes"]
    assert settings.data_dir == Path("/var/lib/yobirin")
    assert settings.database == "sqlite+aiosqlite:////var/lib/yobirin/ivr.db"


def test_postgresql_comes_with_its_profile_alone_and_listens_where_the_engine_looks() -> None:
    assert {name for name, service in COMPOSE["services"].items() if "profiles" in service} == {"postgres"}
    postgres = COMPOSE["services"]["postgres"]
    assert "listen_addresses=${YOBIRIN_POSTGRES_ADDRESS:-127.0.0.1}" in postgres["command"]
    assert re.fullmatch(r"postgres:\d+\.\d+-bookworm", postgres["image"])


def test_the_password_of_the_database_is_a_file_that_nobody_ships(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    postgres = COMPOSE["services"]["postgres"]
    (secret,) = postgres["secrets"]
    assert postgres["environment"]["POSTGRES_PASSWORD_FILE"] == f"/run/secrets/{secret}"
    assert postgres["environment"]["POSTGRES_HOST_AUTH_METHOD"] == "scram-sha-256"
    assert not any("PASSWORD" in name and not name.endswith("_FILE") for name in postgres["environment"])
    file = COMPOSE["secrets"][secret]["file"]
    assert not (ROOT / re.sub(r"\$\{\w+:-(.*?)\}", r"\1", file)).exists()
    assert file.removeprefix("${YOBIRIN_CONFIG:-./deploy/container}/") in (ROOT / ".gitignore").read_text(
        encoding="utf-8"
    )


def test_the_settings_that_the_manual_gives_for_postgresql_load(tmp_path: Path) -> None:
    manual = (ROOT / "docs/operations.md").read_text(encoding="utf-8").split("## Several engines")[1]
    (example,) = re.findall(r"```yaml\n(.*?)```", manual.split("\n## ")[0], re.DOTALL)
    (tmp_path / "ivr.yaml").write_text(example, encoding="utf-8")
    (tmp_path / "database.password").write_text("secret\n", encoding="utf-8")
    found = load(tmp_path / "ivr.yaml")
    assert found.database_url() == "postgresql+asyncpg://ivr:secret@db.example.jp/ivr?ssl=verify-full"
