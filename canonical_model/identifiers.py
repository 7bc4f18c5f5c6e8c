"""Numbers that the government gives to people, companies, associations, products and places.

An `Identifier` is always valid: it is made by the function of its scheme, which normalises the text or
raises `InvalidIdentifierError`. Its `repr` is masked, so it may end up in a traceback without harm.
"""

import re
from collections.abc import Callable
from enum import StrEnum

from canonical_model.value import Hidden, Value

_NOT_DIGITS = re.compile(r"[\s.\-/]")


class InvalidIdentifierError(ValueError):
    """The text is not an identifier of this scheme; the message never repeats the text."""


class Scheme(StrEnum):
    """Which register gave the number."""

    INSZ = "insz"
    KBO = "kbo"
    ESTABLISHMENT = "vestigingsnummer"
    VCODE = "vcode"
    OVO = "ovo"
    NIS = "nis"
    IPDC = "ipdc"


PERSONAL = frozenset({Scheme.INSZ})
"""Schemes whose values are personal data: encrypted at rest, found by keyed hash, never logged."""


class Identifier(Value, frozen=True):
    """A validated number of one scheme."""

    scheme: Scheme
    value: Hidden[str]

    def __repr__(self) -> str:
        return f"Identifier({self.scheme}, {masked(self)})"


def masked(identifier: Identifier) -> str:
    """The identifier as a screen may show it: `85.07.30-***.**` for a person, the last digits hidden."""
    value = identifier.value
    if identifier.scheme is Scheme.INSZ:
        return f"{value[0:2]}.{value[2:4]}.{value[4:6]}-***.**"
    return value


def insz(text: str, *, allow_test_numbers: bool = False) -> Identifier:
    """A national register or BIS number: 11 digits, the last two = 97 - (first nine mod 97).

    Born in or after 2000: the mod is taken over `2` and the first nine. Months carry +20 or +40 in BIS
    numbers; MAGDA's test range (+60) passes only with `allow_test_numbers`. Day and month may be 0: such
    numbers were really given out.
    """
    digits = _digits(text, 11, "an INSZ")
    base, check = int(digits[:9]), int(digits[9:])
    if check not in (97 - base % 97, 97 - (2_000_000_000 + base) % 97):
        raise InvalidIdentifierError("an INSZ with wrong check digits")
    month = int(digits[2:4])
    offsets = (0, 20, 40, 60) if allow_test_numbers else (0, 20, 40)
    if not any(0 <= month - offset <= 12 for offset in offsets):
        raise InvalidIdentifierError("an INSZ with an impossible month")
    return Identifier(Scheme.INSZ, digits)


def kbo(text: str) -> Identifier:
    """A company number: ten digits starting with 0 or 1, mod 97; dots and `BE` allowed, nine digits padded."""
    digits = _NOT_DIGITS.sub("", text.strip().upper().removeprefix("BE"))
    if len(digits) == 9:
        digits = f"0{digits}"
    return Identifier(Scheme.KBO, _mod97_number(digits, "01", "a KBO number"))


def establishment(text: str) -> Identifier:
    """A vestigingsnummer: ten digits starting with 2 to 8, the same mod 97 as a company number."""
    return Identifier(
        Scheme.ESTABLISHMENT, _mod97_number(_NOT_DIGITS.sub("", text), "2345678", "an establishment number")
    )


def vcode(text: str) -> Identifier:
    """An association's code in the Verenigingsregister: `V` and seven digits, from V0001001 on."""
    code = text.strip().upper()
    if not re.fullmatch(r"V[0-9]{7}", code) or int(code[1:]) < 1001:
        raise InvalidIdentifierError("not a vCode: expected V and seven digits, from V0001001 on")
    return Identifier(Scheme.VCODE, code)


def ovo(text: str) -> Identifier:
    """A Flemish organisation code: `OVO` and six digits."""
    return Identifier(Scheme.OVO, _matching(text.upper(), r"OVO[0-9]{6}", "an OVO code"))


def nis(text: str) -> Identifier:
    """A municipality's NIS code: five digits (Leuven is 24062)."""
    return Identifier(Scheme.NIS, _matching(text, r"[0-9]{5}", "a NIS code"))


def ipdc(text: str) -> Identifier:
    """A product number of the IPDC catalogue: digits, kept as text (real ones exceed a short)."""
    return Identifier(Scheme.IPDC, _matching(text, r"[0-9]{1,12}", "an IPDC product number"))


PARSERS: dict[Scheme, Callable[[str], Identifier]] = {
    Scheme.INSZ: insz,
    Scheme.KBO: kbo,
    Scheme.ESTABLISHMENT: establishment,
    Scheme.VCODE: vcode,
    Scheme.OVO: ovo,
    Scheme.NIS: nis,
    Scheme.IPDC: ipdc,
}


def _digits(text: str, length: int, what: str) -> str:
    digits = _NOT_DIGITS.sub("", text)
    if len(digits) != length or not digits.isascii() or not digits.isdigit():
        raise InvalidIdentifierError(f"not {what}: expected {length} digits")
    return digits


def _mod97_number(digits: str, first: str, what: str) -> str:
    number = _digits(digits, 10, what)
    if number[0] not in first or int(number[8:]) != 97 - int(number[:8]) % 97:
        raise InvalidIdentifierError(f"not {what}: the check digits or the first digit are wrong")
    return number


def _matching(text: str, pattern: str, what: str) -> str:
    stripped = text.strip()
    if not re.fullmatch(pattern, stripped, re.ASCII):
        raise InvalidIdentifierError(f"not {what}")
    return stripped
