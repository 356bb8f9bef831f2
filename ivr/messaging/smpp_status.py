"""What a centre means by a command_status (SMPP 3.4, 5.1.3), for people."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum


class Status(IntEnum):
    """The statuses that we act on or send ourselves."""

    ROK = 0x00
    RINVMSGLEN = 0x01
    RINVCMDLEN = 0x02
    RINVCMDID = 0x03
    RINVDSTADR = 0x0B
    RMSGQFUL = 0x14
    RTHROTTLED = 0x58
    RX_T_APPN = 0x64
    RX_P_APPN = 0x65


LATER = frozenset({Status.RMSGQFUL, Status.RTHROTTLED})
"""The centre has not taken it, and asks us to be slower."""

_WORDS: Mapping[int, str] = {
    0x00: "ESME_ROK、成功",
    0x01: "ESME_RINVMSGLEN、本文の長さの誤り",
    0x02: "ESME_RINVCMDLEN、電文の長さの誤り",
    0x03: "ESME_RINVCMDID、未対応の命令",
    0x04: "ESME_RINVBNDSTS、接続の状態の誤り",
    0x05: "ESME_RALYBND、すでに接続中",
    0x08: "ESME_RSYSERR、センターの障害",
    0x0A: "ESME_RINVSRCADR、送信元の番号の誤り",
    0x0B: "ESME_RINVDSTADR、宛先の番号の誤り",
    0x0D: "ESME_RBINDFAIL、接続の拒否",
    0x0E: "ESME_RINVPASWD、パスワードの誤り",
    0x0F: "ESME_RINVSYSID、system_id の誤り",
    0x14: "ESME_RMSGQFUL、センターの待ち行列が満杯",
    0x43: "ESME_RINVESMCLASS、esm_class の誤り",
    0x45: "ESME_RSUBMITFAIL、送信の失敗",
    0x48: "ESME_RINVSRCTON、送信元の番号種別の誤り",
    0x49: "ESME_RINVSRCNPI、送信元の番号計画の誤り",
    0x50: "ESME_RINVDSTTON、宛先の番号種別の誤り",
    0x51: "ESME_RINVDSTNPI、宛先の番号計画の誤り",
    0x53: "ESME_RINVSYSTYP、system_type の誤り",
    0x58: "ESME_RTHROTTLED、送信が速すぎる",
    0x62: "ESME_RINVEXPIRY、有効期限（validity_period）の誤り",
    0x66: "ESME_RX_R_APPN、受け手の拒否",
    0xC0: "ESME_RINVOPTPARSTREAM、任意項目の誤り",
    0xFF: "ESME_RUNKNOWNERR、原因不明",
}


def describe(status: int) -> str:
    """Return a status in hex and, where the standard names it, in words."""
    words = _WORDS.get(status)
    return f"0x{status:08X}（{words}）" if words else f"0x{status:08X}"
