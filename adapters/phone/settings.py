"""What an administrator sets for the telephone."""

from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from adapters.phone.assembler import Outcome, What

_MEGABYTE = 1_000_000
USER_EVENTS = {
    "KccKeuze": What.CHOSE,
    "KccGeenAntwoord": What.TIMED_OUT,
    "TerugbelVerzoek": What.CALLBACK,
    "Voicemail": What.VOICEMAIL,
    "KccNawerk": What.WRAPPED_UP,
}
USER_FIELDS = {
    "Thema": "topic",
    "Taal": "language",
    "Nummer": "number",
    "Slot": "slot",
    "Bestand": "recording",
    "Duur": "seconds",
    "Onderwerp": "subject",
    "Notitie": "notes",
    "Antwoord": "answer",
    "Categorie": "category",
    "Soort": "kind",
    "Opgelost": "resolved",
    "Zaak": "case",
    "Product": "product",
    "Bron": "source",
}
_TOLD_FIELDS = frozenset(USER_FIELDS.values())


class Asterisk(BaseModel):
    """The manager interface (AMI) of an Asterisk, and its call records."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = Field(min_length=1, description="Where Asterisk listens.")
    port: int = Field(default=5038, gt=0, lt=65536, description="5038, or 5039 with TLS.")
    username: str = Field(pattern=r"^[^\r\n]{1,100}$", description="A user of manager.conf.")
    secret: SecretStr = Field(description="Its secret.")
    login: Literal["md5", "plain"] = Field(
        default="md5", description="`md5` answers a challenge; `plain` sends the secret: only with TLS."
    )
    tls: bool = Field(default=False, description="Speak TLS.")
    ca_file: str = Field(default="", description="Certificates to trust; empty: those of the machine.")
    timeout: float = Field(
        default=5, gt=0, description="Seconds until an unanswered request means that Asterisk is frozen."
    )
    records: str = Field(
        default="",
        description="Path of `Master.csv` as this machine sees it; without it, calls of a gap are lost.",
    )
    first_look_back: bool = Field(
        default=False, description="Take over the call records that stand there when the hub first starts."
    )
    time_zone: str = Field(default="Europe/Brussels", description="In which the call records are written.")
    inbound_contexts: tuple[str, ...] = Field(
        default=("from-trunk", "inkomend"), description="Contexts of the dial plan that customers come in by."
    )
    user_events: dict[str, What] = Field(
        default=USER_EVENTS, description="The dial plan's own `UserEvent` names -> what they mean."
    )
    user_fields: dict[str, str] = Field(
        default=USER_FIELDS,
        description="Fields of those events -> our fields (`topic`, `slot`, `recording` ...).",
    )
    recordings: str = Field(
        default="",
        description="Folder with spoken messages as this machine sees it; empty: they stay where they are.",
    )

    @field_validator("time_zone")
    @classmethod
    def _exists(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError):
            raise ValueError("no such time zone") from None
        return name

    @field_validator("user_fields")
    @classmethod
    def _to_known_fields(cls, fields: dict[str, str]) -> dict[str, str]:
        if unknown := sorted(set(fields.values()) - _TOLD_FIELDS):
            raise ValueError(
                f"no such field of ours: {', '.join(unknown)}; known: {', '.join(sorted(_TOLD_FIELDS))}"
            )
        return fields

    @model_validator(mode="after")
    def _secret_travels_safely(self) -> "Asterisk":
        if self.login == "plain" and not self.tls:
            raise ValueError("login 'plain' sends the secret in the clear: use md5, or set tls")
        return self


class System(BaseModel):
    """One telephone exchange. Its webhook and its event line may tell of the same calls: each becomes one contact."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    secrets: tuple[SecretStr, ...] = Field(
        default=(),
        description="Standard Webhooks secrets (`whsec_...`) with which it signs; several while replacing.",
    )
    tokens: tuple[SecretStr, ...] = Field(
        default=(), description="Tokens of 24 characters or more, for a system that cannot sign."
    )
    asterisk: Asterisk | None = Field(default=None, description="Its AMI, when it is an Asterisk.")
    lines: dict[str, Literal["callback", "voicemail"]] = Field(
        default={},
        description="Dialled number -> what that line is for, when only the call record tells of a call.",
    )
    wrap_up_seconds: float = Field(
        default=0,
        ge=0,
        description="How long an answered call waits for the employee's notes; 0: this system sends none.",
    )

    @field_validator("tokens")
    @classmethod
    def _long_enough(cls, tokens: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        if any(len(token.get_secret_value()) < 24 for token in tokens):
            raise ValueError("a token needs 24 characters or more")
        return tokens

    @property
    def purposes(self) -> dict[str, Outcome]:
        """The lines as outcomes."""
        return {number: Outcome(purpose) for number, purpose in self.lines.items()}


class Settings(BaseModel):
    """The telephone: its exchanges, when to call back, and who may see a caller's cases."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    systems: dict[str, System] = Field(min_length=1, description="Telephone exchanges, by name.")
    seal: SecretStr = Field(
        description="Secret of 24 characters or more that seals calls that are going on; another one makes them unreadable."
    )
    callback_hours: float = Field(
        default=4,
        gt=0,
        le=80,
        description="Working hours in which somebody calls back who could not be helped.",
    )
    opens: float = Field(
        default=9, ge=0, lt=24, description="Hour at which the contact centre opens, in Brussels."
    )
    closes: float = Field(default=17, gt=0, le=24, description="Hour at which it closes.")
    answered_means_resolved: bool = Field(
        default=True, description="An answered call without notes, not passed on, counts as answered at once."
    )
    topics: dict[str, str] = Field(
        default={},
        description="Choice in the menu -> category of the dispatch table; the others stand in the subject only.",
    )
    settle_seconds: float = Field(
        default=2, ge=0, description="Wait after the end of a call for events that overtook each other."
    )
    record_seconds: float = Field(
        default=60, ge=0, description="Wait for the record of a call whose end was missed."
    )
    silence_hours: float = Field(
        default=4, gt=0, description="A call of which nothing is heard for so long is over, its end unknown."
    )
    screen_pop_tokens: dict[str, SecretStr] = Field(
        default={},
        description="Who may ask for a caller's cases with a token of 24 characters or more, by name.",
    )
    screen_pop_roles: tuple[str, ...] = Field(
        default=("kcc_viewer", "kcc_dispatcher"),
        description="Roles of employees who may see a caller's cases.",
    )
    max_body_bytes: int = Field(
        default=8 * _MEGABYTE, gt=0, description="Largest request, recording included."
    )
    max_recording_bytes: int = Field(
        default=5 * _MEGABYTE, gt=0, description="Largest spoken message that is kept."
    )
    body_seconds: float = Field(default=5, gt=0, description="A request must be in within this time.")

    @field_validator("seal")
    @classmethod
    def _not_guessable(cls, seal: SecretStr) -> SecretStr:
        if len(seal.get_secret_value()) < 24:
            raise ValueError("needs 24 characters or more")
        return seal

    @field_validator("screen_pop_tokens")
    @classmethod
    def _long_enough(cls, tokens: dict[str, SecretStr]) -> dict[str, SecretStr]:
        if any(len(token.get_secret_value()) < 24 for token in tokens.values()):
            raise ValueError("a token needs 24 characters or more")
        return tokens

    @field_validator("systems")
    @classmethod
    def _plain_names(cls, systems: dict[str, System]) -> dict[str, System]:
        if any(not name.replace("-", "").isalnum() or not name.isascii() for name in systems):
            raise ValueError("a system's name has letters, digits and hyphens")
        return systems

    @model_validator(mode="after")
    def _opens_before_it_closes(self) -> "Settings":
        if self.opens >= self.closes:
            raise ValueError("opens must be before closes")
        return self
