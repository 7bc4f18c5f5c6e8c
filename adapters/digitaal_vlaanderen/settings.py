"""What an administrator sets for a service of Digitaal Vlaanderen; each adapter adds its own."""

import ssl
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from ports.errors import MisconfiguredError

_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


class LogIn(BaseModel):
    """Where tokens come from, and who we are there."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    token_url: str = Field(
        description="Where tokens are given out, for instance https://authenticatie-ti.vlaanderen.be/op/v1/token to test."
    )
    client_id: str = Field(min_length=1, description="Our number or name there.")
    ca_file: str = Field(default="", description="Authority of its certificate; empty: those of the system.")
    private_key: SecretStr = Field(
        description="RSA key as JWK (JSON) or PEM; its public half is with the provider."
    )
    scope: str = Field(description="What we ask for, spelled as it was granted: upper and lower case matter.")
    audience: str = Field(
        default="",
        description="`aud` of our assertion. Empty: the token address in lower case (GeoSecure); "
        "ACM wants its issuer, https://authenticatie.vlaanderen.be/op.",
    )
    assertion_seconds: int = Field(
        default=120, ge=10, le=600, description="How long an assertion is good for; ten minutes at most."
    )
    renew_seconds: float = Field(
        default=180, ge=0, description="A token is renewed so long before it ends, or at half its life."
    )

    @field_validator("token_url")
    @classmethod
    def _secure(cls, address: str) -> str:
        return protected(address)

    @property
    def assertion_audience(self) -> str:
        """For whom our assertion is meant."""
        return self.audience or self.token_url.lower().rstrip("/")


class Connection(BaseModel):
    """Where a service is, and how long we wait for it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    base_url: str = Field(description="Scheme and host of the service; the paths come after it.")
    ca_file: str = Field(default="", description="Authority of its certificate; empty: those of the system.")
    connect_seconds: float = Field(default=5, gt=0, description="Longest wait for a connection.")
    answer_seconds: float = Field(
        default=10,
        gt=0,
        description="Longest silence of the service; `[targets.<instance>] patience` is for all calls of one try.",
    )
    connections: int = Field(default=8, ge=1, description="Most connections at once.")

    @field_validator("base_url")
    @classmethod
    def _no_slash(cls, address: str) -> str:
        return protected(address).rstrip("/")


def tls_of(ca_file: str) -> ssl.SSLContext | None:
    """For an authority of its own; None: those of the system. Raises `MisconfiguredError`."""
    if not ca_file:
        return None
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:  # ssl.SSLError is one too
        raise MisconfiguredError("ca_file can't be used", detail=type(error).__name__) from None


def protected(address: str) -> str:
    """An address that personal data may travel to: https, or this machine. Raises `ValueError`."""
    parts = urlsplit(address)
    if parts.scheme == "https" and parts.hostname:
        return address
    if parts.scheme == "http" and parts.hostname in _LOOPBACK:
        return address
    raise ValueError("expected an https address")
