"""The adapter behaves as every tracker must, as far as a double after the documentation can tell."""

from datetime import timedelta

import pytest

from adapters.zammad.adapter import Zammad
from adapters.zammad.client import ZammadClient
from adapters.zammad.feed import Feed
from canonical_model.status import CaseStatus
from ports.contracts.tracker import GROUPS, TrackerContract, a_case, a_file
from ports.errors import MisconfiguredError, RejectedError
from ports.tracker import CaseChange
from tests.adapters.zammad.documented import CUSTOMER, Agent, DocumentedZammad


class TestZammad(TrackerContract):
    paged_cases = 30

    @pytest.fixture
    def tracker(self, client):
        return Zammad(client, Feed(client, timedelta(seconds=60)), CUSTOMER)

    @pytest.fixture
    def handler(self, zammad):
        return Agent(zammad)


async def test_what_is_missing_is_named(zammad, tracker):
    zammad.attributes = [name for name in zammad.attributes if name != "party_ref"]
    del zammad.states["wacht op klant"]

    assert await tracker.ensure_ready(()) == (
        "Zammad: add 'party_ref' to the object Ticket",
        "Zammad: make the state 'wacht op klant'",
    )


async def test_cases_stand_on_one_name_so_that_zammad_mails_nobody(zammad, tracker):
    case = a_case()

    await tracker.create_if_absent(case)

    (ticket,) = zammad.tickets.values()
    assert ticket["customer_email"] == case.party.email
    assert "customer" not in ticket
    assert "customer_id" not in ticket


async def test_another_hub_that_was_faster_wins(zammad, tracker):
    case = a_case()
    zammad.before_create = lambda: _made_by_another(zammad, case)

    made = await tracker.create_if_absent(case)

    assert (made.id, made.created) == ("1", False)
    assert [found.id for found in await tracker.find(case.ref)] == ["1"]
    assert zammad.tickets[2]["state"] == "merged"
    assert len((await tracker.get(made.id)).notes) == 1


def _made_by_another(zammad, case):
    ticket = zammad.add_ticket({"canonical_id": case.ref, "state": "nieuw", "group": case.group})
    text = {"subject": f"inkomend, e-mail [{case.ref}/description]", "body": case.description}
    zammad.add_article(ticket["id"], {**text, "sender": "Customer", "internal": False})


async def test_a_zammad_without_the_field_for_our_number_stops_the_adapter(zammad, tracker):
    zammad.attributes = [name for name in zammad.attributes if name != "canonical_id"]
    zammad._fits = lambda row, attribute, operator, values: row.get(attribute) in values

    with pytest.raises(MisconfiguredError, match="canonical_id"):
        await tracker.create_if_absent(a_case())


async def test_an_attribute_that_is_not_kept_is_noticed(zammad, tracker):
    zammad.attributes = [name for name in zammad.attributes if name != "party_ref"]

    with pytest.raises(RejectedError, match="party_ref"):
        await tracker.create_if_absent(a_case())


async def test_a_change_that_is_confirmed_and_not_made_is_noticed(zammad, tracker):
    id_ = (await tracker.create_if_absent(a_case())).id
    zammad.now = lambda: "2026-11-26T08:00:00.000Z"
    zammad.tickets[int(id_)] = _Stubborn(zammad.tickets[int(id_)])

    with pytest.raises(RejectedError, match="left state as it was"):
        await tracker.update(id_, CaseChange(status=CaseStatus.CLOSED))


class _Stubborn(dict):
    """A ticket that a core workflow guards: every change is confirmed and none is made."""

    def __ior__(self, other):
        return self


async def test_a_file_that_is_not_kept_whole_is_noticed(zammad, tracker):
    id_ = (await tracker.create_if_absent(a_case())).id
    whole = zammad.add_article
    zammad.add_article = lambda ticket, values: _cut(whole(ticket, values))

    with pytest.raises(RejectedError, match="whole"):
        await tracker.add_attachment(id_, "k", a_file(b"een foto"), b"een foto")


def _cut(article):
    files = [{**file, "size": "3"} for file in article["attachments"]]
    return {**article, "attachments": files}


async def test_groups_are_read_to_the_last_page(settings):
    zammad = DocumentedZammad(groups=(*GROUPS, *(f"groep-{number}" for number in range(250))))
    client = ZammadClient(settings, zammad.transport)
    tracker = Zammad(client, Feed(client, timedelta(seconds=60)), CUSTOMER)

    assert await tracker.ensure_ready(("groep-249",)) == ()
