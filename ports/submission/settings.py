"""What an administrator sets alike at every door that takes submissions."""

from pydantic import BaseModel, ConfigDict, Field, field_validator

from ports.files import ACCEPTED_TYPES, FileRules
from ports.submission.mapping import PATHS

_MEGABYTE = 1_000_000


class FileLimits(BaseModel):
    """Which files may come with one submission."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_files: int = Field(default=10, ge=0, description="Most files in one submission.")
    max_file_bytes: int = Field(default=20 * _MEGABYTE, gt=0, description="Largest single file.")
    accepted_types: tuple[str, ...] = Field(
        default=ACCEPTED_TYPES, description="Media types of files, judged by content."
    )

    def file_rules(self) -> FileRules:
        """The same for `ports.files`."""
        return FileRules(
            max_files=self.max_files,
            max_bytes=self.max_file_bytes,
            accepted_types=frozenset(self.accepted_types),
        )


class MappedFields(BaseModel):
    """How a sender with fields of its own writes what we ask for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    fields: dict[str, str] = Field(
        default={},
        description="For a sender with a shape of its own: its field -> our field, for instance "
        "`e_mail = 'person.email'`. Nested names with dots. Fields that go to the same place are joined in this order.",
    )
    constants: dict[str, str] = Field(
        default={}, description="Our field -> fixed text, for instance `category = 'zwerfvuil'`."
    )
    ignored: tuple[str, ...] = Field(
        default=(), description="Its technical fields; other unmapped fields are added to the message."
    )

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


def _refuse_unknown(paths: set[str]) -> None:
    unknown = sorted(paths - PATHS)
    if unknown:
        raise ValueError(f"no such field of ours: {', '.join(unknown)}; known: {', '.join(sorted(PATHS))}")
