# zeep, lxml and xmlsec without types: what comes from them gets one here
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""WS-Security: the body signed with our key, our certificate beside it. zeep signs; the kind of token is ours to choose."""

from base64 import b64encode
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree  # type: ignore[import-untyped]  # it has none
from xmlsec import constants
from zeep.wsse.signature import BinarySignature

from adapters.magda.settings import Settings

_Signature: Any = BinarySignature
_WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
_PKI_PATH = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-x509-token-profile-1.0#X509PKIPathv1"


class Signer:
    """Signs envelopes. Making one reads key and certificate: `OSError`, `ValueError` or `xmlsec.Error` when they don't fit."""

    def __init__(self, settings: Settings) -> None:
        password = settings.key_password.get_secret_value() if settings.key_password else None
        sha1 = settings.signature == "rsa-sha1"
        self._signature: Any = _Signature(
            settings.key_file,
            settings.certificate_file,
            password,
            signature_method=constants.TransformRsaSha1 if sha1 else constants.TransformRsaSha256,
            digest_method=constants.TransformSha1 if sha1 else constants.TransformSha256,
        )
        with open(settings.certificate_file, "rb") as file:  # noqa: PTH123 - as zeep reads it
            self.certificates = x509.load_pem_x509_certificates(file.read())
        self._path = _pki_path(self.certificates) if settings.token == "pkipath" else b""  # noqa: S105 - a kind, no secret

    def signed(self, content: bytes) -> bytes:
        """An envelope of our own making with a signature over its body."""
        envelope = etree.fromstring(content)
        self._signature.apply(envelope, {})
        if self._path:
            self._exchange_token(envelope)
        signed: bytes = etree.tostring(envelope, encoding="utf-8", xml_declaration=True)
        return signed

    def _exchange_token(self, envelope: Any) -> None:
        """The certificate with its authorities instead of alone; the token itself is not signed."""
        for name in ("BinarySecurityToken", "Reference"):
            for element in envelope.iter(f"{{{_WSSE}}}{name}"):
                element.set("ValueType", _PKI_PATH)
                if name == "BinarySecurityToken":
                    element.text = b64encode(self._path).decode()


def _pki_path(certificates: list[x509.Certificate]) -> bytes:
    """ASN.1 `PkiPath` (X.509): a DER sequence of certificates, the outermost authority first and ours last."""
    content = b"".join(one.public_bytes(Encoding.DER) for one in reversed(certificates))
    size = len(content).to_bytes((len(content).bit_length() + 7) // 8, "big")
    return b"\x30" + bytes([0x80 | len(size)]) + size + content
