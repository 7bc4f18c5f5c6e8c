"""What an administrator sets for notifications. What is not public (hosts, scope, nested parts) is a setting."""

import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, SecretStr, field_validator, model_validator

from adapters.digitaal_vlaanderen.settings import Connection, LogIn, protected
from adapters.digitaal_vlaanderen.statuses import Statuses
from canonical_model.public_status import PublicStatus

PLACE = re.compile(r"\{([a-z_]+)\}")
CHANGE_OF_DOSSIER = "DossierGerelateerdBerichtWijzigingDossier"


class Recipient(StrEnum):
    """Kinds of recipients, as the service names them."""

    NUMBER = "RijksRegisterNummer"
    PERSON = "PersoonMetContactInfo"
    ORGANISATION = "OrganisatieMetContactInfo"


ABOUT_RECIPIENT = {"insz", "kbo", "vcode", "name", "email", "phone", "opt_out"}
ABOUT_CASE = {"case", "subject", "status", "phase", "code", "detail", "link", "date", "language"}
ABOUT_CITY = {"city", "service", "service_email", "service_phone", "service_website"}

TEMPLATES: Mapping[Recipient, JsonValue] = {
    Recipient.NUMBER: {"Type": "RijksRegisterNummer", "Waarde": "{insz}"},
    Recipient.PERSON: {
        "Type": "PersoonMetContactInfo",
        "Naam": "{name}",
        "Email": "{email}",
        "UitschrijfUri": "{opt_out}",
    },
    Recipient.ORGANISATION: {
        "Type": "OrganisatieMetContactInfo",
        "Naam": "{name}",
        "KboNummer": "{kbo}",
        "VCode": "{vcode}",
        "Email": "{email}",
        "UitschrijfUri": "{opt_out}",
    },
}
"""Our proposal: how a recipient is written is not public."""

PAIR: JsonValue = {"Sleutel": "{key}", "Waarde": "{value}"}

KEYS: Mapping[str, str] = {
    "DossierNummer": "{case}",
    "StatusVlaamseCode": "{code}",
    "StatusVlaamseFase": "{phase}",
    "DossierNaam": "{subject}",
    "StatusDetail1": "{detail}",
    "DocumentLinkUri": "{link}",
    "DossierBeheerderNaam": "{city}",
    "DossierBeheerderDienst": "{service}",
    "DossierBeheerderEmail": "{service_email}",
    "DossierBeheerderTelefoon": "{service_phone}",
    "DossierBeheerderWebsite": "{service_website}",
}
"""The keys of the category for changes of a dossier; those without a value are left out."""


def texts_of(template: JsonValue) -> str:
    """All texts of a template, one after the other."""
    return " ".join(_texts(template))


def _texts(template: JsonValue) -> Iterator[str]:
    if isinstance(template, str):
        yield template
    elif isinstance(template, dict):
        for inner in template.values():
            yield from _texts(inner)
    elif isinstance(template, list):
        for inner in template:
            yield from _texts(inner)


def _refuse_unknown(template: JsonValue, places: set[str]) -> None:
    """Raises `ValueError` for a `{place}` that nothing is put into."""
    if unknown := sorted(set(PLACE.findall(texts_of(template))) - places):
        raise ValueError(f"unknown places: {', '.join(unknown)}; there are {', '.join(sorted(places))}")


class Paths(BaseModel):
    """The calls."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    send: str = Field(default="/api/v2/notificaties", pattern="^/", description="POST: a notification.")
    withdraw: str = Field(
        default="",
        pattern="^(/.*\\{id\\}.*)?$",
        description="DELETE: call a notification back, with `{id}`; empty: it can't be called back.",
    )


class Category(BaseModel):
    """What one kind of notification holds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    required: tuple[str, ...] = Field(
        default=("DossierNummer", "StatusVlaamseCode", "StatusVlaamseFase"),
        description="Keys without which the service refuses it; looked at before it is sent.",
    )
    keys: dict[str, str] = Field(
        default=dict(KEYS), description="`SleutelWaardeParen`: the service's key -> text with `{places}`."
    )

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if missing := sorted(set(self.required) - self.keys.keys()):
            raise ValueError(f"required but not in keys: {', '.join(missing)}")
        _refuse_unknown(dict(self.keys), ABOUT_CASE | ABOUT_CITY)
        return self


class Templates(BaseModel):
    """How the nested parts are written: JSON with `{places}`. A field whose text comes out empty is left out."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    recipients: dict[Recipient, JsonValue] = Field(
        default={},
        description="`Bestemmelingen`, by kind; what is left out stays as usual. Places: insz, kbo, vcode, name, email, "
        "phone, opt_out.",
    )
    channel: JsonValue = Field(default="{channel}", description="One of `Kanalen`; place: channel.")
    pair: JsonValue = Field(
        default=PAIR,
        description="One of `SleutelWaardeParen`; places: key, value.",
    )

    @model_validator(mode="after")
    def _known_places(self) -> Self:
        _refuse_unknown(list(self.recipients.values()), ABOUT_RECIPIENT)
        _refuse_unknown(self.channel, {"channel"})
        _refuse_unknown(self.pair, {"key", "value"})
        for kind, template in self.recipients.items():
            if kind is not Recipient.NUMBER and "{opt_out}" not in texts_of(template):
                raise ValueError(
                    f"recipients.{kind}: whoever is reached by our data must be offered {{opt_out}}"
                )
        return self

    def recipient(self, kind: Recipient) -> JsonValue:
        """How this kind of recipient is written."""
        return self.recipients.get(kind, TEMPLATES[kind])


class OptOut(BaseModel):
    """The page on which a customer ends notifications."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    public_url: str = Field(
        description="Where customers reach this hub, such as https://contact.leuven.be, without a path."
    )
    secrets: tuple[SecretStr, ...] = Field(
        min_length=1,
        description="Seal the addresses in the links; 32 characters or more each. The first seals, the others still open.",
    )

    @field_validator("public_url")
    @classmethod
    def _safe(cls, address: str) -> str:
        return protected(address).rstrip("/")

    @field_validator("secrets")
    @classmethod
    def _long_enough(cls, secrets: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        if any(len(secret.get_secret_value()) < 32 for secret in secrets):
            raise ValueError("a secret needs 32 characters or more")
        return secrets


class Sender(BaseModel):
    """Who notifies, as the customer reads it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    city: str = Field(default="Stad Leuven", description="`DossierBeheerderNaam`")
    service: str = Field(default="Klantencontactcentrum", description="`DossierBeheerderDienst`")
    email: str = Field(default="", description="`DossierBeheerderEmail`")
    phone: str = Field(default="", description="`DossierBeheerderTelefoon`")
    website: str = Field(default="", description="`DossierBeheerderWebsite`")


class Settings(Connection):
    """Notifications to customers."""

    base_url: str = Field(
        default="https://prod.notificaties.vlaanderen.be",
        description="Scheme and host of the service; the paths come after it.",
    )
    log_in: LogIn = Field(description="How we log in there.")
    paths: Paths = Field(default=Paths(), description="The calls, where they differ from the public page.")
    offerer: str = Field(
        min_length=1, description="`AanbiederUri`: our URI there, for instance `urn://leuven/contact`."
    )
    brand: str = Field(min_length=1, description="`MerkCode`: the brand that was registered for us.")
    source: str = Field(
        min_length=1, description="`Bron` of the dossiers at DOSIS: `TransactieId` is `{bron}+{dossier}`."
    )
    product: str = Field(
        default="", pattern="^[0-9]{0,12}$", description="`ProductId` where a case has no product of its own."
    )
    channels: tuple[str, ...] = Field(
        default=("Email", "MijnBurgerprofiel"), min_length=1, description="`Kanalen`"
    )
    category: str = Field(default=CHANGE_OF_DOSSIER, description="`Categorie`, where no other is set.")
    category_of: dict[PublicStatus, str] = Field(
        default={}, description="Another category for some statuses, for instance `waiting_for_customer`."
    )
    categories: dict[str, Category] = Field(
        default={},
        description="What each category holds; that for changes of a dossier is there unless it is replaced.",
    )
    statuses: Statuses = Field(default=Statuses(), description="Phases and codes, the same as for DOSIS.")
    templates: Templates = Field(default=Templates(), description="How the nested parts are written.")
    valid_days: int = Field(
        default=14, ge=1, le=365, description="`Vervaldatum`, where the hub itself names none."
    )
    date_field: str = Field(
        default="",
        pattern="^[A-Za-z]{0,60}$",
        description="Name of the field for the moment of sending: `DatumNotificatie` in version 1; empty: it is not told.",
    )
    link: str = Field(
        default="", description="The customer's page of a case, with `{case}` for its number; empty: none."
    )
    sender: Sender = Field(default=Sender(), description="Who notifies.")
    opt_out: OptOut | None = Field(
        default=None,
        description="The page to end notifications; left out: only who has a national register number is notified.",
    )
    known_already: tuple[int, ...] = Field(
        default=(409,), description="Statuses with which the service says that it has this `Id` already."
    )

    @field_validator("link")
    @classmethod
    def _safe(cls, link: str) -> str:
        return protected(link) if link else link

    @model_validator(mode="after")
    def _categories_exist(self) -> Self:
        for name in (self.category, *self.category_of.values()):
            if name != CHANGE_OF_DOSSIER and name not in self.categories:
                raise ValueError(f"categories: {name!r} is used and not described")
        return self

    def holds(self, category: str) -> Category:
        """What a category holds that is used."""
        return self.categories.get(category) or Category()
