"""What an administrator sets for a planning of work orders."""

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator

from canonical_model.work_order import OrderState


def _words(table: dict[str, OrderState]) -> dict[str, OrderState]:
    return {" ".join(word.split()).casefold(): state for word, state in table.items()}


class Settings(BaseModel):
    """Where the planning is, and what its words mean."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    url: str = Field(
        description="Where the service is, as `https://host/path`; the WSDL's own address is never used."
    )
    username: str = Field(default="", description="Our name there (HTTP Basic); empty: none is sent.")
    password: SecretStr = Field(default=SecretStr(""), description="Our password there.")
    ca_file: str = Field(default="", description="Authority of its certificate; empty: those of the system.")
    certificate_file: str = Field(
        default="", description="Our certificate with its key (PEM) for mutual TLS; empty: none."
    )
    statuses: Annotated[dict[str, OrderState], AfterValidator(_words)] = Field(
        default={
            "Ontvangen": OrderState.ORDERED,
            "Gepland": OrderState.PLANNED,
            "In uitvoering": OrderState.IN_PROGRESS,
            "Uitgevoerd": OrderState.DONE,
            "Geannuleerd": OrderState.CANCELLED,
            "Niet gevonden": OrderState.NOT_FOUND,
        },
        description="What a status means (casing aside); what comes after a colon is the crew's remark.",
    )
    max_photo_bytes: int = Field(
        default=20_000_000, ge=1, description="A larger photo is not sent but named in the text."
    )
    gone_hours: float = Field(
        default=4,
        ge=0,
        description="An order that the planning does not show for so long is put before a person; until then it may come back.",
    )
    connect_seconds: float = Field(default=5, gt=0, description="Longest wait for a connection.")
    answer_seconds: float = Field(
        default=15, gt=0, description="Longest wait for a whole answer; less than the target's `patience`."
    )
    connections: int = Field(default=4, ge=1, description="Most calls at once; each has a thread.")
    poll_seconds: float = Field(
        default=60, gt=0, description="Pause between two looks at the orders that are out."
    )

    @model_validator(mode="after")
    def _usable(self) -> "Settings":
        parts = urlsplit(self.url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.fragment:
            raise ValueError("`url`: expected https://host/path, without a user")
        here = parts.hostname in {"127.0.0.1", "::1", "localhost"}
        if self.username and parts.scheme == "http" and not here:
            raise ValueError("`url`: a password goes to another machine over https only")
        return self
