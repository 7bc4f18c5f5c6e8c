"""The reply address that proves to which case a mail belongs: `meldingen+LEU-2026-000123-<signature>@...`.

A reference in a subject line can be guessed or forwarded; a signed one cannot be made up.
"""

import hmac
import re
from hashlib import sha256

_TAG = re.compile(r"\+([A-Za-z]{2,5}-20[0-9]{2}-[0-9]{6,9})-([0-9a-f]{16})$", re.IGNORECASE)


def signed(address: str, case: str, secret: bytes) -> str:
    """`address` with the case and its signature as plus-part."""
    local, _, domain = address.partition("@")
    return f"{local}+{case}-{_signature(case, secret)}@{domain}"


def verified_case(address: str, secret: bytes) -> str:
    """The case that a signed address names; "" when there is none or the signature is false."""
    tag = _TAG.search(address.partition("@")[0])
    if tag is None:
        return ""
    case, signature = tag[1].upper(), tag[2].lower()
    return case if hmac.compare_digest(signature, _signature(case, secret)) else ""


def _signature(case: str, secret: bytes) -> str:
    return hmac.new(secret, case.encode(), sha256).hexdigest()[:16]
