"""The sections of the settings: each setting with its type, limits and default. For meanings see docs/settings.md."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, IPvAnyAddress, field_validator, model_validator

from ivr.settings.notation import Account, CallerId, Duration, Host, Minutes, Port, Section, limited, secret, wrong
from ivr.settings.openid import Openid


class Ami(Section):
    """Asterisk's manager interface."""

    host: Host = "127.0.0.1"
    port: Port = 5038
    username: Account = "ivr"
    secret_file: Path | None = None

    def secret(self) -> str | None:
        """Return what the file holds, None where no file is named; raise InputError if it can't be read."""
        return secret(self.secret_file, "pbx.ami.secret_file")


class Agi(Section):
    """Where our FastAGI server listens."""

    host: Host = "127.0.0.1"
    port: Port = 4573


class Pbx(Section):
    """Our Asterisk. `asterisk` names a binary or an unpacked layout; null: .asterisk/ of the checkout, then PATH.

    `channel_record` is the file of cel_custom where the PBX is external and on this machine.
    """

    mode: Literal["managed", "external"] = "managed"
    sip_port: Port = 5060
    bind_host: Host = "127.0.0.1"
    rtp_ports: tuple[Port, Port] = (10000, 14999)
    asterisk: Path | None = None
    channel_record: Path | None = None
    ami: Ami = Ami()
    agi: Agi = Agi()

    @field_validator("rtp_ports")
    @classmethod
    def _rising(cls, ports: tuple[int, int]) -> tuple[int, int]:
        if ports[0] >= ports[1]:
            raise wrong("[最小, 最大] の順に書いてください。")
        return ports

    @model_validator(mode="after")
    def _secret_known(self) -> Self:
        if self.mode == "external" and self.ami.secret_file is None:
            raise wrong("mode: external のときは、ami に secret_file も書いてください。", "ami")
        return self


class LinesByHour(Section):
    """How many lines there are in a part of the day, in minutes."""

    start: Annotated[Minutes, Field(alias="from")]
    until: Annotated[Minutes, Field(alias="to")]
    lines: Annotated[int, Field(ge=0, le=2000)]

    @model_validator(mode="after")
    def _rising(self) -> Self:
        if self.start >= self.until:
            raise wrong("to は from より後の時刻にしてください。日付をまたぐときは、行を二つに分けてください。", "to")
        return self


class Trunk(Section):
    """The telephone line. `register_` null: register if there is a username; see `registers`."""

    host: Host = "127.0.0.1"
    port: Port = 5080
    transport: Literal["udp", "tcp"] = "udp"
    username: Account | None = None
    password_file: Path | None = None
    register_: Annotated[bool | None, Field(alias="register")] = None
    from_domain: Host | None = None
    caller_id: CallerId | None = None
    number_format: Literal["national", "e164"] = "national"
    codecs: Annotated[tuple[Literal["ulaw", "alaw"], ...], Field(min_length=1)] = ("ulaw", "alaw")
    dtmf: Literal["auto", "rfc4733", "info", "inband"] = "auto"
    lines: Annotated[int, Field(ge=1, le=2000)] = 20
    lines_in_all: Annotated[int, Field(ge=1, le=10_000)] | None = None
    lines_by_hour: tuple[LinesByHour, ...] = ()
    calls_per_second: Annotated[float, Field(gt=0, le=200, allow_inf_nan=False)] = 5.0
    pause: Annotated[Duration, limited("1s", "15m")] = timedelta(seconds=60)

    @property
    def registers(self) -> bool:
        """Tell whether we register at the trunk."""
        return self.username is not None if self.register_ is None else self.register_

    def password(self) -> str | None:
        """Return what the file holds, None where no file is named; raise InputError if it can't be read."""
        return secret(self.password_file, "trunk.password_file")

    @property
    def most_lines(self) -> int:
        """The number of lines at the hour when there are most."""
        return max((self.lines, *(hours.lines for hours in self.lines_by_hour)))

    @model_validator(mode="after")
    def _apart(self) -> Self:
        for index, hours in enumerate(self.lines_by_hour):
            if any(hours.start < other.until and other.start < hours.until for other in self.lines_by_hour[:index]):
                raise wrong("前の行と時間が重なっています。", "lines_by_hour", index, "from")
        return self

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.username is not None and self.password_file is None:
            raise wrong("username を書いたときは、password_file も書いてください。", "username")
        if self.username is None and self.password_file is not None:
            raise wrong("password_file を書いたときは、username も書いてください。", "password_file")
        if self.register_ and self.username is None:
            raise wrong("register: true のときは、username と password_file も書いてください。", "register")
        if self.caller_id is None and not re.fullmatch(r"localhost|127\..*|::1", self.host):
            raise wrong("caller_id（相手に表示する役所の電話番号）を書いてください。", "host")
        return self


class Speech(Section):
    """The voice. `workers` null: one process per core."""

    engine: Literal["openjtalk", "kokoro", "espeak"] = "openjtalk"
    voice: Account = "mei"
    speed: Annotated[float, Field(ge=0.5, le=2.0)] = 1.0
    workers: Annotated[int, Field(ge=1, le=64)] | None = None


class Metrics(Section):
    """Where Prometheus reads."""

    host: Host = "127.0.0.1"
    port: Port = 9464


def _origin(url: str) -> str:
    if not re.fullmatch(r"https?://(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(:[0-9]{1,5})?", url):
        raise wrong("url は https://ivr.city.example.jp のように、小文字で、最後に「/」を付けずに書いてください。")
    return url


class Web(Section):
    """Where the console of staff listens, and how long somebody stays signed in.

    `url` is what staff type, where something (TLS, a name) stands before us; null: whatever they reach us by.
    `proxies` are the addresses of what stands there, whose word on who asks is taken.
    """

    host: Host = "127.0.0.1"
    port: Port = 8080
    url: Annotated[str, AfterValidator(_origin)] | None = None
    proxies: tuple[IPvAnyAddress, ...] = ()
    environment: Literal["production", "training"] = "production"
    second_factor: Literal["required", "optional"] = "required"
    idle: Annotated[Duration, limited("1m", "12h")] = timedelta(minutes=30)
    longest: Annotated[Duration, limited("10m", "24h")] = timedelta(hours=10)
    sessions: Annotated[int, Field(ge=1, le=20)] = 3
    low_disk: Annotated[float, Field(ge=1, le=100_000)] = 5.0
    openid: Openid | None = None

    @property
    def secure(self) -> bool:
        """Tell whether staff reach us over TLS."""
        return self.url is not None and self.url.startswith("https:")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.idle > self.longest:
            raise wrong("idle は longest より短い時間にしてください。", "idle")
        if self.openid is not None and self.url is None:
            raise wrong(
                "openid を書いたときは、web の url も書いてください。プロバイダーから戻る場所になります。", "openid"
            )
        return self


class Keys(Section):
    """Where the keys are, and the master key that locks them; null: `keys/` and `master.key` in `data_dir`."""

    dir: Path | None = None
    master_key_file: Path | None = None


class Retention(Section):
    """How long people are kept after the last call: to the end of the month so many months later; null: for ever."""

    months: Annotated[int, Field(ge=0, le=120)] | None = 2


class Log(Section):
    """What is logged, and how."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["console", "json"] = "console"
