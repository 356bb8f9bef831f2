"""The section `webhooks`: which machines may be told of results. For meanings see docs/settings.md."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from ivr.settings.notation import Section, wrong

_LABEL = "[a-z0-9]([a-z0-9-]*[a-z0-9])?"


def _receiver(text: str) -> str:
    if re.fullmatch(rf"(\*\.)?{_LABEL}(\.{_LABEL})*", text) and not re.fullmatch(r"[0-9.]+", text):
        return text
    try:
        ipaddress.ip_network(text)
    except ValueError:
        raise wrong(
            "hosts には、小文字のホスト名（shuno.city.example.jp、*.city.example.jp）か、"
            "IP アドレス（10.1.2.3）か、ネットワーク（10.1.0.0/16）を書いてください。"
        ) from None
    return text


class Webhooks(Section):
    """Where events may be sent: nowhere, unless it is named. `ca_file`: of the office's own authority."""

    hosts: tuple[Annotated[str, Field(max_length=253), AfterValidator(_receiver)], ...] = ()
    ca_file: Path | None = None
