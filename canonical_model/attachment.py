"""A photo or document that came along: described here, kept apart (Claim Check)."""

from typing import NewType

from canonical_model.value import Value

Claim = NewType("Claim", str)
"""The ticket with which the bytes are fetched from the journal; `sha256` of the bytes in hexadecimal."""


class Attachment(Value, frozen=True, kw_only=True):
    """What is known of an attachment without its bytes. `name` is safe to show: no path, no control signs."""

    claim: Claim
    name: str
    media_type: str
    size: int
