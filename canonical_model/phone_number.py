"""Telephone numbers in one form, so that a caller, a form and a search mean the same customer.

The form is E.164 (`+32470123456`). Numbers without a country are read as Belgian: the Belgian numbering plan
has eight digits after the 0 (0800 and the zones) or nine for a mobile number, which begins with 04.
"""

import re

_WRAPPING = re.compile(r"^(tel|sips?):|@.*$|;.*$", re.IGNORECASE)
_TRUNK_IN_BRACKETS = re.compile(r"\(0\)")
_PUNCTUATION = re.compile(r"[\s./()\-\u2010-\u2015\u00a0]")
_INTERNATIONAL = re.compile(r"[1-9][0-9]{7,14}")
_BELGIAN = re.compile(r"[1-9][0-9]{7}|4[0-9]{8}")


def e164(text: str) -> str:
    """`+` and the digits; "" when this is no public telephone number (an extension, `anonymous`, a typing error)."""
    bare = _PUNCTUATION.sub("", _TRUNK_IN_BRACKETS.sub("", _WRAPPING.sub("", text.strip())))
    if not bare.isascii():
        return ""
    if bare.startswith(("+", "00")):
        return _international(bare.removeprefix("+").removeprefix("00"))
    if bare.startswith("0"):
        return _belgian(bare[1:])
    if bare.startswith("32"):  # as many telephone exchanges write it
        return _belgian(bare[2:])
    return ""


def masked_phone(text: str) -> str:
    """`+32 *** 56`: the country's beginning and the last two digits; `-` when it is no number."""
    number = e164(text)
    return f"{number[:3]} *** {number[-2:]}" if number else "-"


def _international(digits: str) -> str:
    if digits.startswith("32"):
        return _belgian(digits[2:].removeprefix("0"))
    return f"+{digits}" if _INTERNATIONAL.fullmatch(digits) else ""


def _belgian(digits: str) -> str:
    return f"+32{digits}" if _BELGIAN.fullmatch(digits) else ""
