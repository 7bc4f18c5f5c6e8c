"""The contract of "Melding doen": a report, with a schema of its own for each category, made from the settings."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import Base64Bytes, BaseModel, ConfigDict, Field, StringConstraints, create_model

from adapters.acmidm.settings import Category, Question

Line = Annotated[str, StringConstraints(max_length=500)]
Text = Annotated[str, StringConstraints(max_length=50_000)]
ReportId = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[!-.0-~]+$")]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Place(_Part):
    """Where it is; the point in WGS84 degrees, both or none."""

    adres: Line = ""
    postcode: Annotated[str, StringConstraints(max_length=10)] = ""
    latitude: Annotated[float, Field(ge=-90, le=90)] | None = None
    longitude: Annotated[float, Field(ge=-180, le=180)] | None = None


class Reachable(_Part):
    """How to reach who reports. Who it is, the token tells."""

    naam: Line = ""
    email: Line = ""
    telefoon: Line = ""


class Reporter(_Part):
    """Only believed from a sender that vouches for its visitors."""

    insz: Line = ""


class Photo(_Part):
    """A picture; its content in base64."""

    naam: Line
    inhoud: Base64Bytes


class Report(_Part):
    """A report of "Melding doen"."""

    id: ReportId
    categorie: Line
    omschrijving: Annotated[str, StringConstraints(min_length=1, max_length=50_000)]
    onderwerp: Line = ""
    tijdstip: datetime | None = None
    taal: Literal["nl", "en", "fr", "de"] = "nl"
    locatie: Place | None = None
    contact: Reachable = Reachable()
    melder: Reporter = Reporter()
    fotos: tuple[Photo, ...] = ()
    velden: Any = None


_PLAIN: Mapping[str, Any] = {"number": float, "integer": int, "boolean": bool, "date": date}
_LITERAL: Any = Literal


def schema_of(category: Category) -> type[Report]:
    """The report of one category: its own fields in `velden`, and place and photo where they are needed."""
    fields: dict[str, Any] = {}
    if category.fields:
        answers: dict[str, Any] = {name: _field(field) for name, field in category.fields.items()}
        kind: Any = create_model("Velden", __base__=_Part, **answers)
        needed = any(field.required for field in category.fields.values())
        fields["velden"] = (kind, ...) if needed else (kind | None, None)
    else:
        fields["velden"] = (None, None)
    if category.place == "required":
        fields["locatie"] = (Place, ...)
    if category.photo == "required":
        fields["fotos"] = (Annotated[tuple[Photo, ...], Field(min_length=1)], ...)
    made: type[Report] = create_model("Melding", __base__=Report, __doc__=category.title, **fields)
    return made


def _field(field: Question) -> tuple[Any, Any]:
    kind = _kind(field)
    if field.required:
        return kind, Field(title=field.title)
    return kind | None, Field(default=None, title=field.title)


def _kind(field: Question) -> Any:
    if field.kind == "choice":
        return _LITERAL[field.options]
    if field.kind == "choices":
        return Annotated[list[_LITERAL[field.options]], Field(max_length=len(field.options))]
    if field.kind == "text":
        return Annotated[str, StringConstraints(min_length=1, max_length=field.max_length)]
    return _PLAIN[field.kind]
