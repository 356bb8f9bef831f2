"""The provider over whom texts (SMS) go out."""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, Protocol

from ivr.campaign.texting import Receipt, TextGateway
from ivr.domain import phone
from ivr.errors import InputError, reason
from ivr.messaging import (
    Account,
    HttpGateway,
    HttpTiming,
    Shape,
    SmppAccount,
    SmppGateway,
    SmppTiming,
    callbacks,
    nothing_outstanding,
)
from ivr.parts.serving import listening, serve
from ivr.parts.text_shapes import read_shape
from ivr.settings import Http, Settings, Smpp
from ivr.settings.texts import HttpCallback

TON = {"unknown": 0, "international": 1, "national": 2, "network": 3, "alphanumeric": 5}
"""SMPP 3.4, 5.2.5."""

ISDN = 1
"""SMPP 3.4, 5.2.6: the numbering plan of telephone numbers (E.164)."""


CALLBACKS = 100
"""Connections of a provider at once, of which more are asked to come again."""


class RunningGateway(TextGateway, Protocol):
    """A way to send texts that has to run for it. `state`: why no texts are taken, for staff; empty while they are.

    `unpaid`: the provider said last that the office's credit is used up.
    """

    @property
    def state(self) -> str:
        """Return why no texts are taken."""
        ...

    @property
    def unpaid(self) -> bool:
        """Tell whether the office's credit is used up."""
        ...

    async def run(self) -> None:
        """Keep it up, for ever; cancel to end it."""
        ...


def text_gateway(
    settings: Settings,
    *,
    on_receipt: Callable[[Receipt], Awaitable[None]],
    on_message: Callable[[str, str], Awaitable[None]],
    outstanding: Callable[[], Awaitable[Sequence[str]]] = nothing_outstanding,
    on_state: Callable[[bool], None] | None = None,
    hears: bool = True,
) -> RunningGateway:
    """Return the way to the provider of the settings.

    Without `hears` the port of a provider's callbacks is left to the engine, who takes them for all.

    `outstanding` returns the references of texts whose end is not known, for a provider that has to be asked.
    `on_message` is told what people write back, where the provider passes that on.
    InputError where there is none, or a file of it is bad.
    """
    texts = settings.texts
    if texts.smpp is not None:
        return _smpp(texts.smpp, on_receipt, on_message, on_state)
    if texts.http is not None:
        return _http(texts.http, on_receipt, outstanding, on_state, hears=hears)
    raise InputError("SMS の事業者が決まっていません。設定 texts.smpp か texts.http を書いてください。")


def _smpp(
    smpp: Smpp,
    on_receipt: Callable[[Receipt], Awaitable[None]],
    on_message: Callable[[str, str], Awaitable[None]],
    on_state: Callable[[bool], None] | None,
) -> SmppGateway:
    numeric = smpp.sender_ton != "alphanumeric"
    account = SmppAccount(
        host=smpp.host,
        port=smpp.port,
        system_id=smpp.system_id,
        password=smpp.password(),
        system_type=smpp.system_type,
        source=phone.parse(smpp.sender).e164.lstrip("+") if smpp.sender_ton == "international" else smpp.sender,
        source_ton=TON[smpp.sender_ton],
        source_npi=ISDN if numeric else 0,
        tls=_tls(smpp.ca_file, "texts.smpp.ca_file") if smpp.tls else None,
        window=smpp.window,
        long=smpp.long,
        expires=smpp.validity == "window",
        receipt_ids=smpp.receipt_ids,
    )
    timing = SmppTiming(enquire_every=smpp.enquire_link.total_seconds())
    try:
        return SmppGateway(account, on_receipt=on_receipt, on_message=on_message, on_state=on_state, timing=timing)
    except ValueError as error:
        raise InputError(f"設定 texts.smpp が SMPP の決まりに合いません：{error}") from None


def _http(
    http: Http,
    on_receipt: Callable[[Receipt], Awaitable[None]],
    outstanding: Callable[[], Awaitable[Sequence[str]]],
    on_state: Callable[[bool], None] | None,
    *,
    hears: bool,
) -> HttpGateway:
    shape = read_shape(http.shape)
    sends = shape.send.call
    if shape.auth.kind == "basic" and http.user is None:
        raise InputError("この事業者には user と password_file が要ります。設定 texts.http に書いてください。")
    if not http.sender and "{sender}" in str(sends.fields):
        raise InputError("この事業者には sender が要ります。設定 texts.http に書いてください。")
    told = _callbacks(http.callback, shape, on_receipt) if http.callback else None
    account = Account(url=http.url, user=http.user or "", secret=http.secret(), sender=http.sender)
    try:
        return HttpGateway(
            account,
            shape,
            on_receipt=on_receipt,
            outstanding=outstanding,
            on_state=on_state,
            tls=_tls(http.ca_file, "texts.http.ca_file") if http.url.startswith("https:") else None,
            window=http.window,
            timing=HttpTiming(poll_every=http.poll.total_seconds()),
            beside=told if hears else None,
        )
    except ValueError as error:
        raise InputError(f"設定 texts.http では送れません：{error}。") from None


def _callbacks(
    chosen: HttpCallback, shape: Shape, on_receipt: Callable[[Receipt], Awaitable[None]]
) -> Callable[[], Coroutine[Any, Any, None]]:
    """Return what serves the provider's callbacks, for ever; Busy where the port is taken."""
    if shape.callback is None:
        raise InputError("この事業者の決まりには callback がありません。設定 texts.http.callback を消してください。")
    app = callbacks(shape.callback, path=chosen.path, secret=chosen.secret(), on_receipt=on_receipt)

    async def served() -> None:
        with listening(chosen.host, chosen.port, "texts.http.callback.port") as listener:
            await serve(app, listener, most=CALLBACKS)

    return served


def _tls(ca_file: Path | None, setting: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
    except ssl.SSLError:
        raise InputError(f"{setting} のファイル {ca_file} は、証明書ではありません。") from None
    except OSError as error:
        raise InputError(f"{setting} のファイル {ca_file} を読めません（{reason(error)}）。") from None
