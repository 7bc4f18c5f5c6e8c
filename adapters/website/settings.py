"""What an administrator sets for the website."""

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from ports.files import ACCEPTED_TYPES
from ports.submission.mapping import PATHS

_MEGABYTE = 1_000_000


class Sender(BaseModel):
    """One form builder or web server that posts with a token."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tokens: tuple[SecretStr, ...] = Field(
        min_length=1,
        description="Accepted tokens, each 24 characters or more; two while one is being replaced.",
    )
    fields: dict[str, str] = Field(
        default={},
        description="Their field -> our field, for instance `e_mail = 'person.email'`. Nested names with dots. "
        "Fields that go to the same place are joined in this order.",
    )
    constants: dict[str, str] = Field(
        default={}, description="Our field -> fixed text, for instance `category = 'zwerfvuil'`."
    )
    ignored: tuple[str, ...] = Field(
        default=(), description="Their technical fields; other unmapped fields are added to the message."
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

    @field_validator("fields")
    @classmethod
    def _to_known_fields(cls, fields: dict[str, str]) -> dict[str, str]:
        _refuse_unknown(set(fields.values()))
        return fields

    @field_validator("constants")
    @classmethod
    def _in_known_fields(cls, constants: dict[str, str]) -> dict[str, str]:
        _refuse_unknown(set(constants))
        return constants


class Settings(BaseModel):
    """The website's doors."""

    model_config = ConfigDict(frozen=True, extra="forbid")

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
    max_files: int = Field(default=10, ge=0, description="Most files in one submission.")
    max_file_bytes: int = Field(default=20 * _MEGABYTE, gt=0, description="Largest single file.")
    accepted_types: tuple[str, ...] = Field(
        default=ACCEPTED_TYPES, description="Media types of files, judged by content."
    )
    allow_test_numbers: bool = Field(
        default=False, description="Accept national numbers of MAGDA's test range; never in production."
    )


def _refuse_unknown(paths: set[str]) -> None:
    unknown = sorted(paths - PATHS)
    if unknown:
        raise ValueError(f"no such field of ours: {', '.join(unknown)}; known: {', '.join(sorted(PATHS))}")
