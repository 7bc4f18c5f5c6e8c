"""From a publication to what DOSIS and its connectors read, and from its results to ours. Pure.

Names of fields are DOSIS's own: Pascal case at its door, lower camel case in the feed. Sources: "API-calls DOSIS" (Confluence of
Digitaal Vlaanderen) and github.com/Qmino/dosis-connector.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from urllib.parse import quote
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

import msgspec

from adapters.digitaal_vlaanderen.problems import masked
from adapters.digitaal_vlaanderen.statuses import Step
from adapters.dosis.settings import PLACE, Manager, Settings
from canonical_model.case import CASE_REF, CaseRef
from canonical_model.commands import PublishStatus
from canonical_model.events import DeliveryRefused
from canonical_model.identifiers import Identifier, Scheme
from canonical_model.party import PartyKind
from canonical_model.public_status import PublicStatus
from ports.errors import NotUnderstoodError, RejectedError
from ports.moments import told_moment

Json = dict[str, object]

BRUSSELS = ZoneInfo("Europe/Brussels")
_UPLOADS = UUID("6b0f1c1e-2f0f-5d8e-9f0e-0d0515000000")
_UPLOAD_ID = re.compile(r"[0-9a-fA-F-]{36}")
_STATUSES = tuple(PublicStatus)
_VISIBLE_TO: Mapping[PartyKind, tuple[Scheme, ...]] = {
    PartyKind.PERSON: (Scheme.INSZ,),
    PartyKind.ORGANISATION: (Scheme.KBO, Scheme.ESTABLISHMENT),
    PartyKind.ASSOCIATION: (Scheme.VCODE, Scheme.KBO),
    PartyKind.ANONYMOUS: (),
}
"""By which numbers a customer finds the case back. Who acts for a company is no agent: the case is not his own."""


class Identification(msgspec.Struct, frozen=True, rename="pascal"):
    """A dossier."""

    bron: str = ""
    dossier_nummer: str = ""


class Fault(msgspec.Struct, frozen=True, rename="pascal"):
    """One reason why an upload was refused."""

    omschrijving: str | None = ""
    lijn_nummer: int | None = None


class Result(msgspec.Struct, frozen=True, rename="pascal"):
    """What became of an upload. `succes` is spelled as over there."""

    upload_id: str = ""
    succes: bool = False
    identificatie: Identification = Identification()
    tijdstip_verwerking: str | None = None
    fout: str | None = None
    fouten: tuple[Fault, ...] | None = ()


def upload_id(key: str, status: PublicStatus, refused: int = 0) -> UUID:
    """The id of an upload: the same for the same effect, and its last digit tells the status (`status_of`).

    `refused`: how many uploads of this effect DOSIS refused while processing; the next one is another upload.
    """
    digit = format(_STATUSES.index(status), "x")
    name = f"{key}#{refused}" if refused else key
    return UUID(uuid5(_UPLOADS, name).hex[:-1] + digit)


def status_of(upload: str) -> PublicStatus | None:
    """Which status an upload of ours published; None when it is none of ours."""
    try:
        return _STATUSES[int(UUID(upload).hex[-1], 16)]
    except (ValueError, IndexError):
        return None


def local(moment: datetime) -> str:
    """Belgian time without offset, in whole seconds, never going back: the hour that comes twice ends at once."""
    there = moment.astimezone(BRUSSELS).replace(microsecond=0)
    if there.fold:
        there = there.replace(minute=59, second=59)
    return there.replace(tzinfo=None).isoformat()


def instant(told: str | None) -> datetime | None:
    """When DOSIS says that something happened (UTC); None when it does not say, or not so that it can be read."""
    return told_moment(told or "", BRUSSELS)


def to_upload(command: PublishStatus, settings: Settings) -> Json:
    """The body of an upload, but for its `UploadId`. `RejectedError` when DOSIS could do nothing with it: nobody to show it to, no product."""
    step = settings.statuses.step(command.kind, command.status)
    body: Json = {
        "Identificatie": {"Bron": settings.source, "DossierNummer": command.case},
        "Naam": command.subject,
        "WijzigingsDatum": local(command.changed_at),
        "Status": _status(command, step),
        "TypeDossierCode": settings.dossier_type,
        "Producten": [{"Id": product_of(command, settings)}],
        "DossierBeheerder": _manager(settings.manager, service_of(command, settings)),
        "Agenten": [
            {
                "Identificatie": agent.value,
                "Toegangsrechten": [{"Code": right} for right in settings.rights[agent.scheme]],
            }
            for agent in agents_of(command, settings)
        ],
    }
    if settings.link:
        body["Doorverwijzing"] = link_to(command.case, settings)
    if settings.due_field and command.due:
        body[settings.due_field] = local(command.due)
    return body


def agents_of(command: PublishStatus, settings: Settings) -> tuple[Identifier, ...]:
    """The numbers by which the customer will see the case. `RejectedError` when there is none."""
    schemes = _VISIBLE_TO[command.party.kind]
    found = [one for one in command.party.identifiers if one.scheme in schemes]
    if not found:
        raise RejectedError(
            "the customer has no number by which DOSIS could show the case: it is not published"
        )
    visible = tuple(one for one in found if settings.rights.get(one.scheme))
    if not visible:
        missing = " or ".join(f"rights.{one.scheme}" for one in found)
        raise RejectedError(f"no right is set for this kind of customer: set {missing}, or give this one up")
    return visible


def product_of(command: PublishStatus, settings: Settings) -> str:
    """The one product of a dossier."""
    product = command.product or settings.products.get(command.kind, "") or settings.product
    if not product:
        raise RejectedError("DOSIS wants a product with every dossier: set `product`, or `products` by kind")
    return product


def service_of(command: PublishStatus, settings: Settings) -> str:
    """Which service works on it, in the words that customers know."""
    return settings.services.get(command.group, settings.manager.service)


def link_to(case: CaseRef, settings: Settings) -> str:
    """The customer's own page of the case."""
    return settings.link.replace(PLACE, quote(case, safe=""))


def faults_in(result: Result) -> tuple[str, ...]:
    """Why an upload was refused, without what it held."""
    told = [masked(fault.omschrijving or "") for fault in result.fouten or ()]
    return tuple(one for one in told if one) or (masked(result.fout or "") or "no reason was given",)


def to_refused(raw: bytes, system: str) -> DeliveryRefused:
    """One line of the failures. Raises `NotUnderstoodError`."""
    try:
        result = msgspec.json.decode(raw, type=Result)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise NotUnderstoodError("a failure of DOSIS has another form than agreed") from error
    if not CASE_REF.fullmatch(result.identificatie.dossier_nummer):
        raise NotUnderstoodError("Identificatie.DossierNummer: expected a case number of ours")
    if not _UPLOAD_ID.fullmatch(result.upload_id) or result.succes:
        raise NotUnderstoodError("UploadId or Succes: not those of a failed upload")
    return DeliveryRefused(
        case=CaseRef(result.identificatie.dossier_nummer),
        system=system,
        delivery=result.upload_id.lower(),
        problems=faults_in(result),
    )


def to_element(position: int, command: PublishStatus, settings: Settings) -> Json:
    """One change in the feed for connectors; the key `dossier beheerder` has a space over there."""
    step = settings.statuses.step(command.kind, command.status)
    return {
        "@type": "DossierStatus",
        "index": position,
        "dossiernummer": command.case,
        "dossiernaam": command.subject,
        "doorverwijzingUrl": link_to(command.case, settings) if settings.link else None,
        "wijzigingsdatum": local(command.changed_at),
        "product": int(product_of(command, settings)),
        "status": {
            "@type": "Status",
            "vlaamseFase": step.phase,
            "vlaamseCode": step.code,
            "detail": command.detail or None,
            "actie": command.action or None,
        },
        "dossier beheerder": _contact(settings.manager, service_of(command, settings)),
        "agenten": [_feed_agent(one, settings) for one in agents_of(command, settings)],
    }


def _status(command: PublishStatus, step: Step) -> Json:
    return {
        "VlaamsCode": step.code,
        "VlaamsFase": step.phase,
        "Detail1": command.detail or None,
        "Actie": {"ActieNodig": step.action or bool(command.action), "Actie": command.action or None},
    }


def _manager(manager: Manager, service: str) -> Json:
    told: Json = {
        "Naam": manager.name,
        "Dienst": service,
        "Telefoon": manager.phone,
        "Email": manager.email,
        "Website": manager.website,
    }
    if manager.address:
        told["Adres"] = {
            "Straat": manager.address.street,
            "Nummer": manager.address.number,
            "Postcode": manager.address.postcode,
            "Gemeente": manager.address.municipality,
        }
    return {name: value for name, value in told.items() if value}


def _contact(manager: Manager, service: str) -> Json:
    told: Json = {
        "@type": "Contact",
        "naam": manager.name,
        "dienst": service,
        "telefoon": manager.phone,
        "email": manager.email,
        "website": manager.website,
    }
    if manager.address:
        told["adres"] = {
            "straat": manager.address.street,
            "huisnummer": manager.address.number,
            "postcode": manager.address.postcode,
            "gemeente": manager.address.municipality,
        }
    return {name: value for name, value in told.items() if value}


def _feed_agent(agent: Identifier, settings: Settings) -> Json:
    if agent.scheme is Scheme.INSZ:
        return {"@type": "BurgerAgent", "rijksregisternummer": agent.value}
    if agent.scheme is Scheme.VCODE:
        raise RejectedError("the feed knows no agents for associations: publish this one by `push`")
    rights = [right.partition(" - ") for right in settings.rights[agent.scheme]]
    return {
        "@type": "OndernemerAgent",
        "kboNummer": agent.value,
        "toegangsrechten": [{"recht": right, "context": context} for right, _, context in rights],
    }
