"""From a token's claims to who somebody is. The identity comes from here, never from a form.

The claims are those of ACM/IDM: `rrn` (national number), `given_name`, `family_name`, `vo_doelgroepcode` (capacity), `vo_orgcode`
(KBO number or vCode) and `vo_orgnaam`.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from canonical_model.decision import Reference
from canonical_model.identifiers import Identifier, InvalidIdentifierError, Scheme, insz, kbo, vcode
from canonical_model.party import Party, PartyKind, Representative

_LONGEST = 200


class Capacity(StrEnum):
    """In which capacity somebody logged in: `vo_doelgroepcode`."""

    CITIZEN = "BUR"
    COMPANY = "EA"
    ASSOCIATION = "VER"


class Refusal(StrEnum):
    """Why a genuine log-in is not enough here."""

    OTHER_CAPACITY = "other_capacity"
    NO_IDENTITY = "no_identity"
    TOO_WEAK = "too_weak"


class NotWelcomeError(Exception):
    """A genuine token of somebody who is not served here. `detail` names the claim, never its value."""

    def __init__(self, refusal: Refusal, detail: str) -> None:
        super().__init__(detail)
        self.refusal = refusal
        self.detail = detail


@dataclass(frozen=True, slots=True, kw_only=True)
class Persona:
    """Somebody in a capacity. `party` is who the cases belong to."""

    capacity: Capacity
    party: Party

    @property
    def names(self) -> tuple[Reference, ...]:
        """Under which references the journal knows this customer's cases."""
        return tuple(
            Reference(system=identifier.scheme.value, value=identifier.value, exclusive=False)
            for identifier in self.party.identifiers
        )


def persona_of(
    claims: Mapping[str, Any], *, accepted: Collection[Capacity], allow_test_numbers: bool = False
) -> Persona:
    """Who the claims tell of. Raises `NotWelcomeError`."""
    capacity = _capacity(claims)
    if capacity is None or capacity not in accepted:
        raise NotWelcomeError(Refusal.OTHER_CAPACITY, "vo_doelgroepcode is of another portal")
    person = _person(claims, allow_test_numbers=allow_test_numbers)
    if capacity is Capacity.CITIZEN:
        party = Party(
            kind=PartyKind.PERSON,
            name=person.name,
            email=person.email,
            identifiers=person.identifiers,
        )
        return Persona(capacity=capacity, party=party)
    number = _organisation(claims, capacity)
    kind = PartyKind.ORGANISATION if capacity is Capacity.COMPANY else PartyKind.ASSOCIATION
    party = Party(
        kind=kind,
        name=_text(claims, "vo_orgnaam"),
        email=person.email,
        identifiers=(number,),
        representative=person,
    )
    return Persona(capacity=capacity, party=party)


def strong_enough(claims: Mapping[str, Any], accepted_acr: Collection[str]) -> None:
    """Raises `NotWelcomeError` when the means of log-in is not one of these; all will do when there are none."""
    if accepted_acr and claims.get("acr") not in accepted_acr:
        raise NotWelcomeError(Refusal.TOO_WEAK, "acr is not one of the accepted ones")


def _capacity(claims: Mapping[str, Any]) -> Capacity | None:
    code = _text(claims, "vo_doelgroepcode")
    if not code and _text(claims, "rrn"):
        return Capacity.CITIZEN
    return Capacity(code) if code in set(Capacity) else None


def _person(claims: Mapping[str, Any], *, allow_test_numbers: bool) -> Representative:
    try:
        number = insz(_text(claims, "rrn"), allow_test_numbers=allow_test_numbers)
    except InvalidIdentifierError as error:
        raise NotWelcomeError(Refusal.NO_IDENTITY, f"rrn is {error}") from None
    names = (_text(claims, "given_name"), _text(claims, "family_name"))
    return Representative(
        name=" ".join(name for name in names if name),
        email=_text(claims, "vo_email") or _text(claims, "email"),
        identifiers=(number,),
    )


def _organisation(claims: Mapping[str, Any], capacity: Capacity) -> Identifier:
    """An association may log in under its vCode or, when it is a legal person, under its KBO number."""
    code = _text(claims, "vo_orgcode")
    try:
        if capacity is Capacity.ASSOCIATION and code[:1].upper() == "V":
            return vcode(code)
        return kbo(code)
    except InvalidIdentifierError as error:
        raise NotWelcomeError(Refusal.NO_IDENTITY, f"vo_orgcode is {error}") from None


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    if not isinstance(value, str) or not value.isprintable():
        return ""
    return " ".join(value.split())[:_LONGEST]


SCHEME: Mapping[Capacity, Scheme] = {
    Capacity.CITIZEN: Scheme.INSZ,
    Capacity.COMPANY: Scheme.KBO,
    Capacity.ASSOCIATION: Scheme.VCODE,
}
"""By which number a customer in this capacity is usually known."""
