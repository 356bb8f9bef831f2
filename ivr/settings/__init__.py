"""Settings: `ivr.yaml`, overridden by the environment (`IVR_TRUNK__PORT=5080`), checked whole before anything starts.

Every setting with its meaning is in docs/settings.md. Relative paths are relative to the folder of the file. Secrets
are never settings themselves: a setting names the file that holds one.
"""

from ivr.settings.calling import Calling
from ivr.settings.listening import Listening
from ivr.settings.openid import Openid
from ivr.settings.own_rules import NOTHING, STAFF_CALL, calling_of, read_own
from ivr.settings.reading import Settings, load
from ivr.settings.sections import Agi, Ami, Keys, Log, Metrics, Pbx, Retention, Speech, Trunk, Web
from ivr.settings.texts import Http, Smpp, Texts
from ivr.settings.webhooks import Webhooks

__all__ = [
    "NOTHING",
    "STAFF_CALL",
    "Agi",
    "Ami",
    "Calling",
    "Http",
    "Keys",
    "Listening",
    "Log",
    "Metrics",
    "Openid",
    "Pbx",
    "Retention",
    "Settings",
    "Smpp",
    "Speech",
    "Texts",
    "Trunk",
    "Web",
    "Webhooks",
    "calling_of",
    "load",
    "read_own",
]
