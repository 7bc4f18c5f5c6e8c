"""Another tracker product is another section of the configuration, and nothing else."""

import tomllib
from collections.abc import Iterator

import pytest

from demo.city_hall import city_file, without_outside
from demo.engines.private import NotInstalledError
from tests.flows import test_citizen_story as story
from tests.flows.city import REQUEST_TRACKER, City, running_city
from tests.servers.missing import missing


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    """The city of the story, with Request Tracker."""
    try:
        with (
            running_city(tmp_path_factory.mktemp("city"), product=REQUEST_TRACKER) as city,
            city.running_hub(),
        ):
            yield city
    except NotInstalledError as error:
        missing(str(error))


def test_only_the_section_of_the_tracker_differs(city: City):
    example = tomllib.loads(without_outside(city_file("hub.toml")))
    here = tomllib.loads(city.hub_toml.read_text())

    assert here["adapters"]["tracker"].keys() == {"system", "url", "token", "poll_seconds"}
    assert here["adapters"]["tracker"]["system"] == "request_tracker"
    assert here["targets"] == example["targets"]
    assert here["adapters"].keys() == example["adapters"].keys()


test_a_case_is_reported_by_mail_and_answered_in_request_tracker = (
    story.test_a_broken_pavement_is_reported_by_mail_and_answered
)
test_the_same_mail_to_three_mailboxes_is_one_ticket = story.test_the_same_mail_to_three_mailboxes_is_one_case
test_in_the_end_every_message_is_accounted_for = story.test_in_the_end_every_message_is_accounted_for
