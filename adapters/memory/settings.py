"""What can be set for the systems in memory."""

from pydantic import BaseModel, ConfigDict, Field


class Settings(BaseModel):
    """Systems that live in memory."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    groups: tuple[str, ...] | None = Field(
        default=None, description="Handler groups of the tracker; without it, every group exists."
    )
    poll_seconds: float = Field(default=0.05, gt=0, description="Pause between two looks at what changed.")
