"""What an administrator sets for a field team's planning that speaks Open311."""

from enum import StrEnum
from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from canonical_model.work_order import OrderState
from ports.origin import Origin

_MEGABYTE = 1_000_000

STATUSES: dict[str, OrderState] = {
    "open": OrderState.ORDERED,
    "reopen": OrderState.ORDERED,
    "for_triage": OrderState.ORDERED,
    "internal_referral": OrderState.ORDERED,
    "planned": OrderState.PLANNED,
    "action_scheduled": OrderState.PLANNED,
    "investigating": OrderState.IN_PROGRESS,
    "in_progress": OrderState.IN_PROGRESS,
    "fixed": OrderState.DONE,
    "closed": OrderState.DONE,
    "cancelled": OrderState.CANCELLED,
    "duplicate": OrderState.CANCELLED,
    "no_further_action": OrderState.CANCELLED,
    "not_councils_responsibility": OrderState.CANCELLED,
}
"""The words of the standard (`open`, `closed`) and of mySociety's extension of it."""


class Photos(StrEnum):
    """How photos travel."""

    MULTIPART = "multipart"
    MEDIA_URL = "media_url"
    NONE = "none"


class PhotoDoor(BaseModel):
    """From where the planning fetches photos, when it takes them as an address."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    folder: str = Field(
        description="Where photos wait, sealed; all processes of the hub must see it (a shared disk)."
    )
    address: str = Field(
        pattern="^https?://",
        description="This adapter's own door as the planning reaches it: `https://hub.example.be/in/<instance>`.",
    )
    days: float = Field(
        default=7, gt=0, description="A photo can be fetched for so long; then it is removed."
    )


class Settings(BaseModel):
    """A field team's planning, as a client of its Open311 server."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = Field(
        pattern="^https?://",
        description="The server with its version, for instance `https://planning.example.be/v2`.",
    )
    format: Literal["json", "xml"] = Field(default="json", description="In which format it answers.")
    api_key: SecretStr | None = Field(default=None, description="Sent as `api_key`.")
    jurisdiction: str = Field(default="", description="Sent as `jurisdiction_id`; empty: not sent.")
    services: dict[str, str] = Field(
        default={}, description="Its `service_code` for each category of the dispatch table."
    )
    default_service: str = Field(
        default="", description="`service_code` of all other categories; empty: they are refused."
    )
    order_attribute: str = Field(
        default="",
        pattern=r"^[A-Za-z0-9_.-]*$",
        description="Attribute that takes our number of the order, when the planning has one for it. `account_id` and the "
        "last line of the description carry it in any case.",
    )
    attributes: dict[str, str] = Field(
        default={}, description="Attributes that every order must have, with their fixed values."
    )
    unknown_place: str = Field(
        default="",
        description="Sent as the address of an order without a place, as the planning takes none without; empty: such orders "
        "are refused.",
    )
    email: str = Field(default="", description="Address of the city, where the planning demands one.")
    statuses: dict[str, OrderState] = Field(
        default={}, description="What its own statuses mean, beside those of the standard."
    )
    external_statuses: dict[str, OrderState] = Field(
        default={"NIET_GEVONDEN": OrderState.NOT_FOUND, "NOT_FOUND": OrderState.NOT_FOUND},
        description="What its `external_status_code`s mean; they go before the status.",
    )
    ignored_statuses: tuple[str, ...] = Field(
        default=(), description="Statuses that mean nothing to us: their updates are dropped."
    )
    photos: Photos = Field(default=Photos.MULTIPART, description="How photos travel to the planning.")
    photo_field: str = Field(default="media", description="Name of the file's part in a multipart form.")
    photo_door: PhotoDoor | None = Field(
        default=None,
        description="Needed for `media_url`, and then used too for photos that got lost as files.",
    )
    photos_at_once: int = Field(
        default=1, ge=0, description="Photos that one request may carry; the others follow as updates."
    )
    media_origins: tuple[Origin, ...] = Field(
        default=(),
        description="From where photos of the work may be fetched, as `https://host`; empty: from the server in `url`.",
    )
    max_files: int = Field(default=6, ge=0, description="Most photos with one update.")
    max_file_bytes: int = Field(default=10 * _MEGABYTE, gt=0, description="Largest photo that is fetched.")
    media_seconds: float = Field(default=20, gt=0, description="A photo must be in within this time.")
    media_hours: float = Field(
        default=2,
        gt=0,
        description="An update waits for its photos at most so long; then it goes on without them, and they are shown as a "
        "failure.",
    )
    search_days: float = Field(
        default=7,
        gt=0,
        le=90,
        description="How far back the planning is searched before an order goes out for the first time.",
    )
    visible_seconds: float = Field(
        default=30,
        ge=0,
        description="So long after a lost answer an order may still appear in the planning's list; it is not sent again before.",
    )
    token_seconds: float = Field(default=60, gt=0, description="Pause between two looks at a token.")
    token_hours: float = Field(
        default=24, gt=0, description="A token that brings no number for so long goes to a person."
    )
    overlap_hours: float = Field(
        default=24,
        gt=0,
        le=24 * 30,
        description="How far each look at the updates goes back: crews report late.",
    )
    window_hours: float = Field(
        default=48, gt=0, le=24 * 90, description="Longest stretch of time that one question covers."
    )
    page_limit: int = Field(
        default=1000,
        ge=2,
        description="Records in one answer at most; at so many, the stretch is cut in two.",
    )
    poll_seconds: float = Field(default=30, gt=0, description="Pause between two looks at the updates.")
    connect_seconds: float = Field(default=5, gt=0, description="Longest wait for a connection.")
    answer_seconds: float = Field(default=30, gt=0, description="Longest silence of the planning.")

    @field_validator("statuses")
    @classmethod
    def _in_lower_case(cls, statuses: dict[str, OrderState]) -> dict[str, OrderState]:
        return {status.casefold(): state for status, state in statuses.items()}

    @model_validator(mode="after")
    def _has_a_door(self) -> "Settings":
        if self.photos is Photos.MEDIA_URL and self.photo_door is None:
            raise ValueError("photos as `media_url` need a `photo_door`")
        return self

    @property
    def fetched_from(self) -> tuple[str, ...]:
        """The origins from which photos of the work may come."""
        parts = urlsplit(self.url)
        return self.media_origins or (f"{parts.scheme}://{parts.netloc}",)

    def service_for(self, category: str) -> str:
        """The planning's code for a category; "" when it has none."""
        return self.services.get(category, self.default_service)

    def state_of(self, status: str, external_status: str) -> OrderState | None:
        """What the planning's words mean; None when nobody said."""
        return (
            self.external_statuses.get(external_status)
            or self.statuses.get(status.casefold())
            or STATUSES.get(status.casefold())
        )
