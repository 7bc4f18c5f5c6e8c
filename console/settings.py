"""How the console is set up."""

from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator


class ConsoleSettings(BaseModel):
    """`[console]` in `hub.toml`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    public_url: str = Field(
        default="",
        description="Where people reach the console, such as https://wegwijzer.leuven.be. With https the "
        "session cookie is bound to that address. Empty: the address of the request counts (one machine).",
    )
    city: str = Field(default="Leuven", description="The city's name in the header.")
    language: Literal["nl", "en"] = Field(default="nl", description="Language until somebody chooses one.")
    time_zone: str = Field(default="Europe/Brussels", description="In which times are shown.")
    idle_minutes: int = Field(default=30, ge=1, le=120, description="A session that is not used ends.")
    longest_hours: int = Field(default=8, ge=1, le=24, description="A session ends after this, used or not.")

    @field_validator("public_url")
    @classmethod
    def _an_origin(cls, value: str) -> str:
        parts = urlsplit(value)
        if value and (
            parts.scheme not in ("http", "https") or not parts.netloc or parts.path not in ("", "/")
        ):
            raise ValueError("expected https://host or http://host:port, without a path")
        return value.rstrip("/")

    @property
    def secure(self) -> bool:
        """Whether people reach the console over https."""
        return self.public_url.startswith("https://")

    @property
    def cookie(self) -> str:
        """The name of the session cookie; `__Host-` makes the browser refuse it over http or from others."""
        return "__Host-wegwijzer" if self.secure else "wegwijzer"
