"""A look at one customer: why, written down before anything is shown, and a pass to turn its pages.

A pass travels in an address, so it is sealed: it holds keyed hashes and the reason, never a number or an address, and
serves only who it was made for, for `VALID`.
"""

import os
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64Error
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec
from cryptography.exceptions import InvalidTag

from canonical_model.case import CASE_REF
from canonical_model.customer import CustomerKey, customer_name
from journal.crypto import Keyring
from journal.customer_history import HashedName, HistoryPage, customer_history, hashed, pseudonym
from journal.journal import Journal
from journal.looks import JournalLooks

PURPOSES: Final = ("contact", "handling", "failure", "rights")
"""Why somebody may look; their texts are `purpose.<name>`."""

SHORTEST_REASON: Final = 4
LONGEST_REASON: Final = 400
VALID: Final = timedelta(minutes=30)
_NONCE: Final = 12
_PERSONAL: Final = re.compile(r"@|\bV[0-9]{7}\b|(?:[0-9][\s./()-]*){9}", re.IGNORECASE)
"""What looks like a mail address, an association's code, or a number of a person, company or telephone."""


class CustomerLookError(Exception):
    """The look may not begin; `code` is a text of `customer_wrong.<code>`: purpose, reason,
    personal (a number or address in the reason), number, pass, nobody."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """Which customer is looked at (hashes), how that is shown (masked, or the case it came from), and why."""

    names: tuple[tuple[str, str], ...]
    key: str
    shown: str
    case: str
    why: str

    @property
    def hashed(self) -> tuple[HashedName, ...]:
        """The names as the journal knows them."""
        return tuple(HashedName(system=system, hash=hash_) for system, hash_ in self.names)


class _Pass(msgspec.Struct, frozen=True, kw_only=True):
    look: Look
    until: datetime


def why(purpose: str, reason: str) -> str:
    """The line for the audit trail; `CustomerLookError` unless both were given, and nothing personal with them."""
    given = reason.strip()
    if purpose not in PURPOSES:
        raise CustomerLookError("purpose")
    if len(given) < SHORTEST_REASON:
        raise CustomerLookError("reason")
    if _PERSONAL.search(CASE_REF.sub("", given)):
        raise CustomerLookError("personal")
    return f"{purpose}: {given[:LONGEST_REASON]}"


def look_for(keyring: Keyring, key: str, text: str, because: str) -> Look:
    """A look by what somebody typed; `CustomerLookError` when it is no complete number or address."""
    try:
        name = customer_name(CustomerKey(key), text)
    except ValueError:
        raise CustomerLookError("number") from None  # a cause could repeat what was typed
    return _look(hashed(keyring, name.references), key=name.key.value, shown=name.shown, why=because)


def look_from(case: str, names: Sequence[HashedName], because: str) -> Look:
    """A look at the customer of a case; `CustomerLookError` when the case knows no name of its customer."""
    if not names:
        raise CustomerLookError("nobody")
    return _look(names, case=case, why=because)


async def turn_page(journal: Journal, look: Look, actor: str, *, before: str = "", size: int) -> HistoryPage:
    """Write the look down for each name of the customer, then read. Raises `TransientError`: show nothing."""
    looks = JournalLooks(journal)
    for subject in subjects(journal.keyring, look):
        await looks.note(actor, subject, look.why)
    return await journal.database.read(
        lambda connection: customer_history(
            connection, journal.keyring, look.hashed, before=before, size=size
        )
    )


def subjects(keyring: Keyring, look: Look) -> tuple[str, ...]:
    """What was looked at, for the audit trail: the pseudonym (of one spelling), or the case and all its customer's."""
    if not look.case:
        return (pseudonym(keyring, look.hashed[0]),)
    return (look.case, *(pseudonym(keyring, name) for name in look.hashed))


def sealed_pass(keyring: Keyring, look: Look, actor: str, now: datetime) -> str:
    """A pass for an address."""
    nonce = os.urandom(_NONCE)
    plain = msgspec.json.encode(_Pass(look=look, until=now + VALID))
    return urlsafe_b64encode(
        nonce + keyring.cipher_for("customer pass").encrypt(nonce, plain, actor.encode())
    ).decode()


def opened_pass(keyring: Keyring, token: str, actor: str, now: datetime) -> Look:
    """What a pass stands for; `CustomerLookError` when it is not ours, somebody else's, or too old."""
    try:
        sealed = urlsafe_b64decode(token.encode())
        plain = keyring.cipher_for("customer pass").decrypt(sealed[:_NONCE], sealed[_NONCE:], actor.encode())
    except (NotBase64Error, InvalidTag, ValueError):
        raise CustomerLookError("pass") from None
    found = msgspec.json.decode(plain, type=_Pass)
    if found.until < now:
        raise CustomerLookError("pass")
    return found.look


def _look(names: Sequence[HashedName], *, why: str, key: str = "", shown: str = "", case: str = "") -> Look:
    return Look(
        names=tuple((name.system, name.hash) for name in names), key=key, shown=shown, case=case, why=why
    )
