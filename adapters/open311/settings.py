"""What an administrator sets for street report apps."""

import re
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from canonical_model.contact import Kind, Language
from ports.origin import Origin

_MEGABYTE = 1_000_000
PHOTOS = "photos"
"""Part of the instance that fetches photos; no app is called so."""
_CODE = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,59}$"
OWN_IDS = (
    "external_id",
    "client_request_id",
    "fixmystreet_id",
    "service_request_id",
    "service_request_id_ext",
    "requestid",
)
"""Fields and attributes in which report apps put their own id, in the order in which they are asked."""


class Datatype(StrEnum):
    """What sort of answer a question wants; the words are those of the standard."""

    STRING = "string"
    NUMBER = "number"
    DATETIME = "datetime"
    TEXT = "text"
    SINGLE = "singlevaluelist"
    MULTIPLE = "multivaluelist"


class ServiceType(StrEnum):
    """How a report is answered: with its number, or with a token to ask for it later."""

    REALTIME = "realtime"
    BATCH = "batch"


class Value(BaseModel):
    """One answer that may be chosen."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str = Field(min_length=1, max_length=100, description="What the app sends.")
    name: str = Field(min_length=1, max_length=200, description="What people read.")


class Attribute(BaseModel):
    """An extra question of a service."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: str = Field(pattern=_CODE, description="Its name in `attribute[code]`.")
    description: str = Field(default="", description="The question, as people read it.")
    datatype: Datatype = Field(default=Datatype.STRING, description="What sort of answer.")
    datatype_description: str = Field(default="", description="How to fill it in.")
    required: bool = Field(default=False, description="A report without it is refused.")
    variable: bool = Field(
        default=True, description="`false`: only information for people, no answer expected."
    )
    values: tuple[Value, ...] = Field(default=(), description="The choices of a list.")

    @model_validator(mode="after")
    def _lists_have_values(self) -> "Attribute":
        is_list = self.datatype in (Datatype.SINGLE, Datatype.MULTIPLE)
        if is_list is not bool(self.values):
            raise ValueError("a list has `values`, and nothing else has")
        return self


class Service(BaseModel):
    """Something that can be reported."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: str = Field(pattern=_CODE, description="Its `service_code`; apps keep it, so it never changes.")
    name: str = Field(min_length=1, max_length=200, description="What people read.")
    description: str = Field(default="", description="A line of explanation.")
    group: str = Field(default="", description="Heading under which apps show it.")
    keywords: tuple[str, ...] = Field(default=(), description="Words by which apps find it.")
    type: ServiceType = Field(
        default=ServiceType.REALTIME, description="Answer with the case number, or with a token."
    )
    kind: Kind = Field(default=Kind.REPORT, description="What sort of contact it makes.")
    category: str = Field(default="", description="Category of the dispatch table; empty: the code.")
    attributes: tuple[Attribute, ...] = Field(default=(), description="The extra questions, in this order.")

    @property
    def dispatched_as(self) -> str:
        """The category of the dispatch table."""
        return self.category or self.code


class App(BaseModel):
    """One report app, with its own keys; it sees only what it brought."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    keys: tuple[SecretStr, ...] = Field(
        min_length=1,
        description="Accepted `api_key`s, each 24 characters or more; two while one is being replaced.",
    )
    id_fields: tuple[str, ...] = Field(
        default=OWN_IDS,
        description="Where the app puts its own id: fields or attributes, the first found counts.",
    )
    answers: bool = Field(
        default=False,
        description="Give it the handlers' answers too. Only for an app that shows them to the reporter alone: they are "
        "personal.",
    )
    language: Language = Field(
        default=Language.NL, description="Language of its users, unless a report says."
    )

    @field_validator("keys")
    @classmethod
    def _long_enough(cls, keys: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        if any(len(key.get_secret_value()) < 24 for key in keys):
            raise ValueError("a key needs 24 characters or more")
        return keys


class Settings(BaseModel):
    """Street report apps."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    jurisdiction: str = Field(
        default="", description="Our `jurisdiction_id`; empty: whatever an app sends is fine."
    )
    agency: str = Field(default="Stad Leuven", description="`agency_responsible` of every report.")
    contact: str = Field(default="", description="How to reach us about the interface, told by `discovery`.")
    public_url: str = Field(
        default="", description="Address of this door as apps see it, for `discovery`; empty: as they asked."
    )
    services: tuple[Service, ...] = Field(default=(), description="What can be reported.")
    apps: dict[str, App] = Field(default={}, description="Who may post and read, by name.")
    repeat_hours: float = Field(
        default=24,
        gt=0,
        description="Equal reports without an id of their own, less than this apart, are one report.",
    )
    media_origins: tuple[Origin, ...] = Field(
        default=(),
        description="From where photos may be fetched, for instance `https://fotos.example.be`. Others are never asked.",
    )
    media_seconds: float = Field(default=20, gt=0, description="A photo must be in within this time.")
    media_hours: float = Field(
        default=24,
        gt=0,
        description="A photo that can't be fetched for so long is given up, and shown as a failure.",
    )
    max_files: int = Field(default=6, ge=0, description="Most photos with one report.")
    max_file_bytes: int = Field(default=10 * _MEGABYTE, gt=0, description="Largest single photo.")
    max_body_bytes: int = Field(default=25 * _MEGABYTE, gt=0, description="Largest report, photos included.")
    max_held_bytes: int = Field(
        default=100 * _MEGABYTE, gt=0, description="Bytes of unfinished reports in memory; above it: 503."
    )
    body_seconds: float = Field(default=15, gt=0, description="A report must be in within this time.")

    @field_validator("apps")
    @classmethod
    def _names_fit(cls, apps: dict[str, App]) -> dict[str, App]:
        for name in apps:
            if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,39}", name) or name == PHOTOS:
                raise ValueError(
                    f"{name!r} is no name for an app: small letters, digits and -, not {PHOTOS!r}"
                )
        return apps

    @field_validator("services")
    @classmethod
    def _codes_differ(cls, services: tuple[Service, ...]) -> tuple[Service, ...]:
        codes = [service.code.casefold() for service in services]
        if len(set(codes)) < len(codes):
            raise ValueError("two services have the same code")
        return services
