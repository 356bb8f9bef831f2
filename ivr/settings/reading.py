"""From a file and the environment to Settings, with every mistake at once."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Self, TypeVar
from urllib.parse import quote

from pydantic import BaseModel, PrivateAttr, ValidationError, model_validator
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from ivr import yaml_source
from ivr.domain.calling_rules import Cap, Of, Rules
from ivr.domain.texting_rules import TextRules
from ivr.errors import InputError, Problem, Problems
from ivr.settings.calling import Calling
from ivr.settings.exclusions import Excluding
from ivr.settings.inbound import Inbound
from ivr.settings.listening import Listening
from ivr.settings.mistakes import echo, message, unknown
from ivr.settings.notation import Database, Duration, Section, limited, secret, wrong
from ivr.settings.own_rules import NOTHING, rules_of, text_rules_of
from ivr.settings.sections import Keys, Log, Metrics, Pbx, Retention, Speech, Trunk, Web
from ivr.settings.texts import Texts
from ivr.settings.webhooks import Webhooks

DEFAULT_FILE = Path("ivr.yaml")
PREFIX = "IVR_"
PORTS_PER_LINE = 4
"""RTP and RTCP of a call, and as much again for ports that are not yet free after the call before."""

NOT_SETTINGS = frozenset({"IVR_CONFIG", "IVR_MASTER_KEY"})
"""Variables of ours in the environment that name no setting."""


class _Environment(EnvSettingsSource):
    """The environment; what is no JSON where JSON is due is left to the model to refuse, with its name."""

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        try:
            return super().decode_complex_value(field_name, field, value)
        except ValueError:
            return value


class Settings(BaseSettings):
    """Every setting; paths are absolute once loaded."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        env_parse_none_str="null",
        env_ignore_empty=True,
        nested_model_default_partial_update=True,
    )

    data_dir: Path = Path("./var")
    database: Database | None = None
    database_password_file: Path | None = None
    pbx: Pbx = Pbx()
    trunk: Trunk = Trunk()
    speech: Speech = Speech()
    calling: Calling = Calling()
    exclusions: Excluding = Excluding()
    inbound: Inbound = Inbound()
    texts: Texts = Texts()
    listening: Listening = Listening()
    metrics: Metrics = Metrics()
    web: Web = Web()
    webhooks: Webhooks = Webhooks()
    keys: Keys = Keys()
    retention: Retention = Retention()
    log: Log = Log()
    drain_timeout: Annotated[Duration, limited("0s", "1h")] = timedelta(seconds=200)
    _source: Path | None = PrivateAttr(default=None)

    @property
    def source(self) -> Path | None:
        """Return the file that the settings come from, None where there was none."""
        return self._source

    def database_url(self) -> str:
        """Return the database's URL, with the password of its file if one is named; raise InputError."""
        url = self.database or f"sqlite+aiosqlite:///{self.data_dir}/ivr.db"
        password = secret(self.database_password_file, "database_password_file")
        if password is None:
            return url
        scheme, _, rest = url.partition("://")
        user, at, host = rest.rpartition("@")
        return f"{scheme}://{user}:{quote(password, safe='')}{at}{host}"

    def rules(self, own: Mapping[str, object] = NOTHING) -> Rules:
        """Return when, how often and on which numbers people are called, by a campaign's `own` rules if it has any.

        Raises InputError where those no longer go with the settings.
        """
        return rules_of(self.calling, own)

    def text_rules(self, own: Mapping[str, object] = NOTHING) -> TextRules:
        """Return whom texts are sent and when, by a campaign's `own` rules if it has any; raises as `rules` does."""
        caps = tuple(Cap(of=Of(cap.of), times=cap.times, days=cap.days) for cap in self.texts.caps)
        return replace(text_rules_of(self.calling, own), caps=caps)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let the environment override what the file says (`init_settings`)."""
        return _Environment(settings_cls), init_settings

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        low, high = self.pbx.rtp_ports
        at_once = self.trunk.most_lines + (self.inbound.lines if self.inbound.say else 0)
        least = PORTS_PER_LINE * at_once
        if high - low + 1 < least:
            raise wrong(f"lines が合わせて {at_once} なので、ポートが {least} 以上要ります。", "pbx", "rtp_ports")
        if self.database_password_file and "@" not in (self.database or ""):
            raise wrong(
                "database に postgresql+asyncpg://利用者@… を書いたときにだけ使えます。", "database_password_file"
            )
        taken: dict[tuple[str, int], str] = {}
        callback = self.texts.http.callback if self.texts.http else None
        for name, place in (
            ("pbx.ami", self.pbx.ami),
            ("pbx.agi", self.pbx.agi),
            ("metrics", self.metrics),
            ("web", self.web),
            *((("texts.http.callback", callback),) if callback else ()),
        ):
            other = taken.setdefault((place.host, place.port), name)
            if other != name:
                raise wrong(f"{other} と {name} が同じポートを使っています。", *name.split("."), "port")
        return self


def load(path: Path | None = None) -> Settings:
    """Return the settings of `path` (None: of ./ivr.yaml if there is one, else the defaults) and the environment.

    Raises NotFound if `path` is not there, and Problems with everything that is wrong.
    """
    if path is None and DEFAULT_FILE.exists():
        path = DEFAULT_FILE
    problems: list[Problem] = []
    document = (
        yaml_source.read(path, problems=problems) if path else yaml_source.Document(file="", value=None, lines={(): 0})
    )
    given = _sections(document, problems)
    problems += _unknown_variables()
    try:
        settings = Settings(**given)
    except ValidationError as error:
        problems += (_problem(document, one) for one in error.errors(include_url=False) if not echo(one))
    if problems:
        raise Problems(set(problems))
    settings = _absolute(settings, (path.parent if path else Path()).resolve())
    settings._source = path.resolve() if path else None
    return settings


def _sections(document: yaml_source.Document, problems: list[Problem]) -> dict[str, Any]:
    """Return what the file says by known section, and report the rest."""
    value = document.value if document.value is not None else {}
    if not isinstance(value, dict):
        problems.append(document.problem((), "設定は「項目名: 値」の形で書いてください。"))
        return {}
    known = Settings.model_fields
    problems += (document.problem((key,), unknown((key,), Settings)) for key in value if key not in known)
    return {key: part for key, part in value.items() if key in known}


def _unknown_variables() -> Iterator[Problem]:
    """Report variables of the environment that name no section; the model itself reports what is below one."""
    for name in os.environ:
        path = name.upper().removeprefix(PREFIX).lower().split("__")
        if name.upper().startswith(PREFIX) and name not in NOT_SETTINGS and path[0] not in Settings.model_fields:
            yield Problem(file=f"環境変数 {name}", line=0, message=unknown((path[0],), Settings))


def _problem(document: yaml_source.Document, error: ErrorDetails) -> Problem:
    at = (*error["loc"], *error.get("ctx", {}).get("at", ()))
    said = message(error, Settings)
    if variable := _variable(at):
        return Problem(file=f"環境変数 {variable}", line=0, message=said)
    if not document.file:
        return Problem(file=".".join(str(part) for part in at), line=0, message=said)
    return document.problem(at, said)


def _variable(at: yaml_source.Where) -> str | None:
    """Return the name of the environment's variable that sets the part `at`, or a part around it."""
    names = {name.upper(): name for name in os.environ}
    for length in range(len(at), 0, -1):
        found = names.get(PREFIX + "__".join(str(part) for part in at[:length]).upper())
        if found and os.environ[found]:
            return found
    return None


def _expanded(path: Path, setting: str) -> Path:
    try:
        return path.expanduser()
    except RuntimeError:
        raise InputError(f"{setting} の「{path.parts[0]}」という利用者のホームフォルダーが分かりません。") from None


_AnySection = TypeVar("_AnySection", bound=BaseModel)


def _absolute(model: _AnySection, base: Path) -> _AnySection:
    """Return `model` with every path in it absolute, taken from `base` where it was relative."""
    changed: dict[str, object] = {}
    for name, value in model:
        match value:
            case Path():
                changed[name] = Path(os.path.normpath(base / _expanded(value, name)))
            case Section():
                changed[name] = _absolute(value, base)
            case str() if found := re.fullmatch(r"(sqlite\+aiosqlite:///)(?!/)([^?]+)(.*)", value):
                changed[name] = f"{found[1]}{os.path.normpath(base / found[2])}{found[3]}"
            case _:
                pass
    return model.model_copy(update=changed)
