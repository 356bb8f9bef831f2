"""The provider over whom texts (SMS) go out."""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable

from ivr.campaign.texting import Receipt
from ivr.domain import phone
from ivr.errors import InputError, reason
from ivr.messaging import SmppAccount, SmppGateway, SmppTiming
from ivr.settings import Settings, Smpp

TON = {"unknown": 0, "international": 1, "national": 2, "network": 3, "alphanumeric": 5}
"""SMPP 3.4, 5.2.5."""

ISDN = 1
"""SMPP 3.4, 5.2.6: the numbering plan of telephone numbers (E.164)."""


def text_gateway(
    settings: Settings,
    *,
    on_receipt: Callable[[Receipt], Awaitable[None]],
    on_message: Callable[[str, str], Awaitable[None]],
) -> SmppGateway:
    """Return the way to the provider of the settings; raise InputError where there is none, or a file of it is bad."""
    smpp = settings.texts.smpp
    if smpp is None:
        raise InputError("SMS の事業者が決まっていません。設定 texts.smpp を書いてください。")
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
        tls=_tls(smpp) if smpp.tls else None,
        window=smpp.window,
        long=smpp.long,
        receipt_ids=smpp.receipt_ids,
    )
    timing = SmppTiming(enquire_every=smpp.enquire_link.total_seconds())
    try:
        return SmppGateway(account, on_receipt=on_receipt, on_message=on_message, timing=timing)
    except ValueError as error:
        raise InputError(f"設定 texts.smpp が SMPP の決まりに合いません：{error}") from None


def _tls(smpp: Smpp) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=str(smpp.ca_file) if smpp.ca_file else None)
    except ssl.SSLError:
        raise InputError(f"texts.smpp.ca_file のファイル {smpp.ca_file} は、証明書ではありません。") from None
    except OSError as error:
        raise InputError(f"texts.smpp.ca_file のファイル {smpp.ca_file} を読めません（{reason(error)}）。") from None
