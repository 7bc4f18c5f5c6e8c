"""A customer by one exact number or address: never by name, never by a part.

What is typed is normalised as the contacts themselves are (`phone_number`, `identifiers`), so that a caller, a form and a
clerk mean the same customer.
"""

from collections.abc import Callable
from enum import StrEnum

from canonical_model.decision import Reference
from canonical_model.identifiers import InvalidIdentifierError, insz, kbo, masked, vcode
from canonical_model.party import masked_email
from canonical_model.phone_number import e164, masked_phone
from canonical_model.value import Hidden, Value

LONGEST = 320
"""Characters of a mail address (RFC 3696, erratum 1690); everything else is shorter."""


class CustomerKey(StrEnum):
    """By what a customer is found; equal to the system of the references."""

    INSZ = "insz"
    KBO = "kbo"
    VCODE = "vcode"
    PHONE = "phone"
    EMAIL = "email"


class CustomerName(Value, frozen=True, kw_only=True):
    """One valid number or address of a customer. Personal data, but for `shown`, which is masked.

    `spellings` are all the ways in which it may have been noted, the normal one first.
    """

    key: CustomerKey
    spellings: Hidden[tuple[str, ...]]
    shown: str

    @property
    def references(self) -> tuple[Reference, ...]:
        """Under which names the journal may know this customer."""
        return tuple(
            Reference(system=self.key.value, value=value, exclusive=False) for value in self.spellings
        )


def customer_name(key: CustomerKey, text: str) -> CustomerName:
    """Normalise what somebody typed; `InvalidIdentifierError` (which never repeats it) when it is not complete or wrong."""
    if len(text) > LONGEST:
        raise InvalidIdentifierError("too long for a number or an address")
    spellings, shown = _READERS[key](text.strip())
    return CustomerName(key=key, spellings=spellings, shown=shown)


def looks_like(text: str) -> CustomerKey | None:
    """By which key this would find a customer, the strictest first; None when it is no number or address of one."""
    for key in CustomerKey:
        try:
            customer_name(key, text)
        except InvalidIdentifierError:
            continue
        return key
    return None


def _insz(text: str) -> tuple[tuple[str, ...], str]:
    found = insz(text, allow_test_numbers=True)  # a look finds nothing that was not let in
    return (found.value,), masked(found)


def _kbo(text: str) -> tuple[tuple[str, ...], str]:
    found = kbo(text)
    return (found.value,), masked(found)


def _vcode(text: str) -> tuple[tuple[str, ...], str]:
    found = vcode(text)
    return (found.value,), masked(found)


def _phone(text: str) -> tuple[tuple[str, ...], str]:
    """Adapters hand over E.164; what could not be read as such was noted as it stood."""
    number = e164(text)
    if not number:
        raise InvalidIdentifierError(
            "not a telephone number: expected a Belgian number, or + and the country"
        )
    national = (f"0{number.removeprefix('+32')}",) if number.startswith("+32") else ()
    return (number, number.removeprefix("+"), *national), masked_phone(number)


def _email(text: str) -> tuple[tuple[str, ...], str]:
    address = text.removeprefix("mailto:").strip("<> ")
    local, at, domain = address.rpartition("@")
    if not (local and at and "." in domain) or any(sign.isspace() for sign in address):
        raise InvalidIdentifierError("not a mail address: expected name@domain")
    return (address,), masked_email(address)


_READERS: dict[CustomerKey, Callable[[str], tuple[tuple[str, ...], str]]] = {
    CustomerKey.INSZ: _insz,
    CustomerKey.KBO: _kbo,
    CustomerKey.VCODE: _vcode,
    CustomerKey.PHONE: _phone,
    CustomerKey.EMAIL: _email,
}
