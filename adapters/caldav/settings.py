"""What an administrator sets for a field team's task list."""

from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from ports.origin import Origin

_MEGABYTE = 1_000_000


class Settings(BaseModel):
    """A field team's task list on a CalDAV server."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = Field(description="The list itself, for instance `https://agenda.example.be/hub/wegen/`.")
    username: str = Field(description="The hub's own log-in at the server.")
    password: SecretStr = Field(description="Its password.")
    not_found_category: str = Field(
        default="niet gevonden", min_length=1, description="A task in this category means: cannot be found."
    )
    not_found_words: tuple[str, ...] = Field(
        default=("niet gevonden", "niet te vinden", "onvindbaar"),
        description="A cancelled task with one of these in its note means: cannot be found.",
    )
    photos: bool = Field(default=True, description="Put the photos of the report in the task.")
    max_photo_bytes: int = Field(
        default=5 * _MEGABYTE, ge=0, description="Photos in one task together; the rest is only counted."
    )
    media_origins: tuple[Origin, ...] = Field(
        default=(),
        description="From where photos of the work may be fetched that an app keeps at an address, as `https://host`.",
    )
    max_files: int = Field(default=6, ge=1, description="Most photos of the work with one step.")
    max_file_bytes: int = Field(default=10 * _MEGABYTE, gt=0, description="Largest photo of the work.")
    media_seconds: float = Field(
        default=20, gt=0, description="A photo at an address must be in within this time."
    )
    media_hours: float = Field(
        default=2,
        gt=0,
        description="A step waits at most so long for photos at an address; then it goes on without.",
    )
    poll_seconds: float = Field(default=30, gt=0, description="Pause between two looks at the list.")
    connect_seconds: float = Field(default=5, gt=0, description="Longest wait for a connection.")
    answer_seconds: float = Field(default=30, gt=0, description="Longest silence of the server.")

    @field_validator("url")
    @classmethod
    def _a_list(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.username:
            raise ValueError("expected http(s)://host/path/, without a log-in in it")
        return url if url.endswith("/") else f"{url}/"
