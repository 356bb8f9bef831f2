"""Who may do what in the console: one table of roles, deeds and departments, which every route asks. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import IntEnum, StrEnum
from types import MappingProxyType


class Role(StrEnum):
    """What somebody is there for; one person may have several."""

    CLERK = "clerk"
    APPROVER = "approver"
    ADMINISTRATOR = "administrator"
    AUDITOR = "auditor"
    OPERATOR = "operator"


ROLE_LABELS: Mapping[Role, str] = {
    Role.CLERK: "担当者",
    Role.APPROVER: "承認者",
    Role.ADMINISTRATOR: "管理者",
    Role.AUDITOR: "監査担当",
    Role.OPERATOR: "システム運用",
}
"""What staff read."""

DUTIES: Mapping[Role, str] = {
    Role.CLERK: "自分の部署の催告を作り、始め、止め、打ち切ります。",
    Role.APPROVER: "自分の部署の催告を承認し、止められます。",
    Role.ADMINISTRATOR: "利用者と部署を登録し、催告の部署を決めます。",
    Role.AUDITOR: "すべての部署の状況と監査証跡を見ます。何も変えられません。",
    Role.OPERATOR: "すべての部署の状況を見て、一時停止と緊急停止ができます。",
}
"""What a role is for, for whoever gives it to somebody."""


class Deed(StrEnum):
    """What somebody asks to do."""

    LOOK_AROUND = "look_around"
    SEE_CAMPAIGN = "see_campaign"
    START = "start"
    PAUSE = "pause"
    STOP = "stop"
    EMERGENCY_STOP = "emergency_stop"
    APPROVE = "approve"
    ASSIGN = "assign"
    SEE_PEOPLE = "see_people"
    CHANGE_PEOPLE = "change_people"
    READ_AUDIT = "read_audit"
    VERIFY_AUDIT = "verify_audit"
    KEEP_OWN_ACCOUNT = "keep_own_account"
    CREATE = "create"
    CHANGE_TOKENS = "change_tokens"
    SEE_PERSONAL_DATA = "see_personal_data"
    EDIT_SCENARIOS = "edit_scenarios"
    CHANGE_WEBHOOKS = "change_webhooks"
    SEE_EXCLUSIONS = "see_exclusions"
    CHANGE_EXCLUSIONS = "change_exclusions"
    SEE_SYSTEM = "see_system"


class Reach(IntEnum):
    """How far a right goes: nowhere, to what is the own department's, or to everything."""

    NONE = 0
    OWN = 1
    ALL = 2


_NO, _OWN, _ALL = Reach.NONE, Reach.OWN, Reach.ALL

_ROLES = (Role.CLERK, Role.APPROVER, Role.ADMINISTRATOR, Role.AUDITOR, Role.OPERATOR)
_ROWS: tuple[tuple[Deed, tuple[Reach, ...]], ...] = (
    # deed                    clerk  approver  administrator  auditor  operator
    (Deed.LOOK_AROUND, (_ALL, _ALL, _ALL, _ALL, _ALL)),
    (Deed.SEE_CAMPAIGN, (_OWN, _OWN, _ALL, _ALL, _ALL)),
    (Deed.START, (_OWN, _NO, _NO, _NO, _NO)),
    (Deed.PAUSE, (_OWN, _OWN, _NO, _NO, _ALL)),
    (Deed.STOP, (_OWN, _OWN, _NO, _NO, _NO)),
    (Deed.EMERGENCY_STOP, (_OWN, _OWN, _ALL, _NO, _ALL)),
    (Deed.APPROVE, (_NO, _OWN, _NO, _NO, _NO)),
    (Deed.ASSIGN, (_NO, _NO, _ALL, _NO, _NO)),
    (Deed.SEE_PEOPLE, (_NO, _NO, _ALL, _ALL, _NO)),
    (Deed.CHANGE_PEOPLE, (_NO, _NO, _ALL, _NO, _NO)),
    (Deed.READ_AUDIT, (_NO, _NO, _ALL, _ALL, _NO)),
    (Deed.VERIFY_AUDIT, (_NO, _NO, _NO, _ALL, _NO)),
    (Deed.KEEP_OWN_ACCOUNT, (_ALL, _ALL, _ALL, _ALL, _ALL)),
    (Deed.CREATE, (_OWN, _NO, _NO, _NO, _NO)),
    (Deed.CHANGE_TOKENS, (_NO, _NO, _ALL, _NO, _NO)),
    (Deed.SEE_PERSONAL_DATA, (_OWN, _NO, _NO, _NO, _NO)),
    (Deed.EDIT_SCENARIOS, (_OWN, _NO, _NO, _NO, _NO)),
    (Deed.CHANGE_WEBHOOKS, (_NO, _NO, _ALL, _NO, _NO)),
    (Deed.SEE_EXCLUSIONS, (_OWN, _OWN, _ALL, _ALL, _ALL)),
    (Deed.CHANGE_EXCLUSIONS, (_OWN, _NO, _NO, _NO, _NO)),
    (Deed.SEE_SYSTEM, (_NO, _NO, _ALL, _NO, _ALL)),
)

MATRIX: Mapping[Deed, Mapping[Role, Reach]] = MappingProxyType(
    {deed: MappingProxyType(dict(zip(_ROLES, reaches, strict=True))) for deed, reaches in _ROWS}
)
"""How far each role's right to each deed goes."""


def reach(roles: Collection[Role], deed: Deed) -> Reach:
    """Return how far somebody with `roles` may go with `deed`: as far as the furthest of them."""
    return max((MATRIX[deed][role] for role in roles), default=Reach.NONE)


def may(roles: Collection[Role], deed: Deed, *, own: bool) -> bool:
    """Tell whether somebody with `roles` may do `deed` to what is, or is not, their `own` department's."""
    return reach(roles, deed) >= (Reach.OWN if own else Reach.ALL)
