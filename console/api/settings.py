"""How the API for existing systems is set up."""

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    field_validator,
    model_validator,
)

from ports.submission.settings import FileLimits

_MEGABYTE = 1_000_000
_AT_HOME = ("127.0.0.1", "::1", "localhost")
SystemName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]


class ApiSystem(BaseModel):
    """`[api.systems.<name>]`: one existing system; `wegwijzer credential add <name>` gives it a token."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str = Field(default="", description="What people call it.")
    webhook: str = Field(
        default="",
        description="Where news is posted, https only. Empty: the system reads its feed. This list is the only "
        "place from which the hub calls addresses.",
    )
    webhook_secrets: tuple[SecretStr, ...] = Field(
        default=(),
        description='Standard Webhooks secrets, such as `"secret:kassa_webhook"`. Each signs: put the new one '
        "beside the old one while it is being replaced.",
    )
    requests_per_minute: int = Field(
        default=600, ge=1, description="Requests per minute for each of its credentials; above it: 429."
    )

    @field_validator("webhook")
    @classmethod
    def _safe(cls, value: str) -> str:
        parts = urlsplit(value)
        local = parts.scheme == "http" and parts.hostname in _AT_HOME
        if value and (not parts.hostname or parts.username or not (parts.scheme == "https" or local)):
            raise ValueError(
                "expected https://host/path (http only on this machine), without a password in it"
            )
        return value

    @model_validator(mode="after")
    def _signed(self) -> "ApiSystem":
        if self.webhook and not self.webhook_secrets:
            raise ValueError("webhook needs webhook_secrets: what is not signed is not sent")
        return self


class ApiSettings(FileLimits):
    """`[api]` in `hub.toml`."""

    systems: dict[SystemName, ApiSystem] = Field(default={}, description="The systems by name.")
    event_source: str = Field(
        default="urn:wegwijzer", description="`source` of the CloudEvents that the hub sends."
    )
    webhook_seconds: float = Field(
        default=15, gt=0, le=18, description="A webhook's answer must be there within this time."
    )
    max_body_bytes: int = Field(default=25 * _MEGABYTE, gt=0, description="Largest request, files included.")
    body_seconds: float = Field(default=15, gt=0, description="A request must be in within this time.")
    allow_test_numbers: bool = Field(
        default=False, description="Accept national numbers of MAGDA's test range; never in production."
    )

    def told(self) -> tuple[str, ...]:
        """The targets through which systems hear news: a feed for each, and a webhook for who has one."""
        feeds = [f"api/{name}" for name in self.systems]
        webhooks = [f"api/{name}/webhook" for name, one in self.systems.items() if one.webhook]
        return (*feeds, *webhooks)
