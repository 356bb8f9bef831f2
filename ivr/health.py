"""What the engine that runs on this machine says of itself at `/healthz`."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping

from ivr.settings import Settings

PATIENCE = 5.0
"""Seconds for a running engine to say how it is."""


def health(chosen: Settings) -> Mapping[str, bool] | None:
    """Return whether each thing that calls depend on is well; None where nobody answers at the settings' place."""
    # Not through a proxy of the environment: the engine is on this machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://{chosen.metrics.host}:{chosen.metrics.port}/healthz", timeout=PATIENCE) as answer:
            return _checks(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return _checks(error.read())
    except OSError:
        return None


def _checks(body: bytes) -> Mapping[str, bool] | None:
    try:
        checks = json.loads(body)["checks"]
    except (ValueError, KeyError, TypeError):
        return None
    return checks if isinstance(checks, dict) else None
