"""What an administrator sets for the Verenigingsloket."""

from pydantic import BaseModel, ConfigDict, Field

from adapters.acmidm.settings import Category, Door, Limits, Pages, Register


class Settings(BaseModel):
    """The Verenigingsloket."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pages: Pages | None = Field(
        default=None, description="Pages for people of associations who log in; left out: none."
    )
    submissions: Door | None = Field(
        default=None, description="The door for the portal's own system; left out: closed."
    )
    event_types: tuple[str, ...] = Field(
        default=("be.vlaanderen.verenigingsloket.melding.ingediend.v1",),
        description="Types of CloudEvents that are taken; none: all.",
    )
    register_: Register | None = Field(
        default=None,
        alias="register",
        description="Where to look a name up by vCode (the Verenigingsregister); left out: nowhere.",
    )
    categories: dict[str, Category] = Field(
        default={}, description="What a contact can be about; the names are those of the dispatch table."
    )
    limits: Limits = Field(default=Limits(), description="How much may come in at once.")
