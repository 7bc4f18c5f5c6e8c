"""A photo or document that came along: described here, kept apart (Claim Check)."""

from dataclasses import dataclass
from typing import NewType

Claim = NewType("Claim", str)
"""The ticket with which the bytes are fetched from the journal; `sha256` of the bytes in hexadecimal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """What is known of an attachment without its bytes. `name` is safe to show: no path, no control signs."""

    claim: Claim
    name: str
    media_type: str
    size: int
