"""Names of adapters fit every column of the journal: a name that does not is told before anything runs."""

import pytest

from journal.schema import effects, standings, systems, work_items
from ports.errors import MisconfiguredError
from routes.standings import DIFFERENCE
from settings import load
from settings.sections import LONGEST_NAME, LONGEST_SYSTEM
from tests.flows.small_hub import small_hub

LONGEST = "n" * LONGEST_NAME


def named(folder, name, system="memory", more=""):
    hub = small_hub(folder, sections=[f'[adapters."{name}"]\nsystem = "{system}"\n{more}'])
    return load(hub.hub_toml)


def test_the_longest_name_is_taken_and_fits_every_column(tmp_path):
    assert LONGEST in named(tmp_path, LONGEST).settings.adapters
    assert len(f"{DIFFERENCE}{LONGEST}") <= work_items.c.name.type.length
    assert {column.type.length for column in (systems.c.name, effects.c.target, standings.c.system)} == {
        LONGEST_SYSTEM
    }


@pytest.mark.parametrize("name", [f"{LONGEST}n", "web/site", "web site", ""])
def test_a_name_that_does_not_fit_is_refused_with_what_to_do(tmp_path, name):
    with pytest.raises(
        MisconfiguredError, match="the name of an adapter has 1 to 40 signs, without a blank or a slash"
    ):
        named(tmp_path, name)


def test_the_name_of_a_part_counts_along(tmp_path):
    part = "p" * 20
    with pytest.raises(MisconfiguredError, match="has 61 signs, the journal takes 60"):
        named(tmp_path, LONGEST, "amqp", f'[adapters."{LONGEST}".systems.{part}]\n')
