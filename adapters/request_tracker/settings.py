"""What an administrator sets for a Request Tracker."""

from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator


class Settings(BaseModel):
    """Where the tracker is and with which token the hub works in it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = Field(
        description="Where the hub reaches the tracker, for instance `https://rt.example/`; without `REST/2.0`."
    )
    token: SecretStr = Field(min_length=1, description="Authentication token of the hub's own account in RT.")
    connect_seconds: float = Field(default=5, gt=0, description="Longest wait for a connection.")
    answer_seconds: float = Field(default=30, gt=0, description="Longest silence of the tracker.")
    connections: int = Field(default=8, ge=1, description="Most connections at once.")
    poll_seconds: float = Field(default=5, gt=0, description="Pause between two looks at what changed.")
    late_seconds: int = Field(
        default=60,
        ge=1,
        description="How long a missing transaction number is waited for: longer than RT takes for one request.",
    )

    @field_validator("url")
    @classmethod
    def _a_folder(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
            raise ValueError("expected http(s)://host/path/")
        return url if url.endswith("/") else f"{url}/"
