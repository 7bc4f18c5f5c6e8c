"""What an administrator sets for the counters."""

from ipaddress import IPv4Network, IPv6Network
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from canonical_model.contact import Kind

Network = IPv4Network | IPv6Network
EVENTS: dict[str, Literal["created", "called", "served", "no_show", "left"]] = {
    "VISIT_CREATE": "created",
    "VISIT_CALL": "called",
    "VISIT_END": "served",
    "VISIT_NOSHOW": "no_show",
    "VISIT_REMOVE": "left",
}
FIELDS = {"visit": "visitId", "ticket": "ticket", "service": "service", "branch": "branchId"}


class Product(BaseModel):
    """Something that the city offers, as clerks search it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1, max_length=200, description="Its name in Dutch.")
    name_en: str = Field(default="", max_length=200, description="Its name in English; empty: the Dutch one.")
    category: str = Field(default="", description="Category for the dispatch table.")
    kind: Kind | None = Field(default=None, description="What it usually is, when the clerk does not say.")


class Queue(BaseModel):
    """A queue system of the Qmatic Orchestra kind."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    token: SecretStr = Field(
        description="Last part of the callback's path, 24 characters or more; it cannot sign."
    )
    allowed: tuple[Network, ...] = Field(
        min_length=1, description="Addresses or networks that its callbacks come from."
    )
    url: str = Field(
        pattern=r"^https?://[^\s]+$",
        description="Its address, with the path under which `register` and `rest/...` stand.",
    )
    callback_url: str = Field(
        pattern=r"^https?://[^\s]+$",
        description="How it reaches the hub's `/in/<instance>`; the path with the token is added.",
    )
    username: str = Field(default="", description="A user for its REST interface; empty: none is asked.")
    password: SecretStr = Field(default=SecretStr(""), description="That user's password.")
    register_path: str = Field(default="register", description="Where callbacks are asked for.")
    queues_path: str = Field(
        default="rest/managementinformation/v2/branches/{branch}/queues", description="A branch's queues."
    )
    waiting_path: str = Field(
        default="rest/managementinformation/v2/branches/{branch}/queues/{queue}/visits",
        description="Who waits in a queue.",
    )
    serving_path: str = Field(
        default="rest/managementinformation/v2/branches/{branch}/servicePoints",
        description="Who is being served.",
    )
    branches: dict[str, str] = Field(
        min_length=1, description="Its number of a branch -> the name of that place."
    )
    services: dict[str, str] = Field(
        default={},
        description="Its number or name of a service -> a product's code. Visits for other services need no registration.",
    )
    events: dict[str, Literal["created", "called", "served", "no_show", "left"]] = Field(
        default=EVENTS, description="Its names of events -> what they mean; other events are ignored."
    )
    fields: dict[Literal["visit", "ticket", "service", "branch"], str] = Field(
        default={"visit": "visitId", "ticket": "ticket", "service": "service", "branch": "branchId"},
        description="Our field -> the name of its parameter.",
    )
    time_zone: str = Field(default="Europe/Brussels", description="Of its times without offset.")
    registration_minutes: float = Field(
        default=30,
        ge=0,
        description="So long after a visit a clerk may still register it; then it is a reminder.",
    )
    forgotten_hours: float = Field(
        default=14, gt=0, description="A visit without an end is let go after this."
    )
    refresh_seconds: float = Field(
        default=60, ge=0, description="How often callbacks are asked for again, and visits are read back."
    )
    timeout: float = Field(default=10, gt=0, description="Seconds to wait for an answer.")

    @field_validator("token")
    @classmethod
    def _unguessable(cls, token: SecretStr) -> SecretStr:
        if len(token.get_secret_value()) < 24:
            raise ValueError("a token needs 24 characters or more")
        return token

    @field_validator("fields")
    @classmethod
    def _all_of_them(cls, fields: dict[str, str]) -> dict[str, str]:
        return {**FIELDS, **fields}

    @field_validator("time_zone")
    @classmethod
    def _exists(cls, name: str) -> str:
        return _known_zone(name)


class Appointments(BaseModel):
    """JCC-Afspraken, over its REST interface (WARP)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = Field(
        pattern=r"^https?://[^\s]+$",
        description="The interface, such as `https://.../G-Plan/api/api/warp/v1/`.",
    )
    token_url: str = Field(
        pattern=r"^https?://[^\s]+$", description="Where log-in is, ending in `connect/token`."
    )
    client_id: str = Field(min_length=1, description="Our name there.")
    client_secret: SecretStr = Field(description="Our secret there.")
    scope: str = Field(default="warp-api", description="What we ask permission for.")
    activities: dict[str, str] = Field(
        default={}, description="Its number of an activity -> a product's code."
    )
    time_zone: str = Field(default="Europe/Brussels", description="Of its times, which have no offset.")
    timeout: float = Field(
        default=5, gt=0, description="Seconds to wait for an answer; the clerk waits with us."
    )

    @field_validator("time_zone")
    @classmethod
    def _exists(cls, name: str) -> str:
        return _known_zone(name)


class Settings(BaseModel):
    """The counters."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    products: dict[str, Product] = Field(
        default={}, description="Code in the catalogue (IPDC) -> what clerks may choose."
    )
    queue: Queue | None = Field(default=None, description="The queue system, when there is one.")
    appointments: Appointments | None = Field(
        default=None, description="The appointment system, when there is one."
    )
    max_body_bytes: int = Field(default=200_000, gt=0, description="Largest registration or callback.")
    max_held_bytes: int = Field(
        default=20_000_000, gt=0, description="Bytes of unfinished requests in memory; above it: 503."
    )
    body_seconds: float = Field(default=15, gt=0, description="It must be in within this time.")
    allow_test_numbers: bool = Field(
        default=False, description="Accept national numbers of MAGDA's test range; never in production."
    )

    @model_validator(mode="after")
    def _products_exist(self) -> "Settings":
        named = {
            *(self.queue.services.values() if self.queue else ()),
            *(self.appointments.activities.values() if self.appointments else ()),
        }
        if unknown := sorted(named - self.products.keys()):
            raise ValueError(f"no such product: {', '.join(unknown)}; add it to `products`")
        return self


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise ValueError("no such time zone") from None
    return name
