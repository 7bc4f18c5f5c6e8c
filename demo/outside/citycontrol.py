"""CityControl as a city's field team has it: takes cases and photos in StUF-ZKN over SOAP, and tells how they go.

Written apart from the adapter, with lxml alone, so that both must mean the same. Behaves as Signalen met it: answers
Bv03 or Fo03, keeps what it is sent under the identification, pushes `actualiseerZaakstatus_Lk01` to the city, and has
its bad days (`Mood`). `GET /ploeg` shows what the crew sees on its list, with buttons that push.

    python -m demo.outside.citycontrol --port 18130 --hub http://127.0.0.1:8000/in/citycontrol/soap
"""

import argparse
import asyncio
import base64
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

import httpx
from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from canonical_model.work_order import OrderState
from demo.crew_page import Card, crew_page
from demo.outside.serving import LOOPBACK, HangUp, serving
from demo.outside.soap import SOAP, Document, lets_in, plain, xml

USERNAME, PASSWORD = "wegwijzer", "het-wachtwoord-van-de-stad"
OUR_USERNAME, OUR_PASSWORD = "citycontrol", "het-wachtwoord-van-citycontrol"
STATUS_ACTION = "http://www.egem.nl/StUF/sector/zkn/0310/actualiseerZaakstatus_Lk01"
DOCUMENT_ACTION = "http://www.egem.nl/StUF/sector/zkn/0310/VoegZaakdocumentToe_Lk01"
NS = {
    "soap": SOAP,
    "zkn": "http://www.egem.nl/StUF/sector/zkn/0310",
    "stuf": "http://www.egem.nl/StUF/StUF0301",
    "bg": "http://www.egem.nl/StUF/sector/bg/0310",
}
BRUSSELS = ZoneInfo("Europe/Brussels")


class Mood(StrEnum):
    """How it behaves towards the next message, or all of them."""

    WELL = "well"
    BV03_LOST = "does it, and hangs up without an answer"
    FO03_CREATED = "does it, and says that it did not"
    FO03_CLIENT = "refuses: the message is wrong"
    FO03_SERVER = "refuses: it has a problem of its own"
    SOAP_FAULT = "a SOAP fault without StUF in it"
    SOAP12_FAULT = "a SOAP 1.2 fault"
    HTML = "an error page, status 500"
    LOGIN_PAGE = "a log-in page, status 200"
    TRUNCATED = "does it, and sends half a Bv03"
    EMPTY = "status 202 without a word"
    TWO_BV03 = "does it, and confirms twice in one answer"
    CLOSED = "status 401"
    MOVED = "a redirect"
    BUSY = "status 429"
    TOO_LARGE = "status 413"


class Step(StrEnum):
    """What the crew may tell."""

    PLANNED = "gepland"
    IN_PROGRESS = "in-uitvoering"
    DONE = "uitgevoerd"
    CANCELLED = "geannuleerd"
    NOT_FOUND = "niet-aangetroffen"


STEPS: Mapping[OrderState, Step] = {
    OrderState.PLANNED: Step.PLANNED,
    OrderState.IN_PROGRESS: Step.IN_PROGRESS,
    OrderState.DONE: Step.DONE,
    OrderState.CANCELLED: Step.CANCELLED,
    OrderState.NOT_FOUND: Step.NOT_FOUND,
}


_CHANGES = ("actualiseerZaakstatus_Lk01", "updateZaak_Lk01")
WORDS: Mapping[Step, tuple[str, str]] = {
    Step.PLANNED: ("Gepland", ""),
    Step.IN_PROGRESS: ("In uitvoering", ""),
    Step.DONE: ("Afgehandeld", "Uitgevoerd"),
    Step.CANCELLED: ("Afgehandeld", "Geannuleerd"),
    Step.NOT_FOUND: ("Afgehandeld", "Niet aangetroffen"),
}
"""Status and result of each step."""


@dataclass
class Case:
    """A case on the list. `created` counts how often it was made: more than once is what must never happen."""

    identification: str
    title: str
    text: str
    place: str
    planned_end: str
    status: str = "Ontvangen"
    result: str = ""
    remark: str = ""
    status_at: str = ""
    created: int = 1
    documents: dict[str, tuple[str, bytes]] = field(default_factory=dict[str, tuple[str, bytes]])
    document_sendings: int = 0

    @property
    def is_open(self) -> bool:
        return self.status not in ("Afgehandeld", "Geannuleerd")

    @property
    def state(self) -> OrderState:
        """How it stands on the crew's list."""
        if self.status == "Geannuleerd":
            return OrderState.CANCELLED
        words = {told: state for state, step in STEPS.items() for told in [WORDS[step]]}
        return words.get((self.status, self.result), OrderState.ORDERED)


@dataclass
class CityControl:
    """`hub` is where it pushes ("" = nowhere); `moods` are those of the next messages, oldest first.

    `documents_mood` holds for every photo. `photos_late`: the crew's own photos leave after the status. `echoes`: it tells the city what the city told it. `push_times`: how often each push is sent. `lose_pushes`: so many of
    them never leave, and are forgotten. `refusals`: pushes that the city did not confirm, to be sent again with `push_again`.
    """

    hub: str = ""
    origin: str = ""
    crew: str = "Ploeg wegen"
    password: str = field(default=PASSWORD, repr=False)
    our_password: str = field(default=OUR_PASSWORD, repr=False)
    moods: list[Mood] = field(default_factory=list[Mood])
    documents_mood: Mood = Mood.WELL
    echoes: bool = False
    push_times: int = 1
    photos_late: bool = False
    lose_pushes: int = 0
    quoted: bool = True
    certificate: tuple[str, str] = ("", "")
    cases: dict[str, Case] = field(default_factory=dict[str, Case])
    heard: list[bytes] = field(default_factory=list[bytes])
    actions: list[str] = field(default_factory=list[str])
    refusals: list[bytes] = field(default_factory=list[bytes])
    answers: list[httpx.Response] = field(default_factory=list[httpx.Response])
    _pushes: int = 0
    _to_echo: list[bytes] = field(default_factory=list[bytes])

    def app(self) -> ASGIApp:
        """The services, and the page for the crew."""
        return Starlette(
            routes=[
                Route("/OntvangAsynchroon", self.take, methods=["POST"]),
                Route("/BeantwoordVraag", self.answer, methods=["POST"]),
                Route("/OntvangAsynchroon", self.wsdl, methods=["GET"]),
                Route("/BeantwoordVraag", self.wsdl, methods=["GET"]),
                Route("/ploeg", self.page, methods=["GET"]),
                Route("/ploeg/{identification}", self.press, methods=["POST"]),
                Route("/zaken/{identification}/documenten/{document}", self.photo, methods=["GET"]),
            ]
        )

    async def wsdl(self, request: Request) -> Response:
        """Something that says: a service is here."""
        if not lets_in(request, USERNAME, self.password):
            return Response(status_code=401)
        return Response(b"<definitions/>", media_type="text/xml")

    async def take(self, request: Request) -> Response:
        """A notice: a case, a document, a status or a change."""
        body = await request.body()
        action = request.headers.get("soapaction", "").strip('"').rpartition("/")[2]
        self.heard.append(body)
        self.actions.append(action)
        mood = self._mood(action)
        if not lets_in(request, USERNAME, self.password):
            return Response(status_code=401)
        if mood in _EARLY:
            return _EARLY[mood]()
        refusal = self._do(action, body)
        if refusal:
            return _fo03(refusal, "client")
        if self.echoes and action in _CHANGES:
            self._to_echo.append(
                status_message(self.cases[Document(body, NS).text("//zkn:object/zkn:identificatie")])
            )
        return _late(mood)

    async def answer(self, request: Request) -> Response:
        """A question about a case."""
        body = await request.body()
        action = request.headers.get("soapaction", "").strip('"').rpartition("/")[2]
        self.actions.append(action)
        if not lets_in(request, USERNAME, self.password):
            return Response(status_code=401)
        found = self.cases.get(Document(body, NS).text("//zkn:gelijk/zkn:identificatie"))
        if found is None:
            return xml(_la01(""))
        return xml(_la01(_documents(found) if action == "geefLijstZaakdocumenten_Lv01" else _details(found)))

    async def step(
        self,
        identification: str,
        step: Step,
        remark: str = "",
        *,
        at: datetime | None = None,
        photo: bytes = b"",
    ) -> None:
        """The crew presses a button, perhaps with a photo; the city is told at once, photos first unless `photos_late`."""
        case = self.cases[identification]
        if photo and not self.photos_late:
            await self.show(identification, photo)
        case.status, case.result = WORDS[step]
        case.remark = remark
        self._pushes += 1
        now = at or datetime.now(BRUSSELS)
        case.status_at = now.strftime("%Y%m%d%H%M%S")
        await self.push(status_message(case, reference=f"CTC-{self._pushes}"))
        if photo and self.photos_late:
            await self.show(identification, photo)

    async def show(self, identification: str, photo: bytes) -> None:
        """The crew takes a photo; the city gets it as a document of the case."""
        case = self.cases[identification]
        document = f"CTC-D{len(case.documents) + 1}-{identification}"
        case.documents[document] = ("image/jpeg", photo)
        case.document_sendings += 1
        await self.push(document_message(case, document))

    def heard_of(self, identification: str) -> bytes:
        """The message that tells how a case stands now."""
        return status_message(self.cases[identification])

    async def push(self, message: bytes) -> None:
        """Tell the city, as often as `push_times` says."""
        if self.lose_pushes:
            self.lose_pushes -= 1
            return
        for _ in range(self.push_times):
            await self._push_once(message)

    async def echo(self) -> None:
        """Tell the city what it told us."""
        waiting, self._to_echo = self._to_echo, []
        for message in waiting:
            await self.push(message)

    async def push_again(self) -> None:
        """What was not confirmed, once more."""
        waiting, self.refusals = self.refusals, []
        for message in waiting:
            await self._push_once(message)

    async def _push_once(self, message: bytes) -> None:
        if not self.hub:
            return
        named = DOCUMENT_ACTION if b"edcLk01" in message else STATUS_ACTION
        action = f'"{named}"' if self.quoted else named
        headers = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": action}
        if self.certificate[0]:
            headers[self.certificate[0]] = self.certificate[1]
        try:
            async with httpx.AsyncClient(trust_env=False, timeout=10) as client:
                answer = await client.post(
                    self.hub, content=message, headers=headers, auth=(OUR_USERNAME, self.our_password)
                )
        except httpx.HTTPError:
            self.refusals.append(message)
            return
        self.answers.append(answer)
        if answer.status_code != 200 or b"Bv03" not in answer.content:
            self.refusals.append(message)

    def _mood(self, action: str) -> Mood:
        if action == "VoegZaakdocumentToe_Lk01" and self.documents_mood is not Mood.WELL:
            return self.documents_mood
        return self.moods.pop(0) if self.moods else Mood.WELL

    def _do(self, action: str, body: bytes) -> str:
        """Do what is asked; why not, or ""."""
        root = Document(body, NS)
        if action == "CreeerZaak_Lk01":
            return self._create(root)
        if action == "VoegZaakdocumentToe_Lk01":
            return self._add_document(root)
        if action in _CHANGES:
            return self._change(root)
        return "unknown SOAPAction"

    def _create(self, root: Document) -> str:
        """Makes a second one as readily as the first: how the real one takes that is not known."""
        identification = root.text("//zkn:object/zkn:identificatie")
        if not identification or not root.text("//zkn:object/zkn:omschrijving"):
            return "identificatie or omschrijving is missing"
        if len(root.text("//zkn:object/zkn:toelichting")) > 1000:
            return "toelichting is too long"
        if root.texts("//zkn:adres") and not root.text("//bg:huisnummer").isdecimal():
            return "huisnummer is no number"
        known = self.cases.get(identification)
        if known:
            known.created += 1
            return ""
        self.cases[identification] = Case(
            identification=identification,
            title=root.text("//zkn:object/zkn:omschrijving"),
            text=root.text("//zkn:object/zkn:toelichting"),
            place=_place(root),
            planned_end=root.text("//zkn:object/zkn:einddatumGepland"),
        )
        return ""

    def _add_document(self, root: Document) -> str:
        case = self.cases.get(root.text("//zkn:isRelevantVoor/zkn:gerelateerde/zkn:identificatie"))
        if case is None:
            return "no such case"
        case.document_sendings += 1
        content = base64.b64decode(root.text("//zkn:inhoud"))
        type_ = root.text("//zkn:object/zkn:formaat")
        case.documents[root.text("//zkn:object/zkn:identificatie")] = (type_, content)
        return ""

    def _change(self, root: Document) -> str:
        case = self.cases.get(root.text("//zkn:object/zkn:identificatie"))
        if case is None:
            return "no such case"
        case.status = root.text("//zkn:heeft/zkn:gerelateerde/zkn:omschrijving")
        case.result = root.text("//zkn:object/zkn:resultaat/zkn:omschrijving")
        case.remark = root.text("//zkn:object/zkn:resultaat/zkn:toelichting")
        case.status_at = root.text("//zkn:heeft/zkn:datumStatusGezet")
        return ""

    async def page(self, _: Request) -> Response:
        """What the crew sees on its list."""
        return crew_page(self.crew, map(self._card, self.cases.values()), action="/ploeg", photos=True)

    async def press(self, request: Request) -> Response:
        """A button on the list."""
        identification = request.path_params["identification"]
        form = await request.form()
        step = next((step for state, step in STEPS.items() if state == form.get("state")), None)
        if identification not in self.cases or step is None:
            return Response("Niet gevonden", 404)
        photo = form.get("photo")
        content = await photo.read() if isinstance(photo, UploadFile) else b""
        await self.step(identification, step, str(form.get("note", "")), photo=content)
        return RedirectResponse(f"/ploeg#{identification}", 303)

    def _card(self, case: Case) -> Card:
        told = ": ".join(dict.fromkeys(word for word in (case.status, case.result) if word))
        due = f"gepland einde {_date(case.planned_end)}" if case.planned_end else ""
        return Card(
            id=case.identification,
            title=case.title,
            text=case.text,
            place=", ".join(part for part in (case.place, due) if part),
            state=case.state,
            photos=tuple(
                f"/zaken/{case.identification}/documenten/{id_}"
                for id_, (type_, _) in case.documents.items()
                if type_.startswith("image/")
            ),
            notes=(f"{told}. {case.remark}".strip(),) if case.status_at else (),
        )

    async def photo(self, request: Request) -> Response:
        """A photo on the list; nothing that could run in a browser."""
        case = self.cases.get(request.path_params["identification"])
        type_, content = (case.documents if case else {}).get(request.path_params["document"], ("", b""))
        if not type_.startswith("image/") or type_ == "image/svg+xml":
            return Response("Niet gevonden", 404)
        return Response(content, media_type=type_, headers={"X-Content-Type-Options": "nosniff"})


def document_message(case: Case, document: str) -> bytes:
    """`voegZaakdocumentToe_Lk01` with a photo of the work, as CityControl sends it."""
    type_, content = case.documents[document]
    return f"""<soap:Envelope xmlns:soap="{NS["soap"]}">
  <soap:Body>
    <edcLk01 xmlns="{NS["zkn"]}" xmlns:s="{NS["stuf"]}">
      <stuurgegevens>
        <s:berichtcode>Lk01</s:berichtcode>
        <s:zender><s:organisatie>SMX</s:organisatie><s:applicatie>CTC</s:applicatie></s:zender>
        <s:ontvanger><s:organisatie>LEU</s:organisatie><s:applicatie>WEG</s:applicatie></s:ontvanger>
        <s:referentienummer>{document}</s:referentienummer>
        <s:tijdstipBericht>20260302103000</s:tijdstipBericht>
        <s:entiteittype>EDC</s:entiteittype>
      </stuurgegevens>
      <parameters><s:mutatiesoort>T</s:mutatiesoort><s:indicatorOvername>V</s:indicatorOvername></parameters>
      <object s:entiteittype="EDC" s:verwerkingssoort="T">
        <identificatie>{document}</identificatie>
        <dct.omschrijving>Foto</dct.omschrijving>
        <creatiedatum>20260302</creatiedatum>
        <titel>foto na het werk</titel>
        <formaat>{type_}</formaat>
        <taal>NL</taal>
        <status>Definitief</status>
        <vertrouwelijkAanduiding>VERTROUWELIJK</vertrouwelijkAanduiding>
        <auteur>Ploeg</auteur>
        <inhoud s:bestandsnaam="na.jpg">{base64.b64encode(content).decode()}</inhoud>
        <isRelevantVoor s:entiteittype="EDCZAK" s:verwerkingssoort="T">
          <gerelateerde s:entiteittype="ZAK"><identificatie>{plain(case.identification)}</identificatie></gerelateerde>
        </isRelevantVoor>
      </object>
    </edcLk01>
  </soap:Body>
</soap:Envelope>""".encode()


def status_message(
    case: Case, *, reference: str = "CTC-1", at: str | None = None, sent: str = "20260302103000"
) -> bytes:
    """`actualiseerZaakstatus_Lk01` as CityControl sends it: default namespaces, and who set it."""
    when = case.status_at if at is None else at
    result = (
        f"<resultaat><omschrijving>{plain(case.result)}</omschrijving>"
        f"<toelichting>{plain(case.remark)}</toelichting></resultaat>"
        if case.result or case.remark
        else ""
    )
    ended = "" if case.is_open else f"<einddatum>{when[:8]}</einddatum>"
    if not case.result and case.remark:
        result = ""
    note = f"<toelichting>{plain(case.remark)}</toelichting>" if case.remark and not case.result else ""
    return f"""<soap:Envelope xmlns:soap="{NS["soap"]}" xmlns:xsd="http://www.w3.org/2001/XMLSchema">
  <soap:Body>
    <zakLk01 xmlns="{NS["zkn"]}">
      <stuurgegevens>
        <berichtcode xmlns="{NS["stuf"]}">Lk01</berichtcode>
        <zender xmlns="{NS["stuf"]}"><organisatie>SMX</organisatie><applicatie>CTC</applicatie></zender>
        <ontvanger xmlns="{NS["stuf"]}"><organisatie>LEU</organisatie><applicatie>WEG</applicatie></ontvanger>
        <referentienummer xmlns="{NS["stuf"]}">{reference}</referentienummer>
        <tijdstipBericht xmlns="{NS["stuf"]}">{sent}</tijdstipBericht>
        <entiteittype xmlns="{NS["stuf"]}">ZAK</entiteittype>
      </stuurgegevens>
      <parameters>
        <mutatiesoort xmlns="{NS["stuf"]}">W</mutatiesoort>
        <indicatorOvername xmlns="{NS["stuf"]}">V</indicatorOvername>
      </parameters>
      <object d4p1:entiteittype="ZAK" d4p1:verwerkingssoort="W" xmlns:d4p1="{NS["stuf"]}">
        <identificatie>{plain(case.identification)}</identificatie>
        {result}
        {ended}
        <heeft d4p1:entiteittype="ZAKSTT" d4p1:verwerkingssoort="T">
          <gerelateerde d4p1:entiteittype="STT" d4p1:verwerkingssoort="T">
            <volgnummer>2</volgnummer>
            <omschrijving>{plain(case.status)}</omschrijving>
          </gerelateerde>
          {note}
          <datumStatusGezet>{when}</datumStatusGezet>
          <isGezetDoor d4p1:entiteittype="ZAKSTTBTR" d4p1:verwerkingssoort="T">
            <gerelateerde>
              <medewerker d4p1:entiteittype="MDW" d4p1:verwerkingssoort="T">
                <identificatie>1034</identificatie>
                <achternaam>Buiten</achternaam>
                <voorletters>L</voorletters>
              </medewerker>
            </gerelateerde>
          </isGezetDoor>
        </heeft>
      </object>
    </zakLk01>
  </soap:Body>
</soap:Envelope>""".encode()


@asynccontextmanager
async def running_citycontrol(
    system: CityControl | None = None, *, port: int = 0, host: str = LOOPBACK
) -> AsyncGenerator[CityControl]:
    """A CityControl that serves on loopback until the block ends."""
    system = system or CityControl()
    async with serving(system.app(), port, host=host) as system.origin:
        yield system


_EARLY: Mapping[Mood, Callable[[], Response]] = {
    Mood.FO03_CLIENT: lambda: _fo03("een verplicht veld ontbreekt", "client"),
    Mood.FO03_SERVER: lambda: _fo03("even niet", "server"),
    Mood.SOAP_FAULT: lambda: _fault(
        "<faultcode>soap:Client</faultcode><faultstring>Jan Peeters</faultstring>"
    ),
    Mood.SOAP12_FAULT: lambda: _soap12_fault(),  # noqa: PLW0108 - it is defined further down
    Mood.HTML: lambda: HTMLResponse("<html><body><p>Fout bij Jan Peeters<br></body>", 500),
    Mood.LOGIN_PAGE: lambda: HTMLResponse(
        "<html><body><form><input name='wachtwoord'/></form></body></html>"
    ),
    Mood.EMPTY: lambda: Response(status_code=202),
    Mood.CLOSED: lambda: Response(status_code=401),
    Mood.MOVED: lambda: RedirectResponse("https://elders.example/", 302),
    Mood.BUSY: lambda: Response(status_code=429, headers={"Retry-After": "30"}),
    Mood.TOO_LARGE: lambda: Response(status_code=413),
}
"""Answers of a CityControl that did nothing."""


def _late(mood: Mood) -> Response:
    """Answers of a CityControl that did what was asked."""
    match mood:
        case Mood.BV03_LOST:
            return HangUp()
        case Mood.FO03_CREATED:
            return _fo03("er ging iets mis", "server")
        case Mood.TRUNCATED:
            return Response(_bv03()[:-60], media_type="text/xml")
        case Mood.TWO_BV03:
            return xml(_enveloped(_BV03 + _BV03))
        case _:
            return xml(_bv03())


_BV03 = f"""<Bv03Bericht xmlns="{NS["stuf"]}"><stuurgegevens><berichtcode>Bv03</berichtcode>
<zender><organisatie>SMX</organisatie><applicatie>CTC</applicatie></zender>
<ontvanger><organisatie>LEU</organisatie><applicatie>WEG</applicatie></ontvanger>
<referentienummer>1</referentienummer><tijdstipBericht>20260302103000</tijdstipBericht>
</stuurgegevens></Bv03Bericht>"""


def _bv03() -> bytes:
    return _enveloped(_BV03)


def _fo03(why: str, where: str) -> Response:
    return _fault(
        f"<faultcode>soap:{where.title()}</faultcode><faultstring>Fo03</faultstring><detail>"
        f'<Fo03Bericht xmlns="{NS["stuf"]}"><stuurgegevens><berichtcode>Fo03</berichtcode></stuurgegevens>'
        f"<body><code>StUF058</code><plek>{where}</plek><omschrijving>{why}</omschrijving>"
        "<details>Melding van Jan Peeters</details></body></Fo03Bericht></detail>"
    )


def _fault(content: str) -> Response:
    return Response(_enveloped(f"<soap:Fault>{content}</soap:Fault>"), 500, media_type="text/xml")


def _soap12_fault() -> Response:
    return Response(
        '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body><s:Fault><s:Code>'
        "<s:Value>s:Receiver</s:Value></s:Code><s:Reason><s:Text>Jan Peeters</s:Text></s:Reason>"
        "</s:Fault></s:Body></s:Envelope>",
        500,
        media_type="application/soap+xml",
    )


def _la01(object_: str) -> bytes:
    return _enveloped(
        f'<ZKN:zakLa01 xmlns:ZKN="{NS["zkn"]}" xmlns:StUF="{NS["stuf"]}"><ZKN:stuurgegevens>'
        "<StUF:berichtcode>La01</StUF:berichtcode></ZKN:stuurgegevens>"
        f"<ZKN:antwoord>{object_}</ZKN:antwoord></ZKN:zakLa01>"
    )


def _details(case: Case) -> str:
    result = (
        f"<ZKN:resultaat><ZKN:omschrijving>{plain(case.result)}</ZKN:omschrijving>"
        f"<ZKN:toelichting>{plain(case.remark)}</ZKN:toelichting></ZKN:resultaat>"
        if case.result
        else ""
    )
    return (
        f"<ZKN:object><ZKN:identificatie>{case.identification}</ZKN:identificatie>{result}<ZKN:heeft>"
        f"<ZKN:gerelateerde><ZKN:omschrijving>{plain(case.status)}</ZKN:omschrijving></ZKN:gerelateerde>"
        f"<ZKN:datumStatusGezet>{case.status_at}</ZKN:datumStatusGezet></ZKN:heeft></ZKN:object>"
    )


def _documents(case: Case) -> str:
    relations = "".join(
        f"<ZKN:heeftRelevant><ZKN:gerelateerde><ZKN:identificatie>{id_}</ZKN:identificatie></ZKN:gerelateerde>"
        "</ZKN:heeftRelevant>"
        for id_ in case.documents
    )
    return f"<ZKN:object><ZKN:identificatie>{case.identification}</ZKN:identificatie>{relations}</ZKN:object>"


def _enveloped(content: str) -> bytes:
    return (
        f'<soap:Envelope xmlns:soap="{NS["soap"]}"><soap:Body>{content}</soap:Body></soap:Envelope>'.encode()
    )


def _place(root: Document) -> str:
    street = " ".join(
        part for part in (root.text("//bg:gor.openbareRuimteNaam"), root.text("//bg:huisnummer")) if part
    )
    town = " ".join(
        part for part in (root.text("//bg:postcode"), root.text("//bg:wpl.woonplaatsNaam")) if part
    )
    values = ", ".join(root.texts("//stuf:extraElement"))
    return "; ".join(part for part in (street, town, values) if part)


def _date(written: str) -> str:
    return f"{written[6:8]}/{written[4:6]}/{written[:4]}" if len(written) >= 8 else written


async def _serve(port: int, hub: str) -> None:
    async with running_citycontrol(CityControl(hub=hub), port=port) as system:
        print(f"CityControl (nagebootst): {system.origin}/ploeg")
        await asyncio.Event().wait()


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--port", type=int, default=18130)
    arguments.add_argument("--hub", default="", help="address of the hub's door, .../in/<instance>/soap")
    given = arguments.parse_args()
    asyncio.run(_serve(given.port, given.hub))
