"""What an administrator sets for log-in, pages and doors; each portal adds its own defaults."""

import re
from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from ports.submission.settings import FileLimits

_MEGABYTE = 1_000_000
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


class Client(BaseModel):
    """A provider, and who we are for it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    issuer: str = Field(
        description="The provider, as it names itself: https://authenticatie.vlaanderen.be/op, or "
        "https://authenticatie-ti.vlaanderen.be/op to test."
    )
    client_id: str = Field(default="", description="Our number or name at the provider.")
    client_authentication: Literal["private_key_jwt", "client_secret_basic", "client_secret_post"] = Field(
        default="private_key_jwt", description="How we prove who we are."
    )
    client_secret: SecretStr | None = Field(default=None, description="For the two kinds with a secret.")
    private_key: SecretStr | None = Field(
        default=None, description="For `private_key_jwt`: an RSA key as JWK (JSON) or PEM."
    )
    assertion_audience: str = Field(
        default="",
        description="`aud` of our assertion; empty: the issuer, as ACM wants it (older GeoSecure: the token address).",
    )
    algorithms: tuple[Literal["RS256", "PS256", "ES256"], ...] = Field(
        default=("RS256",), min_length=1, description="How the provider may sign."
    )
    seconds: float = Field(default=8, gt=0, description="Patience with the provider.")

    @field_validator("issuer")
    @classmethod
    def _secure(cls, issuer: str) -> str:
        return _address(issuer)

    @model_validator(mode="after")
    def _can_prove_itself(self) -> "Client":
        if self.client_id and self.client_authentication == "private_key_jwt" and self.private_key is None:
            raise ValueError("`private_key` is needed for private_key_jwt")
        if self.client_id and self.client_authentication != "private_key_jwt" and self.client_secret is None:
            raise ValueError("`client_secret` is needed for this kind of client_authentication")
        return self


class LogIn(Client):
    """How customers log in."""

    client_id: str = Field(min_length=1, description="Our number or name at the provider.")
    scopes: tuple[str, ...] = Field(
        default=(),
        description="Exactly what was granted to us; empty: what the portal usually has. One too many, and ACM refuses every log-in.",
    )
    accepted_acr: tuple[str, ...] = Field(
        default=(),
        description="Means of log-in that are strong enough, such as urn:be:vlaanderen:authmech:eid; empty: all.",
    )
    read_userinfo: bool = Field(
        default=True, description="Ask the provider for claims that are not in the ID token."
    )
    allow_test_numbers: bool = Field(
        default=False, description="Accept national numbers of MAGDA's test range; never in production."
    )


class Pages(BaseModel):
    """The portal's pages."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    public_url: str = Field(
        description="Where customers reach this hub, such as https://contact.leuven.be, without a path. "
        "The provider must know `<public_url>/in/<instance>/callback` and `.../logged-out`."
    )
    cookie_secrets: tuple[SecretStr, ...] = Field(
        min_length=1,
        description="Seal the cookies; 32 characters or more each. The first seals, the others still open.",
    )
    log_in: LogIn
    city: str = Field(default="Stad Leuven", description="The city's name on the pages.")
    contact: str = Field(
        default="", description="How else the city can be reached, shown where a page cannot help."
    )
    language: Literal["nl", "en"] = Field(default="nl", description="Language until somebody chooses one.")
    idle_minutes: int = Field(default=20, ge=1, le=60, description="A session that is not used ends.")
    longest_hours: int = Field(default=8, ge=1, le=12, description="A session ends after this, used or not.")

    @field_validator("public_url")
    @classmethod
    def _an_origin(cls, value: str) -> str:
        if urlsplit(value).path not in ("", "/"):
            raise ValueError("expected an address without a path")
        return _address(value).rstrip("/")

    @field_validator("cookie_secrets")
    @classmethod
    def _long_enough(cls, secrets: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        if any(len(secret.get_secret_value()) < 32 for secret in secrets):
            raise ValueError("a cookie secret needs 32 characters or more")
        return secrets

    @property
    def secure(self) -> bool:
        """Whether customers reach the pages over https."""
        return self.public_url.startswith("https://")


class Door(Client):
    """Who may post to the portal's API: access tokens of this provider."""

    checked_by: Literal["jwks", "introspection"] = Field(
        default="introspection",
        description="`introspection`: ask the provider about every token (needs `client_id`). `jwks`: tokens are JWTs, checked here.",
    )
    audience: str = Field(
        default="",
        description="`aud` that a token must have; required for `jwks`, checked when set otherwise.",
    )
    scope: str = Field(description="Scope that a token must have, such as dv_mbp_incidents.")
    senders: tuple[str, ...] = Field(
        default=(),
        description="Numbers or names of the systems that may post (`client_id` or `azp` of the token); empty: all with the scope.",
    )
    vouches: bool = Field(
        default=False,
        description="Believe a person, company or association that the body names and the token does not: only for a sender that logged its visitors in itself.",
    )
    allow_test_numbers: bool = Field(
        default=False, description="Accept national numbers of MAGDA's test range; never in production."
    )

    @model_validator(mode="after")
    def _can_check(self) -> "Door":
        if self.checked_by == "introspection" and not self.client_id:
            raise ValueError("`client_id` is needed to ask the provider about tokens")
        if self.checked_by == "jwks" and not self.audience:
            raise ValueError("`audience` is needed: without it, every token of the provider would do")
        return self


class Register(BaseModel):
    """A base register that knows the name behind a number."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = Field(description="Address of one entry, with `{number}` in it.")
    api_key: SecretStr | None = Field(default=None, description="Our key, when the register wants one.")
    api_key_header: str = Field(default="vr-api-key", description="The header for the key.")
    reason: str = Field(
        default="", description="Why we look, for registers that ask: sent in `reason_header`."
    )
    reason_header: str = Field(default="X-Request-Reason", description="The header for the reason.")
    name_path: str = Field(
        default="vereniging.naam", description="Where the name stands in the answer, with dots."
    )
    hours: float = Field(
        default=24, gt=0, description="How long an answer is used before we ask whether it changed."
    )
    seconds: float = Field(default=4, gt=0, description="Patience with the register.")

    @field_validator("url")
    @classmethod
    def _with_a_blank(cls, value: str) -> str:
        if value.count("{number}") != 1:
            raise ValueError("expected one {number} in the address")
        return _address(value)

    @field_validator("api_key_header", "reason_header")
    @classmethod
    def _a_header(cls, value: str) -> str:
        if not re.fullmatch(r"[A-Za-z0-9-]+", value):
            raise ValueError("expected the name of a header")
        return value


class Limits(FileLimits):
    """How much may come in at once."""

    max_body_bytes: int = Field(
        default=25 * _MEGABYTE, gt=0, description="Largest submission, files included."
    )
    max_held_bytes: int = Field(
        default=200 * _MEGABYTE, gt=0, description="Bytes of unfinished submissions in memory; above it: 503."
    )
    body_seconds: float = Field(default=60, gt=0, description="A submission must be in within this time.")


class Question(BaseModel):
    """A further question of a category."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str = Field(description="The question, in Dutch.")
    title_en: str = Field(default="", description="The question in English; empty: the Dutch one.")
    kind: Literal["text", "number", "integer", "boolean", "date", "choice", "choices"] = Field(
        default="text", description="What the answer looks like."
    )
    required: bool = Field(default=False, description="Whether it must be answered.")
    options: tuple[str, ...] = Field(
        default=(), description="The possible answers of a `choice` or `choices`."
    )
    max_length: int = Field(default=500, ge=1, le=10_000, description="Longest text.")

    @model_validator(mode="after")
    def _with_options(self) -> "Question":
        if (self.kind in ("choice", "choices")) != bool(self.options):
            raise ValueError("`options` belong to `choice` and `choices`, and only to them")
        return self

    def shown(self, language: str) -> str:
        """The question in this language."""
        return self.title_en if language == "en" and self.title_en else self.title


class Category(BaseModel):
    """What a contact can be about, on the pages, and what it must say then. "Melding doen" asks the same; a portal
    that posts an OSLO-Melding has a form of its own.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str = Field(description="As customers see it, in Dutch.")
    title_en: str = Field(default="", description="As customers see it, in English; empty: the Dutch title.")
    product: str = Field(default="", description="Number of the product in the IPDC catalogue.")
    place: Literal["required", "optional"] = Field(
        default="optional", description="Whether it must say where."
    )
    photo: Literal["required", "optional"] = Field(
        default="optional", description="Whether it needs a photo."
    )
    fields: dict[str, Question] = Field(default={}, description="Further questions, by name.")

    def shown(self, language: str) -> str:
        """The title in this language."""
        return self.title_en if language == "en" and self.title_en else self.title


def _address(value: str) -> str:
    parts = urlsplit(value)
    if not parts.netloc or parts.scheme not in ("https", "http") or parts.username or parts.query:
        raise ValueError("expected https://host...")
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise ValueError("expected https; http is for tests on one machine")
    return value
