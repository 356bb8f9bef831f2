"""Who vouches for staff at the console."""

from __future__ import annotations

from collections.abc import Callable

from ivr.openid import Client, Provider
from ivr.settings import Settings

BACK = "/sign-in/openid/back"
"""Where the provider sends browsers back to, below `web.url`: registered there, and compared there letter by letter."""

AFTER_LOGOUT = "/sign-in"


def identity_provider(settings: Settings, monotonic: Callable[[], float]) -> Provider | None:
    """Return the identity provider, None where the settings name none."""
    chosen, url = settings.web.openid, settings.web.url
    if chosen is None or url is None:
        return None
    client = Client(
        issuer=chosen.issuer,
        client_id=chosen.client_id,
        secret=chosen.client_secret,
        redirect_uri=url + BACK,
        after_logout=url + AFTER_LOGOUT,
        scopes=chosen.scopes,
        acr=chosen.acr,
        amr=chosen.amr,
        ca_file=chosen.ca_file,
        proxy=chosen.proxy,
        plain=chosen.plain,
    )
    return Provider(client, monotonic)
