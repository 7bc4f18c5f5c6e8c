"""MAGDA with its bad days, on a free port of this machine, with certificates that are made on the spot.

Speaks SOAP 1.1 behind TLS that wants a client certificate; checks the envelope, the signature over the body and the token, and
complains as MAGDA does: SOAP faults, `Repliek/Uitzonderingen` and `Antwoord/Uitzonderingen`, 99995 when it is asked too often.
A browser has no certificate of a city, so what people may see is a page beside it: what was asked, and not about whom.

    python -m demo.outside.magda
"""

# lxml has no types: what it gives gets one here
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import asyncio
import ipaddress
from base64 import b64decode
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zoneinfo import ZoneInfo

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from lxml import etree  # type: ignore[import-untyped]  # it has none
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route
from zeep.exceptions import SignatureVerificationFailed
from zeep.wsse.signature import verify_envelope

from demo.outside.magda_page import Question, asked_page, masked
from demo.outside.serving import Tls, serving

_verify: Any = verify_envelope
SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
PERSONS: Mapping[str, tuple[str, str]] = {
    "87671799614": ("An Maria", "Peeters"),
    "41670299284": ("Jos", "Janssens"),
}
"""First names and last name by INSZ, of MAGDA's test range."""
REPLACED = {"00630299862": "87671799614"}
"""INSZ that were replaced by another one."""
COMPANIES: Mapping[str, str] = {"0207521503": "Stad Leuven", "0403019261": "Voorbeeld NV"}
PERSON_NAMESPACE = "http://magda.vlaanderen.be/persoon/soap/geefpersoon/v02_02"
COMPANY_NAMESPACE = "http://webservice.geefondernemingdienst-02_00.onderneming-02_00.vip.vlaanderen.be"
THROTTLE = 10
"""Questions in one second; more are refused."""
BRUSSELS = ZoneInfo("Europe/Brussels")
_TROUBLES = {
    "30003": "niemand heeft dit nummer",
    "30004": "naam gegeven, en het nummer dat in de plaats kwam",
    "13202": "geweigerd: niet ingeschreven in het repertorium",
    "99995": "geweigerd: te veel vragen tegelijk",
}


@dataclass
class Magda:
    """`mood`: "well", "fault", "busy", "broken", "closed", "slow", "login page", "half", "empty", "other reference", "other person",
    "bomb", "reply 40000" or "answer 60003" (a code at that level), "warning 30004". `told`: the text beside a code, which may hold
    what was asked. `persons`: first names and last name by INSZ. `asked`: references and services of the questions that were let in;
    `questions`: of all that were asked. `throttle`: questions in one second.
    """

    certificate: Path
    origin: str = ""
    mood: str = "well"
    throttle: int = THROTTLE
    persons: Mapping[str, tuple[str, str]] = field(default_factory=lambda: PERSONS)
    companies: Mapping[str, str] = field(default_factory=lambda: COMPANIES)
    questions: list[Question] = field(default_factory=list[Question])
    told: str = "INSZ {number} van {name} kan niet"
    asked: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    tokens: list[str] = field(default_factory=list[str])
    contexts: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    _times: list[float] = field(default_factory=list[float])

    def app(self) -> Starlette:
        """Its services."""
        return Starlette(
            routes=[
                Route("/GeefPersoonDienst-02.02/soap/WebService", self.service, methods=["POST"]),
                Route("/GeefOndernemingDienst-02.00/soap/WebService", self.service, methods=["POST"]),
            ]
        )

    def page(self) -> Starlette:
        """What people may see."""

        async def seen(_request: Request) -> Response:
            return asked_page(self.questions)

        return Starlette(routes=[Route("/", seen)])

    async def service(self, request: Request) -> Response:
        """One question."""
        if self.mood == "slow":
            await asyncio.sleep(2)
        if odd := self._odd_answer():
            return odd
        if request.headers.get("soapaction") != '""' or not request.headers["content-type"].startswith(
            "text/xml"
        ):
            return _fault("Client", "SOAPAction and Content-Type")
        envelope = etree.fromstring(await request.body())
        if wrong := self._wrong_signature(envelope):
            return _fault("Client", wrong)
        asked = _Asked.read(envelope)
        if self._is_throttled():
            self._note(asked, "99995")
            return _fault("Server", "99995 - Te veel gelijktijdige bevragingen")
        self.asked.append((asked.reference, asked.name))
        self.contexts.append(asked.context)
        return self._answered(asked)

    def _answered(self, asked: "_Asked") -> Response:
        root, name, reference, number = asked.root, asked.name, asked.reference, asked.number
        level, _, code = self.mood.partition(" ")
        trouble = self._trouble(code, number) if level in ("reply", "answer", "warning") else ""
        if level == "reply":
            self._note(asked, code)
            return self._reply(root, name, reference, trouble)
        inside, unknown = self._content(name, number)
        self._note(asked, code or ("" if inside else "30003"))
        if level == "answer" or not inside:
            trouble = trouble or self._trouble("30003", number)
            return self._reply(
                root, name, reference, f"<Antwoorden><Antwoord><Referte/>{trouble}</Antwoord></Antwoorden>"
            )
        answer = f"<Antwoord><Referte>{reference}</Referte><Inhoud>{inside}</Inhoud>{trouble or unknown}</Antwoord>"
        return self._reply(root, name, reference, f"<Antwoorden>{answer}</Antwoorden>")

    def _content(self, name: str, number: str) -> tuple[str, str]:
        """What is known, and a warning beside it."""
        if name == "GeefOnderneming":
            found = self.companies.get(number)
            return (_company(number, found), "") if found else ("", "")
        warning = self._trouble("30004", number) if number in REPLACED else ""
        number = REPLACED.get(number, number)
        if self.mood == "other person":
            number = next(one for one in self.persons if one != number)
        known = self.persons.get(number)
        return (_person(number, *known), warning) if known else ("", "")

    def _note(self, asked: "_Asked", code: str) -> None:
        """One line for people; the code says how it went, "" well."""
        outcome = f"{code}: {_TROUBLES.get(code, 'geweigerd')}" if code else "naam gegeven"
        self.questions.append(
            Question(
                at=f"{datetime.now(BRUSSELS):%H:%M:%S}",
                service=asked.name,
                sender=asked.sender,
                reference=asked.reference,
                about=masked(asked.number),
                code=code,
                outcome=outcome,
            )
        )

    def _trouble(self, code: str, number: str) -> str:
        kind = "WAARSCHUWING" if code == "30004" else "FOUT"
        words = self.told.format(number=number, name=" ".join(self.persons.get(number, ("", ""))))
        return (
            f"<Uitzonderingen><Uitzondering><Identificatie>{code}</Identificatie><Oorsprong>RR</Oorsprong>"
            f"<Type>{kind}</Type><Diagnose>{words}</Diagnose></Uitzondering></Uitzonderingen>"
        )

    def _reply(self, root: Any, name: str, reference: str, inside: str) -> Response:
        namespace = etree.QName(root).namespace
        echoed = "another" if self.mood == "other reference" else reference
        context = (
            f"<Context><Naam>{name}</Naam><Versie>02.00.0000</Versie><Bericht><Type>ANTWOORD</Type>"
            f"<Afzender><Identificatie>vip.vlaanderen.be</Identificatie><Referte>m-1</Referte></Afzender>"
            f"<Ontvanger><Identificatie>leuven.be</Identificatie><Referte>{echoed}</Referte></Ontvanger></Bericht></Context>"
        )
        body = (
            f'<r:{name}Response xmlns:r="{namespace}"><Repliek>{context}{inside}</Repliek></r:{name}Response>'
        )
        return _xml(_in_envelope(body))

    def _wrong_signature(self, envelope: Any) -> str:
        try:
            _verify(envelope, str(self.certificate))
        except SignatureVerificationFailed:
            return "the signature is wrong"
        token: Any = envelope.find(f".//{{{WSSE}}}BinarySecurityToken")
        self.tokens.append(token.get("ValueType").rpartition("#")[2])
        leaf = x509.load_pem_x509_certificates(self.certificate.read_bytes())[0]
        known = leaf.public_bytes(serialization.Encoding.DER)
        return "" if b64decode(token.text).endswith(known) else "the token is another certificate"

    def _is_throttled(self) -> bool:
        now = asyncio.get_running_loop().time()
        self._times = [*(one for one in self._times if now - one < 1), now]
        return self.mood == "busy" or len(self._times) > self.throttle

    def _odd_answer(self) -> Response | None:
        bomb = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>' + _in_envelope(
            "<x>&b;</x>"
        )
        odd = {
            "fault": _fault("Server", "er is iets mis met 87671799614"),
            "broken": HTMLResponse("<h1>Server Error 87671799614</h1>", 500),
            "away": HTMLResponse("<h1>Service Unavailable</h1>", 503),
            "closed": HTMLResponse("<h1>Forbidden</h1>", 403),
            "login page": HTMLResponse("<html><h1>Aanmelden</h1></html>"),
            "half": _xml(_in_envelope("<a>87671799614</a>")[:-30]),
            "empty": Response(status_code=202),
            "bomb": _xml(bomb),
        }
        return odd.get(self.mood)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """A question, taken out of its envelope. `context`: the texts of its `Bericht`, by their element."""

    root: Any
    name: str
    sender: str
    reference: str
    number: str
    context: dict[str, str]

    @classmethod
    def read(cls, envelope: Any) -> "_Asked":
        (root,) = envelope.find(f"{{{SOAP}}}Body")
        message: Any = root.find("Verzoek/Context/Bericht")
        criteria: Any = root.find("Verzoek/Vragen/Vraag/Inhoud/Criteria")
        return cls(
            root=root,
            name=str(etree.QName(root).localname),
            sender=message.findtext("Afzender/Identificatie") or "",
            reference=message.findtext("Afzender/Referte") or "",
            number=criteria.findtext("INSZ") or criteria.findtext("Ondernemingsnummer") or "",
            context={one.tag: one.text for one in message.iter() if one.text and one.text.strip()},
        )


def _person(number: str, first: str, last: str) -> str:
    names = "".join(f"<Voornaam>{one}</Voornaam>" for one in first.split())
    return (
        f'<Persoon Bron="RR"><INSZ>{number}</INSZ><Naam><Achternamen><Achternaam>{last}</Achternaam></Achternamen>'
        f"<Voornamen>{names}</Voornamen></Naam><Adressen><Hoofdverblijfplaats><Straatnaam><String>Geheimstraat</String>"
        f"</Straatnaam><Huisnummer>7</Huisnummer></Hoofdverblijfplaats></Adressen></Persoon>"
    )


def _company(number: str, name: str) -> str:
    return (
        f"<Onderneming><Ondernemingsnummer>{number}</Ondernemingsnummer><Namen><MaatschappelijkeNamen>"
        f"<MaatschappelijkeNaam><Naam>Old name</Naam><Taalcode>nl</Taalcode><DatumEinde>2001-01-01</DatumEinde>"
        f"</MaatschappelijkeNaam><MaatschappelijkeNaam><Naam>In French</Naam><Taalcode>fr</Taalcode></MaatschappelijkeNaam>"
        f"<MaatschappelijkeNaam><Naam>{name}</Naam><Taalcode>nl</Taalcode></MaatschappelijkeNaam></MaatschappelijkeNamen>"
        f"</Namen></Onderneming>"
    )


def _in_envelope(body: str) -> str:
    return f'<s:Envelope xmlns:s="{SOAP}"><s:Header/><s:Body>{body}</s:Body></s:Envelope>'


def _xml(text: str, status: int = 200) -> Response:
    return Response(text, status, media_type="text/xml")


def _fault(code: str, words: str) -> Response:
    inside = f"<faultcode>s:{code}</faultcode><faultstring>{words}</faultstring>"
    return _xml(_in_envelope(f"<s:Fault>{inside}</s:Fault>"), 500)


@dataclass(frozen=True)
class Papers:
    """Files in PEM: our certificate with its authority behind it, our key, and the authority of both sides."""

    certificate: Path
    key: Path
    authority: Path
    server: Path
    server_key: Path


def make_papers(folder: Path, *, days: float = 365) -> Papers:
    """Certificates of a city and of MAGDA, by an authority of their own, good from now on."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    root = _certificate("Testautoriteit", key.public_key(), "Testautoriteit", key, 3650, authority=True)
    made: dict[str, tuple[x509.Certificate, rsa.RSAPrivateKey]] = {}
    for name in ("leuven.be", "127.0.0.1"):
        own = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        made[name] = (_certificate(name, own.public_key(), "Testautoriteit", key, days), own)
    papers = Papers(
        *(folder / f"{name}.pem" for name in ("city", "city-key", "authority", "magda", "magda-key"))
    )
    pem = serialization.Encoding.PEM
    papers.authority.write_bytes(root.public_bytes(pem))
    for (certificate, own), file, key_file in (
        (made["leuven.be"], papers.certificate, papers.key),
        (made["127.0.0.1"], papers.server, papers.server_key),
    ):
        file.write_bytes(certificate.public_bytes(pem) + root.public_bytes(pem))
        plain = serialization.NoEncryption()
        key_file.write_bytes(own.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    return papers


def _certificate(
    name: str,
    key: rsa.RSAPublicKey,
    issuer: str,
    signed_with: rsa.RSAPrivateKey,
    days: float,
    *,
    authority: bool = False,
) -> x509.Certificate:
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    )
    if name == "127.0.0.1":
        alternative = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(name))])
        builder = builder.add_extension(alternative, critical=False)
    return builder.sign(signed_with, hashes.SHA256())


@asynccontextmanager
async def running_magda(
    papers: Papers, magda: Magda | None = None, *, port: int = 0
) -> AsyncGenerator[Magda]:
    """A MAGDA that serves until the block ends."""
    magda = magda or Magda(certificate=papers.certificate)
    tls = Tls(certificate=papers.server, key=papers.server_key, authority=papers.authority)
    async with serving(magda.app(), port, tls=tls) as origin:
        magda.origin = origin
        yield magda


async def _serve() -> None:
    with TemporaryDirectory() as folder:
        papers = make_papers(Path(folder))
        async with running_magda(papers, port=8494) as magda, serving(magda.page(), 8495) as page:
            print(f"MAGDA (nagebootst): {magda.origin}, papieren in {folder}; wat gevraagd werd: {page}/")
            await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve())
