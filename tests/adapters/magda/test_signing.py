"""WS-Security as another program checks it: digests and signature are worked out anew, without the library that signed.

XML Signature (W3C), section 3.2: every reference's digest, then the signature over `SignedInfo`.
"""

from base64 import b64decode
from datetime import UTC, datetime

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.x509 import load_der_x509_certificate
from lxml import etree

from adapters.magda.settings import Persons, Settings
from adapters.magda.signing import Signer
from adapters.magda.translate import Asker, person_question

NAMES = {
    "soap": "http://schemas.xmlsoap.org/soap/envelope/",
    "ds": "http://www.w3.org/2000/09/xmldsig#",
    "wsse": "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd",
}
ID = "{http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd}Id"
EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
HASHES = {
    "http://www.w3.org/2000/09/xmldsig#sha1": hashes.SHA1,
    "http://www.w3.org/2001/04/xmlenc#sha256": hashes.SHA256,
    "http://www.w3.org/2000/09/xmldsig#rsa-sha1": hashes.SHA1,
    "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256": hashes.SHA256,
}
ASKER = Asker(sender="leuven.be/hub", capacity="1303", reference="r-1", at=datetime(2026, 3, 2, tzinfo=UTC))


@pytest.mark.parametrize("token", ["pkipath", "x509v3"])
@pytest.mark.parametrize("signature", ["rsa-sha1", "rsa-sha256"])
def test_the_body_is_signed_by_the_certificate_that_goes_along(bare, token, signature):
    checked = Settings.model_validate({**bare, "token": token, "signature": signature})
    envelope = etree.fromstring(
        Signer(checked).signed(person_question(Persons(), ASKER, "87671799614", "RR"))
    )

    verify(envelope)

    assert signature in one(envelope, "//ds:SignatureMethod").get("Algorithm")
    envelope.find(".//INSZ").text = "41670299284"
    with pytest.raises(AssertionError, match="digest"):
        verify(envelope)


def test_a_signature_of_another_body_is_no_use(bare):
    signer = Signer(Settings.model_validate(bare))
    first, second = (
        etree.fromstring(signer.signed(person_question(Persons(), ASKER, number, "RR")))
        for number in ("87671799614", "41670299284")
    )
    one(first, "//ds:SignatureValue").text = one(second, "//ds:SignatureValue").text

    with pytest.raises(InvalidSignature):
        verify(first)


def verify(envelope):
    """`AssertionError`: what was signed is not the body, or not this one; `InvalidSignature`: not by this certificate."""
    (reference,) = envelope.xpath("//ds:SignedInfo/ds:Reference", namespaces=NAMES)
    body = one(envelope, "/soap:Envelope/soap:Body")
    assert reference.get("URI") == f"#{body.get(ID)}"
    transforms = [each.get("Algorithm") for each in reference.iterfind(".//ds:Transform", NAMES)]
    assert transforms == [EXCLUSIVE]
    digest = hashes.Hash(HASHES[one(reference, "ds:DigestMethod").get("Algorithm")]())
    digest.update(canonical(body))
    assert digest.finalize() == b64decode(one(reference, "ds:DigestValue").text), "digest"

    info = one(envelope, "//ds:SignedInfo")
    assert one(info, "ds:CanonicalizationMethod").get("Algorithm") == EXCLUSIVE
    method = HASHES[one(info, "ds:SignatureMethod").get("Algorithm")]()
    value = b64decode(one(envelope, "//ds:SignatureValue").text)
    certificate_in(envelope).public_key().verify(value, canonical(info), PKCS1v15(), method)


def certificate_in(envelope):
    """The one that the signature's key is said to be of; of a path, the last."""
    token = one(envelope, "//wsse:BinarySecurityToken")
    named = one(envelope, "//wsse:SecurityTokenReference/wsse:Reference")
    assert named.get("URI") == f"#{token.get(ID)}"
    assert named.get("ValueType") == token.get("ValueType")
    content = b64decode(token.text)
    if token.get("ValueType").endswith("X509PKIPathv1"):
        *_, content = elements(content)
    return load_der_x509_certificate(content)


def elements(sequence):
    """What a DER sequence holds, each with its own head."""
    end, inside = _bounds(sequence, 0)
    assert end == len(sequence)
    while inside < end:
        start = inside
        inside, _ = _bounds(sequence, start)
        yield sequence[start:inside]


def _bounds(content, start):
    """Where an element ends, and where what it holds begins."""
    assert content[start] == 0x30
    size, head = content[start + 1], start + 2
    if size & 0x80:
        head += size & 0x7F
        size = int.from_bytes(content[start + 2 : head])
    return head + size, head


def canonical(element):
    return etree.tostring(element, method="c14n", exclusive=True, with_comments=False)


def one(element, path):
    (found,) = element.xpath(path, namespaces=NAMES)
    return found
