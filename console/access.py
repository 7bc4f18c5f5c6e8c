"""Who may do what. Deny by default: an endpoint without a declared right answers nobody."""

from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Any, Final, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


class Role(StrEnum):
    """What somebody is for the hub; an account may have several."""

    KCC_VIEWER = "kcc_viewer"
    KCC_DISPATCHER = "kcc_dispatcher"
    ADMINISTRATOR = "administrator"
    AUDITOR = "auditor"


class Right(StrEnum):
    """What an endpoint asks for. `PUBLIC` asks nothing, `SIGNED_IN` only a session."""

    PUBLIC = "public"
    SIGNED_IN = "signed_in"
    LOOK = "look"
    REVEAL = "reveal"
    CUSTOMER = "customer"
    JUDGE = "judge"
    REPLAY = "replay"
    APPROVE = "approve"
    HOLD = "hold"
    DISPATCH = "dispatch"
    BALANCE = "balance"
    AUDIT = "audit"
    TEXTS = "texts"


RIGHTS: Final[dict[Role, frozenset[Right]]] = {
    Role.KCC_VIEWER: frozenset({Right.LOOK}),
    Role.KCC_DISPATCHER: frozenset(
        {Right.LOOK, Right.REVEAL, Right.CUSTOMER, Right.JUDGE, Right.APPROVE, Right.DISPATCH}
    ),
    Role.ADMINISTRATOR: frozenset(
        {
            *(Right.LOOK, Right.REVEAL, Right.JUDGE, Right.REPLAY, Right.APPROVE, Right.HOLD),
            *(Right.CUSTOMER, Right.BALANCE, Right.AUDIT, Right.DISPATCH, Right.TEXTS),
        }
    ),
    Role.AUDITOR: frozenset({Right.LOOK, Right.BALANCE, Right.AUDIT}),
}
"""LOOK: lists and masked cases. REVEAL: open a seal. CUSTOMER: all cases of one customer, masked, with a reason. JUDGE: release or drop what is in quarantine.
REPLAY: try again or give up. APPROVE: agree, as the second person, that citizens get mail by a replay. HOLD: pause and resume a system. DISPATCH: finish work items, take cases back and give them to another group. BALANCE, AUDIT: those pages.
TEXTS: write what the mails say; everybody who may look can read it."""


def requires(right: Right) -> Callable[[F], F]:
    """Declare what an endpoint asks for."""

    def declare(endpoint: F) -> F:
        _REQUIRED[endpoint] = right
        return endpoint

    return declare


def required(endpoint: Callable[..., Any]) -> Right | None:
    """What an endpoint declared; None = nobody may."""
    return _REQUIRED.get(endpoint)


def rights_of(roles: Iterable[Role]) -> frozenset[Right]:
    """Everything that somebody with these roles may do."""
    granted = {right for role in roles for right in RIGHTS[role]}
    return frozenset(granted | {Right.PUBLIC, Right.SIGNED_IN})


_REQUIRED: dict[Callable[..., Any], Right] = {}
