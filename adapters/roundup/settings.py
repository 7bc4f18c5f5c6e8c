"""What an administrator sets for a Roundup tracker."""

from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from adapters.tracking.addresses import Folder


class Settings(BaseModel):
    """Where the tracker is and as whom the hub works in it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: Folder = Field(
        description="Where the hub reaches the tracker, for instance `https://host/tracker/`."
    )
    origin: str = Field(
        default="",
        description="Scheme, host and port of `web` in the tracker's config.ini, when that is not the one in `url` "
        "(the hub takes another way than people do). Roundup refuses writes and log-ins that name another.",
    )
    jwt_secret: SecretStr = Field(
        min_length=32,
        description="`jwt_secret` of the tracker's config.ini. Whoever has it can be anybody in the tracker.",
    )
    user_id: str = Field(
        default="3", pattern="^[1-9][0-9]*$", description="Id of the hub's own user in the tracker."
    )
    user_name: str = Field(default="hub", description="Log-in name of that user; the check compares it.")
    roles: tuple[str, ...] = Field(
        default=("hub",), min_length=1, description="Roles that the hub asks for, in lower case."
    )
    connect_seconds: float = Field(default=5, gt=0, description="Longest wait for a connection.")
    answer_seconds: float = Field(default=30, gt=0, description="Longest silence of the tracker.")
    connections: int = Field(default=8, ge=1, description="Most connections at once.")
    poll_seconds: float = Field(default=5, gt=0, description="Pause between two looks at what changed.")
    overlap_seconds: int = Field(
        default=5, ge=1, description="How far each look goes back, for changes that were committed late."
    )

    @field_validator("origin")
    @classmethod
    def _without_path(cls, origin: str) -> str:
        parts = urlsplit(origin)
        if origin and (parts.scheme not in {"http", "https"} or not parts.hostname or parts.path.strip("/")):
            raise ValueError("expected http(s)://host, without a path")
        return origin.rstrip("/")

    @property
    def public_origin(self) -> str:
        """`https://host` as the tracker knows itself."""
        parts = urlsplit(self.url)
        return self.origin or f"{parts.scheme}://{parts.netloc}"

    @property
    def public_host(self) -> str:
        """Host and port as the tracker knows itself; it compares them with what a write names."""
        return urlsplit(self.public_origin).netloc

    @property
    def public_url(self) -> str:
        """The tracker's `web` setting: its own address, for which log-in tokens are made."""
        return f"{self.public_origin}{urlsplit(self.url).path}"
