"""What an administrator may set about metrics and traces."""

from pydantic import BaseModel, ConfigDict, Field


class MetricsSettings(BaseModel):
    """`[metrics]`: who may read them. With neither setting, nobody may: `/metrics` is not there."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    token: str = Field(
        default="",
        description='Token that a scraper sends as `Authorization: Bearer ...`, such as "secret:metrics_token"; '
        "opens `/metrics` on the hub's own address.",
    )
    listen: str = Field(
        default="",
        pattern=r"^$|^(127\.0\.0\.1|localhost|\[::1\]):\d+$",
        description="A further address on loopback that shows `/metrics` to everybody on this machine, such as "
        "127.0.0.1:9464.",
    )


class TelemetrySettings(BaseModel):
    """`[telemetry]`: OpenTelemetry traces. Needs the extra: `pip install wegwijzer[telemetry]`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    endpoint: str = Field(
        default="",
        pattern=r"^$|^https?://",
        description="Where traces go: the full OTLP/HTTP address, such as "
        "http://127.0.0.1:4318/v1/traces. Empty: no traces.",
    )
    sample_ratio: float = Field(
        default=0.1,
        ge=0,
        le=1,
        description="Which part of the traces that begin here is kept; a sender that sampled its own decides itself.",
    )
    service_name: str = Field(default="wegwijzer", min_length=1, description="The name in the traces.")
