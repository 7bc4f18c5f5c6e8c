"""The settings tables in the pages say what the code says."""

from typing import Literal

import pytest
from pydantic import BaseModel, Field, SecretStr

from tests.docs.settings_tables import _table, pages, renewed
from tests.shipped import ROOT


@pytest.mark.parametrize("page", list(pages()), ids=lambda page: page.relative_to(ROOT).as_posix())
def test_the_tables_on_a_page_are_current(page):
    assert renewed(page.read_text()) == page.read_text(), "run `make docs`"


def test_a_table_names_kind_default_and_purpose():
    class Post(BaseModel):
        """How to reach the post."""

        host: str = Field(description="Where it is.")
        port: int = Field(default=25, description="Its | port.")
        password: SecretStr | None = None
        tls: Literal["yes", "no"] = "yes"
        doors: tuple[str, ...] = ("a", "b")
        words: dict[str, str] = {"ja": "yes", "nee": "no"}
        key: SecretStr = SecretStr("")

    assert _table(Post) == (
        "**Post**: How to reach the post.\n"
        "\n"
        "| setting | kind | default | what for |\n"
        "|---|---|---|---|\n"
        "| `host` | text | *required* | Where it is. |\n"
        "| `port` | whole number | `25` | Its \\| port. |\n"
        "| `password` | secret |  |  |\n"
        "| `tls` | `yes` or `no` | `yes` |  |\n"
        "| `doors` | list of text | `a`, `b` |  |\n"
        "| `words` | table of text | `ja` = `yes`, `nee` = `no` |  |\n"
        "| `key` | secret |  |  |\n"
    )


def test_what_stands_around_a_table_is_left_alone():
    page = "Before\n<!-- settings: adapters.roundup.settings -->\nold\n<!-- end -->\nAfter\n"

    assert renewed(page).startswith("Before\n<!-- settings: adapters.roundup.settings -->\n\n**")
    assert renewed(page).endswith("\n<!-- end -->\nAfter\n")
    assert "old" not in renewed(page)
