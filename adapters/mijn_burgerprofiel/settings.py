"""What an administrator sets for Mijn Burgerprofiel."""

from pydantic import BaseModel, ConfigDict, Field

from adapters.acmidm.settings import Category, Door, Limits, Pages


class Settings(BaseModel):
    """Mijn Burgerprofiel."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pages: Pages | None = Field(default=None, description="Pages for citizens who log in; left out: none.")
    reports: Door | None = Field(
        default=None,
        description='The door for "Melding doen"; left out: closed. Its scope: dv_mbp_incidents.',
    )
    categories: dict[str, Category] = Field(
        default={}, description="What a contact can be about; the names are those of the dispatch table."
    )
    limits: Limits = Field(default=Limits(), description="How much may come in at once.")
