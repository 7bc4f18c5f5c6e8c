"""What an administrator sets for a Zammad."""

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from adapters.tracking.addresses import Folder


class Settings(BaseModel):
    """Where the tracker is, with which token the hub works in it, and on whose name cases stand."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: Folder = Field(
        description="Where the hub reaches the tracker, for instance `https://zammad.example/`; without `api/v1`."
    )
    token: SecretStr = Field(
        min_length=1,
        description="Access token of the hub's own agent, with `ticket.agent`, `admin.group` and `admin.object`.",
    )
    customer: str = Field(
        min_length=1,
        description="Log-in of the one customer on whose name all cases stand, without an e-mail address.",
    )
    connect_seconds: float = Field(default=5, gt=0, description="Longest wait for a connection.")
    answer_seconds: float = Field(default=30, gt=0, description="Longest silence of the tracker.")
    connections: int = Field(default=8, ge=1, description="Most connections at once.")
    poll_seconds: float = Field(default=5, gt=0, description="Pause between two looks at what changed.")
    overlap_seconds: int = Field(
        default=60, ge=1, description="How far each look goes back, for changes that were committed late."
    )
