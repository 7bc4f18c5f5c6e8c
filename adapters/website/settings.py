"""What an administrator sets for the website."""

from pydantic import Field, SecretStr, field_validator

from ports.submission.settings import FileLimits, MappedFields

_MEGABYTE = 1_000_000


class Sender(MappedFields):
    """One form builder or web server that posts with a token."""

    tokens: tuple[SecretStr, ...] = Field(
        min_length=1,
        description="Accepted tokens, each 24 characters or more; two while one is being replaced.",
    )
    id_field: str = Field(
        default="",
        description="Where their id of a submission is; default `uuid` (Drupal) or `metadata.public_reference`.",
    )

    @field_validator("tokens")
    @classmethod
    def _long_enough(cls, tokens: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        if any(len(token.get_secret_value()) < 24 for token in tokens):
            raise ValueError("a token needs 24 characters or more")
        return tokens


class Settings(FileLimits):
    """The website's doors."""

    secrets: tuple[SecretStr, ...] = Field(
        default=(),
        description="Standard Webhooks secrets (`whsec_...`) for `/json`; several while one is being replaced.",
    )
    senders: dict[str, Sender] = Field(
        default={}, description="Who may post to `/form`, `/drupal` and `/open-formulieren`, by name."
    )
    max_body_bytes: int = Field(
        default=25 * _MEGABYTE, gt=0, description="Largest submission, files included."
    )
    max_held_bytes: int = Field(
        default=200 * _MEGABYTE, gt=0, description="Bytes of unfinished submissions in memory; above it: 503."
    )
    body_seconds: float = Field(default=15, gt=0, description="A submission must be in within this time.")
    allow_test_numbers: bool = Field(
        default=False, description="Accept national numbers of MAGDA's test range; never in production."
    )
