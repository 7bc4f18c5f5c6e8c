"""A report of "Melding doen" as a canonical contact. Pure: the same report and token, the same contact."""

from collections.abc import Mapping
from datetime import datetime
from typing import cast
from zoneinfo import ZoneInfo

import msgspec
from pydantic import BaseModel, ValidationError
from starlette.datastructures import Headers

from adapters.acmidm.oslo import Claimed
from adapters.acmidm.problems import Mistake, SubmissionError, misfit
from adapters.acmidm.proof import party_of
from adapters.acmidm.settings import Category
from adapters.acmidm.strict import object_of
from adapters.acmidm.understood import Caller, Understood
from adapters.acmidm.uploads import judged
from adapters.mijn_burgerprofiel.contract import Place, Report, schema_of
from adapters.mijn_burgerprofiel.settings import Settings
from canonical_model.contact import Channel, Contact, Kind, Language
from canonical_model.events import ContactReceived
from canonical_model.identifiers import Identifier, InvalidIdentifierError, insz
from canonical_model.location import NOWHERE, Location, Point
from canonical_model.party import Party
from ports.files import FileRules, Upload
from ports.intake import File
from ports.moments import in_utc

_BRUSSELS = ZoneInfo("Europe/Brussels")


class ReportReader:
    """Reads reports by the schemas of the categories in the settings."""

    def __init__(self, settings: Settings) -> None:
        self._categories = settings.categories
        self._door = settings.reports
        self.schemas: Mapping[str, type[Report]] = {
            name: schema_of(category) for name, category in settings.categories.items()
        }

    def __call__(self, body: bytes, headers: Headers, caller: Caller, rules: FileRules) -> Understood:
        """The submission. Raises `SubmissionError`, or `RefusedError` when the token does not prove who it is."""
        name = object_of(body).get("categorie")
        if not isinstance(name, str) or name not in self.schemas:
            raise misfit("$.categorie", f"expected one of: {', '.join(self.schemas)}")
        report = _fitting(self.schemas[name], body)
        vouches = self._door is not None and self._door.vouches
        party = party_of(caller, self._claimed(report), vouches=vouches)
        files = judged([Upload(photo.naam, photo.inhoud) for photo in report.fotos], rules, "$.fotos")
        contact = _contact(report, name, self._categories[name], party, files)
        return Understood(
            source_ref=report.id,
            event=ContactReceived(contact=contact),
            files=files,
            raw=_kept(report, party, files),
        )

    def _claimed(self, report: Report) -> Claimed:
        test_numbers = self._door is not None and self._door.allow_test_numbers
        return Claimed(
            name=_line(report.contact.naam),
            email=report.contact.email.strip(),
            phone=_line(report.contact.telefoon),
            identifiers=_national(report.melder.insz, allow_test_numbers=test_numbers),
        )


def _contact(report: Report, name: str, category: Category, party: Party, files: tuple[File, ...]) -> Contact:
    return Contact(
        channel=Channel.MIJN_BURGERPROFIEL,
        subject=_line(report.onderwerp) or category.title,
        text="\n\n".join(part for part in (report.omschrijving, _answers(report.velden, category)) if part),
        kind=Kind.REPORT,
        category=name,
        product=category.product,
        language=Language(report.taal),
        party=party,
        location=_location(report.locatie),
        attachments=tuple(file.attachment for file in files),
        occurred_at=_moment(report.tijdstip),
    )


def _moment(told: datetime | None) -> datetime | None:
    try:
        return in_utc(told, _BRUSSELS) if told else None
    except ValueError:
        raise misfit("$.tijdstip", "is a time that no clock shows") from None


def _answers(fields: BaseModel | None, category: Category) -> str:
    """The category's own answers, one line each, under the question."""
    given = fields.model_dump(exclude_none=True) if fields else {}
    return "\n".join(f"{category.fields[name].title}: {_words(value)}" for name, value in given.items())


def _words(value: object) -> str:
    if isinstance(value, bool):
        return "ja" if value else "nee"
    if isinstance(value, list):
        return ", ".join(map(str, cast("list[object]", value)))
    return str(value)


def _location(place: Place | None) -> Location:
    if place is None:
        return NOWHERE
    if (place.latitude is None) is not (place.longitude is None):
        raise misfit("$.locatie", "give latitude and longitude, or neither")
    point = None
    if place.latitude is not None and place.longitude is not None:
        point = Point(latitude=place.latitude, longitude=place.longitude)
    return Location(address=_line(place.adres), postcode=_line(place.postcode), point=point)


def _national(text: str, *, allow_test_numbers: bool) -> tuple[Identifier, ...]:
    try:
        return (insz(text, allow_test_numbers=allow_test_numbers),) if text.strip() else ()
    except InvalidIdentifierError as error:
        raise misfit("$.melder.insz", str(error)) from None


def _fitting(schema: type[Report], body: bytes) -> Report:
    try:
        return schema.model_validate_json(body)
    except ValidationError as error:
        raise SubmissionError(*_mistakes(error)) from None


def _mistakes(error: ValidationError) -> list[Mistake]:
    """What does not fit, without anything that the sender wrote."""
    return [
        Mistake(path=_path(one["loc"][:-1]), detail="has a member that the contract does not have")
        if one["type"] == "extra_forbidden"
        else Mistake(path=_path(one["loc"]), detail=one["msg"])
        for one in error.errors(include_input=False, include_url=False, include_context=False)
    ]


def _path(place: tuple[str | int, ...]) -> str:
    return "$" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place)


def _kept(report: Report, party: Party, files: tuple[File, ...]) -> bytes:
    """The report without its photos, and whose it was proven to be; the same report again gives the same bytes."""
    return msgspec.json.encode(
        {
            "report": report.model_dump(mode="json", exclude={"fotos"}),
            "identifiers": [(one.scheme.value, one.value) for one in party.identifiers],
            "attachments": [file.attachment for file in files],
        }
    )


def _line(text: str) -> str:
    return " ".join(text.split())
