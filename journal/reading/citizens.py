"""The customer of a case, masked."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row

from canonical_model.codec import UnreadableError, decode_card
from canonical_model.identifiers import masked
from canonical_model.party import masked_email, masked_name
from journal.crypto import SealBrokenError
from journal.seals import Opener


@dataclass(frozen=True, slots=True, kw_only=True)
class Citizen:
    """The customer, masked. `represented`: somebody acted for it, who is not told.

    `erased`: the key is gone, and with it everything personal.
    """

    kind: str = "anonymous"
    name: str = "-"
    email: str = "-"
    phone: bool = False
    identifiers: tuple[str, ...] = ()
    language: str = ""
    represented: bool = False
    erased: bool = False


def citizen_of(opener: Opener, row: Row[Any]) -> tuple[Citizen, str]:
    """The masked citizen, and the address that stays in here."""
    try:
        opened = opener.open_one(row.key_id, row.ref, "card", row.card)
        card = decode_card(opened, row.card_version) if opened else None
    except (SealBrokenError, UnreadableError):
        card = None
    if card is None:
        return Citizen(erased=True), ""
    party = card.party
    citizen = Citizen(
        kind=party.kind.value,
        name=masked_name(party),
        email=masked_email(party.email),
        phone=bool(party.phone),
        identifiers=tuple(f"{identifier.scheme} {masked(identifier)}" for identifier in party.identifiers),
        language=card.language.value,
        represented=party.representative is not None,
    )
    return citizen, party.email.casefold()
