"""Settings: one file, the environment over it, every mistake at once, and each of them documented."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import get_args
from zoneinfo import ZoneInfo

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from ivr import settings
from ivr.errors import InputError, NotFound, Problem, Problems
from ivr.settings import Settings
from ivr.settings.calling import CallingWindow, DialCap, Try
from tests.settings_files import empty_place, loaded

__all__ = ["empty_place"]

ROOT = Path(__file__).parent.parent
TOKYO = ZoneInfo("Asia/Tokyo")


def problems(text: str) -> tuple[Problem, ...]:
    with pytest.raises(Problems) as raised:
        loaded(text)
    return raised.value.problems


def test_without_a_file_the_defaults_work_and_say_that_there_was_none(tmp_path: Path) -> None:
    found = settings.load()
    assert found.source is None
    assert (found.trunk.host, found.trunk.port, found.trunk.lines) == ("127.0.0.1", 5080, 20)
    assert found.data_dir == tmp_path / "var"
    assert found.database_url() == f"sqlite+aiosqlite:///{tmp_path}/var/ivr.db"
    assert found.calling.ring_timeout == timedelta(seconds=30)
    assert found.calling.call_limit == timedelta(minutes=3)


def test_an_ivr_yaml_in_the_current_folder_is_used(tmp_path: Path) -> None:
    Path("ivr.yaml").write_text("web: {port: 8181}\n", encoding="utf-8")
    found = settings.load()
    assert found.web.port == 8181
    assert found.source == tmp_path / "ivr.yaml"


def test_an_empty_file_gives_the_defaults() -> None:
    assert loaded("# nothing yet\n") == settings.load()


def test_a_named_file_that_is_not_there_is_an_error() -> None:
    with pytest.raises(NotFound, match=r"nowhere\.yaml"):
        settings.load(Path("nowhere.yaml"))


def test_the_example_of_the_design_loads() -> None:
    found = loaded("""
data_dir: ./var
database: sqlite+aiosqlite:///./var/ivr.db
pbx:
  mode: managed
  sip_port: 5060
  bind_host: 127.0.0.1
  rtp_ports: [10000, 14999]
  ami: {host: 127.0.0.1, port: 5038, username: ivr, secret_file: ami.secret}
  agi: {host: 127.0.0.1, port: 4573}
trunk:
  host: 127.0.0.1
  port: 5080
  username: null
  password_file: null
  caller_id: "0357220000"
  lines: 20
  calls_per_second: 5
speech: {engine: openjtalk, voice: mei, speed: 1.0}
calling:
  timezone: Asia/Tokyo
  windows: [{days: [mon, tue, wed, thu, fri], from: "09:00", to: "20:00"}]
  closed_days: []
  retries: {busy: {times: 2, after: 5m}, no_answer: {times: 1, after: 1h}, total: 3, per_day: 2}
  ring_timeout: 30s
metrics: {host: 127.0.0.1, port: 9464}
web: {host: 127.0.0.1, port: 8080}
""")
    assert found.trunk.caller_id == "0357220000"
    assert found.pbx.rtp_ports == (10000, 14999)


def test_the_examples_of_the_documentation_load() -> None:
    examples = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs/settings.md").read_text(encoding="utf-8"), re.DOTALL)
    assert len(examples) == 8
    for example in examples:
        loaded(example)


def test_the_environment_overrides_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "IVR_TRUNK__PORT": "5090",
        "IVR_TRUNK__REGISTER": "false",
        "IVR_TRUNK__CODECS": '["alaw"]',
        "IVR_CALLING__RETRIES__BUSY__TIMES": "7",
        "IVR_SPEECH__WORKERS": "null",
        "IVR_DATA_DIR": "elsewhere",
        "IVR_LOG__LEVEL": "",
        "ivr_web__port": "8181",
        "IVR_CONFIG": "whatever.yaml",
    }.items():
        monkeypatch.setenv(name, value)
    found = loaded("trunk: {port: 5070, host: localhost}\nspeech: {workers: 3}\nlog: {level: debug}\n")
    assert (found.trunk.port, found.trunk.host, found.trunk.codecs) == (5090, "localhost", ("alaw",))
    assert found.trunk.register_ is False
    assert found.calling.retries.busy == Try(times=7, after=timedelta(minutes=5))
    assert found.speech.workers is None
    assert found.data_dir.name == "elsewhere"
    assert found.log.level == "debug"
    assert found.web.port == 8181


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("IVR_TRUNK__PORT", "five", "「five」ではなく、整数"),
        ("IVR_TRUNK__PROT", "5", "「prot」という設定はありません。「port」の間違い"),
        ("IVR_TRUNKS__PORT", "5", "「trunks」という設定はありません。「trunk」の間違い"),
        ("IVR_TRUNK__CODECS", "ulaw", "[a, b] のように並べて"),
        ("IVR_TRUNK", "ulaw", "項目を一段下げて"),
        ("IVR_CALLING__RETRIES__BUSY__AFTER", "5", "単位を付けて"),
        ("IVR_TRUNK__PASSWORD", "hunter2", "ファイルに入れ、password_file で"),
    ],
)
def test_a_mistake_in_the_environment_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(name, value)
    (problem,) = problems("web: {port: 8181}\n")
    assert problem.file == f"環境変数 {name}"
    assert said in problem.message
    assert "hunter2" not in problem.message


def test_relative_paths_are_relative_to_the_folder_of_the_file(tmp_path: Path) -> None:
    folder = tmp_path / "etc"
    folder.mkdir()
    file = folder / "other.yaml"
    file.write_text(
        """
data_dir: ../data
database: sqlite+aiosqlite:///db/ivr.db?timeout=3
pbx: {asterisk: /opt/asterisk, ami: {secret_file: ami.secret}}
trunk: {username: a, password_file: ~/trunk.password}
""",
        encoding="utf-8",
    )
    found = settings.load(file)
    assert found.data_dir == tmp_path / "data"
    assert found.database == f"sqlite+aiosqlite:///{folder}/db/ivr.db?timeout=3"
    assert found.pbx.asterisk == Path("/opt/asterisk")
    assert found.pbx.ami.secret_file == folder / "ami.secret"
    assert found.trunk.password_file == Path.home() / "trunk.password"


def test_a_home_folder_of_nobody_is_said_so() -> None:
    with pytest.raises(InputError, match="data_dir の「~nobody-here」という利用者"):
        loaded("data_dir: ~nobody-here/var\n")


def test_an_absolute_database_file_stays_where_it_is() -> None:
    assert loaded("database: sqlite+aiosqlite:////srv/ivr.db\n").database_url() == "sqlite+aiosqlite:////srv/ivr.db"


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("datbase: x\n", 1, "「datbase」という設定はありません。「database」の間違い"),
        ("_env_file: x\n", 1, "「_env_file」という設定はありません"),
        ("self: x\n", 1, "「self」という設定はありません"),
        ("web: {port: 1}\nweb: {port: 2}\n", 2, "「web」が二度"),
        ("- a\n", 1, "「項目名: 値」の形"),
        ("web: 3\n", 1, "項目を一段下げて"),
        ("web:\n", 1, "項目を一段下げて"),
        ("data_dir: 3\n", 1, "文字を書いてください"),
        ("database: mysql://x\n", 1, "sqlite+aiosqlite:///… か postgresql+asyncpg://…"),
        ("database: postgresql+asyncpg://a:b@h/d\n", 1, "パスワードは URL に書かず"),
        ("database_password_file: x\n", 1, "postgresql+asyncpg://利用者@…"),
        ("pbx:\n  mode: manged\n", 2, "managed, external。「managed」の間違い"),
        ("pbx:\n  mode: external\n", 1, "ami に secret_file も"),
        ("pbx:\n  sip_port: 70000\n", 2, "「sip_port」は 65535 以下"),
        ("pbx:\n  sip_port: 0\n", 2, "「sip_port」は 1 以上"),
        ("pbx:\n  sip_port: 1.5\n", 2, "整数を書いてください"),
        ("pbx:\n  rtp_ports: [14999, 10000]\n", 2, "[最小, 最大]"),
        ("pbx:\n  rtp_ports: [10000]\n", 2, "がありません"),
        ("pbx:\n  rtp_ports: 10000\n", 2, "並べて書いて"),
        ("pbx:\n  rtp_ports: [10000, 10010]\n", 2, "ポートが 80 以上要ります"),
        ("pbx:\n  ami:\n    secret: geheim\n", 3, "ファイルに入れ、secret_file で"),
        ("pbx:\n  agi: {port: 8080}\n", 0, "pbx.agi と web が同じポート"),
        ("trunk:\n  host: a b\n", 2, "ホスト名か IP アドレス"),
        (f"pbx:\n  agi: {{host: {'x' * 64}.local}}\n", 2, "ホスト名か IP アドレス"),
        ("trunk:\n  host: sip..example.jp\n", 2, "ホスト名か IP アドレス"),
        (f"trunk:\n  host: {'a' * 64}.jp\n", 2, "ホスト名か IP アドレス"),
        ('trunk:\n  host: "::1..2"\n', 2, "ホスト名か IP アドレス"),
        ('trunk:\n  host: "a;b"\n', 2, "ホスト名か IP アドレス"),
        ('trunk:\n  username: "a\\nb"\n', 2, "英数字と"),
        ("trunk:\n  username: a\n", 2, "password_file も"),
        ("trunk:\n  password_file: a\n", 2, "username も"),
        ("trunk:\n  register: true\n", 2, "username と password_file も"),
        ("trunk:\n  register: perhaps\n", 2, "true か false"),
        ("trunk:\n  host: sip.example.jp\n", 2, "caller_id（相手に表示する役所の電話番号）"),
        ("trunk:\n  caller_id: 357220000\n", 2, "引用符で囲んで"),
        ('trunk:\n  caller_id: "110"\n', 2, "市外局番からの電話番号"),
        ("trunk:\n  codecs: [ulaw, g729]\n", 2, "「g729」は選べません"),
        ("trunk:\n  codecs: []\n", 2, "1 つ以上"),
        ("trunk:\n  lines: 0\n", 2, "1 以上"),
        ("trunk:\n  lines: many\n", 2, "整数"),
        ("trunk:\n  calls_per_second: 0\n", 2, "より大きく"),
        ("trunk:\n  calls_per_second: .nan\n", 2, "数を書いて"),
        ("speech:\n  speed: fast\n", 2, "数を書いて"),
        ("speech:\n  engine: openjtolk\n", 2, "「openjtalk」の間違い"),
        ("calling:\n  timezone: Asia/Tokio\n", 2, "そのような時間帯はありません"),
        ("calling:\n  timezone: ../etc\n", 2, "そのような時間帯はありません"),
        ("calling:\n  windows: []\n", 2, "1 つ以上"),
        ('calling:\n  windows:\n    - {days: [mon], from: "07:59", to: "20:00"}\n', 3, "allow_late: true"),
        ('calling:\n  windows:\n    - {days: [mon], from: "09:00", to: "21:01"}\n', 3, "allow_late: true"),
        ('calling:\n  windows:\n    - {days: [mon], from: "20:00", to: "09:00"}\n', 3, "後の時刻"),
        ('calling:\n  windows:\n    - {days: [mon], from: "9", to: "20:00"}\n', 3, '"09:00" のように'),
        ('calling:\n  windows:\n    - {days: [mon], from: "09:00", to: "24:01"}\n', 3, "24:00 まで"),
        ('calling:\n  windows:\n    - {days: [mon], from: "09:60", to: "20:00"}\n', 3, "24:00 まで"),
        ('calling:\n  windows:\n    - {days: [tues], from: "09:00", to: "20:00"}\n', 3, "「tue」の間違い"),
        ('calling:\n  windows:\n    - {days: [], from: "09:00", to: "20:00"}\n', 3, "1 つ以上"),
        ('calling:\n  windows:\n    - {days: [mon], to: "20:00"}\n', 3, "「from」がありません"),
        ("calling:\n  closed_days: [2026-13-01]\n", 2, "日付は"),
        (
            'calling:\n  special_days:\n    - {date: 2026-12-28, times: [{from: "07:00", to: "9:00"}]}\n',
            3,
            "allow_late: true",
        ),
        ("calling:\n  closed_days: [2026-12-28]\n  special_days:\n    - {date: 2026-12-28}\n", 4, "ほかの行にも"),
        ("calling:\n  cascade:\n    - {numbers: fax, tries: 1}\n", 3, "landline"),
        ("calling:\n  retries: {rotate: [confirmed]}\n", 2, "no_answer"),
        ("calling:\n  ring_timeout: 30\n", 2, "単位を付けて"),
        ("calling:\n  ring_timeout: 1s\n", 2, "5s から 180s"),
        ("calling:\n  call_limit: 2h\n", 2, "10s から 30m"),
        ("calling:\n  retries: {bussy: {times: 1}}\n", 2, "「busy」の間違い"),
        ("calling:\n  retries: {confirmed: {times: 1, after: 1h}}\n", 2, "「confirmed」という設定はありません"),
        ("calling:\n  retries: {busy: 3}\n", 2, "項目を一段下げて"),
        ("calling:\n  retries: {total: 0}\n", 2, "1 以上"),
        ("log:\n  level: loud\n", 2, "debug, info, warning, error"),
        ("drain_timeout: 2h\n", 1, "0s から 1h"),
    ],
)
def test_each_mistake_is_told_with_its_line(text: str, line: int, said: str) -> None:
    (problem,) = problems(text)
    assert said in problem.message
    assert problem.file == "ivr.yaml"
    assert problem.line == (line or 1)


def test_every_mistake_is_told_at_once() -> None:
    found = problems("datbase: x\nweb: {port: 0}\nweb: {port: 1}\ntrunk: {lines: a}\nlog: {level: loud}\n")
    assert [problem.line for problem in found] == [1, 2, 3, 4, 5]


def test_no_mistake_repeats_what_may_be_a_secret() -> None:
    text = "trunk: {password: hunter2}\npbx: {ami: {secret: hunter2}}\ndatabase: postgresql+asyncpg://a:hunter2@h/d\n"
    assert "hunter2" not in "".join(problem.message for problem in problems(text))


def test_a_username_means_registration_unless_told_otherwise() -> None:
    assert loaded("trunk: {username: a, password_file: p}\n").trunk.registers
    assert not loaded("trunk: {username: a, password_file: p, register: false}\n").trunk.registers
    assert not loaded("").trunk.registers


def test_a_secret_is_the_only_line_of_its_file() -> None:
    Path("p").write_text("hunter2\n", encoding="utf-8")
    assert loaded("trunk: {username: a, password_file: p}\n").trunk.password() == "hunter2"
    assert loaded("pbx: {ami: {secret_file: p}}\n").pbx.ami.secret() == "hunter2"
    assert loaded("").trunk.password() is None


@pytest.mark.parametrize("content", [None, b"", b"\n", b"a\nb\n", b"\xff\xfe", b"a\x1bb"])
def test_a_secret_that_cannot_be_read_names_the_setting_and_the_file(content: bytes | None) -> None:
    if content is not None:
        Path("p").write_bytes(content)
    found = loaded("trunk: {username: a, password_file: p}\n")
    with pytest.raises(InputError, match=r"trunk\.password_file のファイル .*p"):
        found.trunk.password()


def test_the_password_of_the_database_is_put_into_its_url() -> None:
    Path("p").write_text("a/b@c", encoding="utf-8")
    found = loaded("database: postgresql+asyncpg://ivr@db:5432/ivr\ndatabase_password_file: p\n")
    assert found.database_url() == "postgresql+asyncpg://ivr:a%2Fb%40c@db:5432/ivr"


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        settings.load().trunk.lines = 3  # type: ignore[misc]


def leaves(model: type[BaseModel], value: BaseModel, path: str = "") -> Iterator[tuple[str, object]]:
    for name, field in model.model_fields.items():
        part = getattr(value, name)
        key = f"{path}{field.alias or name}"
        if isinstance(part, BaseModel) and not isinstance(part, Try):
            yield from leaves(type(part), part, f"{key}.")
        else:
            yield key, part
            if part is None:
                yield from absent(field, key)


def absent(field: FieldInfo, key: str) -> Iterator[tuple[str, object]]:
    """Of a section that is not there by itself, what it needs is documented, and the defaults of the rest."""
    for section in get_args(field.annotation):
        if isinstance(section, type) and issubclass(section, BaseModel):
            for one, of in section.model_fields.items():
                if not of.is_required():
                    yield f"{key}.{one}", of.default
                    if of.default is None:
                        yield from absent(of, f"{key}.{one}")


def written(value: object) -> str:
    match value:
        case None:
            return "null"
        case "":
            return '""'
        case bool():
            return str(value).lower()
        case timedelta():
            for unit, length in (("h", 3600), ("m", 60)):
                if value.total_seconds() % length == 0:
                    return f"{value.total_seconds() / length:g}{unit}"
            return f"{value.total_seconds():g}s"
        case Try():
            return f"{{times: {value.times}, after: {written(value.after)}}}"
        case DialCap():
            return f"{{of: {value.of}, times: {value.times}, days: {value.days}}}"
        case CallingWindow():
            times = (f'"{minutes // 60:02}:{minutes % 60:02}"' for minutes in (value.start, value.until))
            start, until = times
            return f"{{days: {written(value.days)}, from: {start}, to: {until}}}"
        case tuple():
            return f"[{', '.join(written(item) for item in value)}]"
        case Path():
            return f"./{value}"
        case _:
            return str(value)


def test_every_setting_is_documented_with_its_default_and_nothing_else_is() -> None:
    text = (ROOT / "docs/settings.md").read_text(encoding="utf-8")
    documented = dict(re.findall(r"^\| `([^`]+)` \| `([^`]+)` \|", text, re.MULTILINE))
    assert documented == {key: written(value) for key, value in leaves(Settings, Settings())}
