"""What an administrator sets for a Request Tracker."""

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from adapters.tracking.addresses import Folder


class Settings(BaseModel):
    """Where the tracker is and with which token the hub works in it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: Folder = Field(
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
