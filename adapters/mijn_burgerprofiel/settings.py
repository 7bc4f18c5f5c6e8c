"""What an administrator sets for Mijn Burgerprofiel."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from adapters.acmidm.settings import Category, Door, Limits, Pages


class ReportField(BaseModel):
    """A further question of a category, for "Melding doen"."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str = Field(description="The question.")
    kind: Literal["text", "number", "integer", "boolean", "date", "choice", "choices"] = Field(
        default="text", description="What the answer looks like."
    )
    required: bool = Field(default=False, description="Whether a report without it is refused.")
    options: tuple[str, ...] = Field(
        default=(), description="The possible answers of a `choice` or `choices`."
    )
    max_length: int = Field(default=500, ge=1, le=10_000, description="Longest text.")

    @model_validator(mode="after")
    def _with_options(self) -> "ReportField":
        if (self.kind in ("choice", "choices")) != bool(self.options):
            raise ValueError("`options` belong to `choice` and `choices`, and only to them")
        return self


class ReportCategory(Category):
    """What a report can be about."""

    place: Literal["required", "optional"] = Field(
        default="optional", description="Whether it must say where."
    )
    photo: Literal["required", "optional"] = Field(
        default="optional", description="Whether it needs a photo."
    )
    fields: dict[str, ReportField] = Field(default={}, description="Further questions, by name.")


class Settings(BaseModel):
    """Mijn Burgerprofiel."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pages: Pages | None = Field(default=None, description="Pages for citizens who log in; left out: none.")
    reports: Door | None = Field(
        default=None,
        description='The door for "Melding doen"; left out: closed. Its scope: dv_mbp_incidents.',
    )
    categories: dict[str, ReportCategory] = Field(
        default={}, description="What a contact can be about; the names are those of the dispatch table."
    )
    limits: Limits = Field(default=Limits(), description="How much may come in at once.")
