"""What an administrator sets for a field team that plans in CityControl."""

from enum import StrEnum
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator

from canonical_model.work_order import OrderState


class Cancelling(StrEnum):
    """How CityControl is told that an order is void: `phone` = a person tells the team, the profile has no message."""

    PHONE = "phone"
    STATUS = "actualiseerZaakstatus"
    UPDATE = "updateZaak"


def _web_address(url: str) -> str:
    parts = urlsplit(url)
    if url and (
        parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.fragment
    ):
        raise ValueError("expected https://host/path, without a user")
    return url


def _words(table: dict[str, OrderState]) -> dict[str, OrderState]:
    return {" ".join(word.split()).casefold(): state for word, state in table.items()}


Address = Annotated[str, AfterValidator(_web_address)]
Words = Annotated[dict[str, OrderState], AfterValidator(_words)]


class Application(BaseModel):
    """Who a system is in the head of a message (stuurgegevens)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    organisation: str = Field(min_length=1, max_length=200, description="`organisatie`.")
    application: str = Field(min_length=1, max_length=50, description="`applicatie`.")


class Caller(BaseModel):
    """How CityControl proves who it is when it calls us. With both, both must be right."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    username: str = Field(default="", description="Its name (HTTP Basic); empty: no Basic is asked.")
    passwords: tuple[SecretStr, ...] = Field(
        default=(), description="Accepted passwords, each 16 characters or more; two while one is replaced."
    )
    certificate_header: str = Field(
        default="",
        pattern=r"^[A-Za-z0-9-]*$",
        description="Header in which the proxy that ends mutual TLS tells which certificate came. The proxy must "
        "remove it from what comes from outside.",
    )
    certificates: tuple[str, ...] = Field(
        default=(), description="Accepted values of that header, for instance fingerprints."
    )

    @model_validator(mode="after")
    def _some_proof(self) -> "Caller":
        if any(len(password.get_secret_value()) < 16 for password in self.passwords):
            raise ValueError("a password needs 16 characters or more")
        if bool(self.username) is not bool(self.passwords):
            raise ValueError("`username` and `passwords` go together")
        if bool(self.certificate_header) is not bool(self.certificates):
            raise ValueError("`certificate_header` and `certificates` go together")
        if not self.username and not self.certificate_header:
            raise ValueError("ask for a password or a certificate, or for both")
        return self


class Settings(BaseModel):
    """CityControl, and who we are to it."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    url: Address = Field(
        min_length=1, description="Where it takes messages (`OntvangAsynchroon`), as `https://host/path`."
    )
    questions_url: Address = Field(
        default="",
        description="Where questions about cases are answered (`BeantwoordVraag` of Zaak- en Documentservices). Empty: "
        "nobody answers, and what became of a message whose answer was lost must be looked up by a person.",
    )
    username: str = Field(default="", description="Our name there (HTTP Basic); empty: none is sent.")
    password: SecretStr = Field(default=SecretStr(""), description="Our password there.")
    ca_file: str = Field(default="", description="Authority of its certificate; empty: those of the system.")
    certificate_file: str = Field(
        default="", description="Our certificate with its key (PEM) for mutual TLS; empty: none."
    )
    caller: Caller = Field(description="How it proves who it is when it calls us.")
    sender: Application = Field(
        default=Application(organisation="LEU", application="WEG"), description="We (`zender`)."
    )
    receiver: Application = Field(
        default=Application(organisation="SMX", application="CTC"), description="CityControl (`ontvanger`)."
    )
    case_type: str = Field(default="2", description="Code of the zaaktype of our orders.")
    case_type_name: str = Field(default="Uitvoeren controle", description="Its description.")
    municipality: str = Field(
        default="Leuven", description="`woonplaatsNaam` of an address without a postcode and town."
    )
    days: int = Field(default=3, ge=1, description="Planned end of an order without a term, in days.")
    urgent_days: int = Field(default=1, ge=1, description="The same for an urgent one.")
    cancelling: Cancelling = Field(
        default=Cancelling.PHONE,
        description="How it is told that an order is void. The public profile has no message for it; agree on one first.",
    )
    results: Words = Field(
        default={
            "Er is gehandhaafd": OrderState.DONE,
            "Uitgevoerd": OrderState.DONE,
            "Opgelost": OrderState.DONE,
            "Hersteld": OrderState.DONE,
            "Niet aangetroffen": OrderState.NOT_FOUND,
            "Niet gevonden": OrderState.NOT_FOUND,
            "Geannuleerd": OrderState.CANCELLED,
            "Ingetrokken": OrderState.CANCELLED,
        },
        description="What a result (`resultaat/omschrijving`, casing aside) means: `done`, `not_found`, `cancelled` ...",
    )
    statuses: Words = Field(
        default={
            "Ontvangen": OrderState.ORDERED,
            "Gepland": OrderState.PLANNED,
            "In uitvoering": OrderState.IN_PROGRESS,
            "In behandeling": OrderState.IN_PROGRESS,
            "Afgehandeld": OrderState.DONE,
            "Geannuleerd": OrderState.CANCELLED,
        },
        description="What a status (`heeft/gerelateerde/omschrijving`) means, when there is no result.",
    )
    max_document_bytes: int = Field(
        default=20_000_000, ge=1, description="A larger photo or document is not sent but named in the text."
    )
    connect_seconds: float = Field(default=5, gt=0, description="Longest wait for a connection.")
    answer_seconds: float = Field(
        default=15, gt=0, description="Longest silence of CityControl; less than the target's `patience`."
    )
    connections: int = Field(default=4, ge=1, description="Most connections at once.")
    max_body_bytes: int = Field(
        default=15_000_000, ge=10_000, description="The largest message that is taken in."
    )
    max_held_bytes: int = Field(
        default=60_000_000, ge=10_000, description="All messages together that are in memory at one moment."
    )
    body_seconds: float = Field(default=30, gt=0, description="Time in which a message must have come in.")

    @model_validator(mode="after")
    def _protected(self) -> "Settings":
        for url in (self.url, self.questions_url):
            if url.startswith("http://") and self.username and not _on_this_machine(url):
                raise ValueError("a password goes to another machine over https only")
        return self


def _on_this_machine(url: str) -> bool:
    return urlsplit(url).hostname in {"127.0.0.1", "::1", "localhost"}
