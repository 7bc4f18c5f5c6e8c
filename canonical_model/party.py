"""Who asks: a person, an organisation, an association, or somebody who did not say."""

from enum import StrEnum

from canonical_model.identifiers import Identifier
from canonical_model.value import Hidden, Value


class PartyKind(StrEnum):
    """What sort of customer; OSLO calls it Agent."""

    PERSON = "person"
    ORGANISATION = "organisation"
    ASSOCIATION = "association"
    ANONYMOUS = "anonymous"


class Representative(Value, frozen=True, kw_only=True):
    """The person who acts for an organisation or association. Personal data."""

    name: Hidden[str] = ""
    email: Hidden[str] = ""
    identifiers: tuple[Identifier, ...] = ()


class Party(Value, frozen=True, kw_only=True):
    """A customer as far as this contact tells. Everything here is personal data: never logged."""

    kind: PartyKind = PartyKind.ANONYMOUS
    name: Hidden[str] = ""
    email: Hidden[str] = ""
    phone: Hidden[str] = ""
    identifiers: tuple[Identifier, ...] = ()
    representative: Representative | None = None


ANONYMOUS = Party()


def masked_name(party: Party) -> str:
    """`J*** P***`: enough to recognise somebody one knows, too little to learn who it is."""
    return " ".join(f"{word[0]}***" for word in party.name.split()) or "-"


def masked_email(address: str) -> str:
    """`j***@e***.be`: the first letter of each part and the last label."""
    local, _, domain = address.partition("@")
    if not local or not domain:
        return "-"
    label, _, top = domain.rpartition(".")
    return f"{local[0]}***@{label[:1]}***.{top}"
