"""What an administrator sets for the product catalogue."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from canonical_model.identifiers import ipdc


class Settings(BaseModel):
    """The product catalogue (IPDC)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = Field(
        default="https://ipdc.vlaanderen.be",
        pattern=r"^https?://[^\s/?#]+/?$",
        description="Where the catalogue is; nothing else is ever asked, whatever a page refers to.",
    )
    api_key: SecretStr | None = Field(default=None, description="Sent as `x-api-key`.")
    feed: str = Field(
        default="/doc/conceptsnapshot",
        pattern=r"^(/[^\s?#]*)?$",
        description="Path of the feed of versions (LDES); the city's own is another one. Empty: no feed is read.",
    )
    page_size: int = Field(default=25, ge=1, le=1000, description="Versions on one page of the feed.")
    product_path: str = Field(
        default="/id/product/{number}", description="Path of one product, with `{number}` in it."
    )
    numbers: tuple[str, ...] = Field(
        default=(), description="Products that are read by their number, for those that are not in the feed."
    )
    area: str = Field(
        default="",
        pattern=r"^[A-Z0-9]*$",
        description="The city's area code, such as `BE24224062`: products for other areas only are left out. "
        "Empty: all are taken.",
    )
    form: Literal["formal", "informal"] = Field(
        default="formal", description="Whether answers say u or je, where the catalogue has both."
    )
    poll_seconds: float = Field(default=60, gt=0, description="How often the end of the feed is looked at.")
    refresh_hours: float = Field(
        default=24, gt=0, description="How long a product that was read by its number is believed."
    )
    requests_per_minute: int = Field(
        default=40, ge=1, description="Most requests to the catalogue, per process."
    )
    seconds: float = Field(default=10, gt=0, description="Time for one page of the feed.")
    look_up_seconds: float = Field(
        default=2, gt=0, lt=3, description="Time for one product by its number; somebody waits for it."
    )

    @field_validator("product_path")
    @classmethod
    def _with_a_blank(cls, path: str) -> str:
        if path.count("{number}") != 1 or not path.startswith("/"):
            raise ValueError("expected a path with one {number} in it")
        return path

    @field_validator("numbers")
    @classmethod
    def _are_numbers(cls, numbers: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(ipdc(number).value for number in numbers))

    @model_validator(mode="after")
    def _reads_something(self) -> "Settings":
        if not (self.feed or self.numbers):
            raise ValueError("nothing to read: set `feed`, or list `numbers`")
        return self
