"""Whose a submission is: what the token proves, and what the body merely says. Pure."""

from msgspec.structs import replace

from adapters.acmidm.oslo import Claimed
from adapters.acmidm.problems import NOT_PROVEN
from adapters.acmidm.understood import Caller
from canonical_model.identifiers import Scheme
from canonical_model.party import ANONYMOUS, Party, PartyKind, Representative
from ports.problems import RefusedError

_KINDS = {
    Scheme.INSZ: PartyKind.PERSON,
    Scheme.KBO: PartyKind.ORGANISATION,
    Scheme.VCODE: PartyKind.ASSOCIATION,
}


def party_of(caller: Caller, claimed: Claimed, *, vouches: bool) -> Party:
    """The customer. The token decides; the body adds how to reach him, and a name where the token has none.

    Raises `RefusedError` when the body names somebody that the token does not prove: a number in a body alone is
    only believed from a sender that vouches for its visitors.
    """
    if caller.persona:
        return _proven(caller.persona.party, claimed)
    if not claimed.identifiers:
        return _unknown(claimed)
    if not vouches:
        raise RefusedError(
            NOT_PROVEN, "the body names a customer, and the token does not prove that it is one"
        )
    return _vouched_for(claimed)


def _proven(party: Party, claimed: Claimed) -> Party:
    if any(one not in party.identifiers for one in claimed.identifiers):
        raise RefusedError(NOT_PROVEN, "the body names another customer than the token")
    acting = party.representative.identifiers if party.representative else party.identifiers
    if any(one not in acting for one in claimed.acting):
        raise RefusedError(NOT_PROVEN, "the body names another acting person than the token")
    return replace(
        party,
        name=party.name or claimed.name,
        email=claimed.email or party.email,
        phone=claimed.phone or party.phone,
    )


def _vouched_for(claimed: Claimed) -> Party:
    acting = Representative(name=claimed.acting_name, identifiers=claimed.acting)
    return Party(
        kind=_KINDS[claimed.identifiers[-1].scheme],
        name=claimed.name,
        email=claimed.email,
        phone=claimed.phone,
        identifiers=claimed.identifiers,
        representative=acting if acting != Representative() else None,
    )


def _unknown(claimed: Claimed) -> Party:
    if not (claimed.name or claimed.email or claimed.phone):
        return ANONYMOUS
    return Party(kind=PartyKind.PERSON, name=claimed.name, email=claimed.email, phone=claimed.phone)
