"""What an administrator sets for the systems behind RabbitMQ."""

from typing import Annotated

from pydantic import Field, SecretStr, StringConstraints

from ports.submission.settings import FileLimits, MappedFields

_MEGABYTE = 1_000_000
SystemName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]


class System(MappedFields):
    """One existing system. Without `fields` it speaks our contract."""

    user: str = Field(
        min_length=1,
        description="Its user at RabbitMQ. Every message must name it in the property `user_id`, which RabbitMQ checks.",
    )


class Settings(FileLimits):
    """RabbitMQ, and the systems behind it."""

    host: str = Field(default="localhost", description="Where RabbitMQ is.")
    port: int = Field(default=5671, ge=1, le=65535, description="5671 with TLS, 5672 without.")
    tls: bool = Field(default=True, description="`false` only where the network itself is trusted.")
    ca_file: str = Field(
        default="", description="Authority of the server's certificate, when it is the city's own."
    )
    vhost: str = Field(default="wegwijzer", description="The virtual host for the exchange with systems.")
    user: str = Field(min_length=1, description="The hub's own user there; it may configure, write and read.")
    password: SecretStr = Field(description="Its password.")
    prefix: str = Field(
        default="wegwijzer", pattern=r"^[a-z0-9.-]{1,40}$", description="What all names of ours begin with."
    )
    systems: dict[SystemName, System] = Field(
        default={}, description="The systems by name; `amqp/<name>` is the source of their messages."
    )
    event_source: str = Field(
        default="urn:wegwijzer", description="`source` of the CloudEvents that the hub sends."
    )
    prefetch: int = Field(default=50, ge=1, le=1000, description="Messages of one system in hand at a time.")
    patience: float = Field(default=5, gt=0, le=15, description="Seconds that RabbitMQ may take to answer.")
    heartbeat: int = Field(default=10, ge=2, le=600, description="Seconds between signs of life.")
    max_message_bytes: int = Field(
        default=25 * _MEGABYTE,
        gt=0,
        description="Of a larger message only the beginning is kept, for a person.",
    )
    max_waiting: int = Field(
        default=100_000, gt=0, description="News that may wait in a system's queue; more waits in the hub."
    )
    allow_test_numbers: bool = Field(
        default=False, description="Accept national numbers of MAGDA's test range; never in production."
    )
