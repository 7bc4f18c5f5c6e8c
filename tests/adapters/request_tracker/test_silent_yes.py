"""Where a real RT says "200 OK" or "201 Created" and did something else, the adapter notices."""

import pytest

from canonical_model.status import CaseStatus
from ports.contracts.tracker import a_case, a_file, a_note
from ports.errors import MisconfiguredError, RejectedError, TransientError
from ports.tracker import CaseChange, TrackerId
from tests.servers import request_tracker


async def opened(tracker, case):
    return (await tracker.create_if_absent(case)).id


async def test_a_second_ticket_with_our_number_becomes_part_of_the_first(tracker, client):
    """RT makes it all the same, without the number: a ghost. Here another hub was a moment faster."""
    case = a_case()
    before = await tracker.create_if_absent(case)
    tracker._with_reference = _blind_once(tracker._with_reference)

    second = await tracker.create_if_absent(case)

    assert (second.id, second.created) == (before.id, False)
    assert [found.id for found in await tracker.find(case.ref)] == [before.id]
    assert len((await tracker.get(before.id)).notes) == 1
    ghost = TrackerId(str(int(before.id) + 1))
    assert (await client.ticket(ghost)).id == before.id


def _blind_once(look):
    """The first look comes before the other hub's ticket is there."""
    blind = [True]

    async def maybe(ref):
        return () if blind.pop() else await look(ref)

    def see(ref):
        return maybe(ref) if blind else look(ref)

    return see


async def test_a_move_to_a_queue_with_another_lifecycle_is_noticed(tracker):
    """RT: "There is no mapping for statuses between lifecycle zaak and default", with a 200."""
    id_ = await opened(tracker, a_case())
    before = await tracker.get(id_)

    with pytest.raises(RejectedError, match="left Queue"):
        await tracker.update(id_, CaseChange(group="General", status=CaseStatus.CLOSED))

    assert await tracker.get(id_) == before


async def test_a_status_that_the_lifecycle_does_not_know_is_noticed(tracker, client, monkeypatch):
    id_ = await opened(tracker, a_case())
    monkeypatch.setitem(request_tracker.STATUSES, CaseStatus.CLOSED, "opgelost")

    with pytest.raises(RejectedError, match="left Status"):
        await tracker.update(id_, CaseChange(status=CaseStatus.CLOSED))

    assert (await client.ticket(id_)).status == "nieuw"


async def test_a_choice_that_rt_does_not_have_is_noticed(tracker, monkeypatch):
    """RT: 201, and the field stays empty."""
    monkeypatch.setattr("adapters.request_tracker.translate.KINDS", _Odd())

    with pytest.raises(RejectedError, match="without kind"):
        await tracker.create_if_absent(a_case())


class _Odd:
    def __getitem__(self, kind):
        return "iets anders"


async def test_a_handlers_later_change_is_no_silent_yes(tracker, client, handler):
    """Somebody set the same field between our write and our look: newer, and theirs to set."""
    case = a_case()
    id_ = await opened(tracker, case)
    change = client.change

    async def and_then_the_handler(*arguments):
        await change(*arguments)
        await handler.set_status(case.ref, CaseStatus.WAITING_FOR_CUSTOMER)

    client.change = and_then_the_handler

    found = await tracker.update(id_, CaseChange(status=CaseStatus.ANSWERED))

    assert found.status is CaseStatus.WAITING_FOR_CUSTOMER


async def test_a_file_that_rt_cuts_or_drops_is_noticed(tracker):
    content = b"x" * (request_tracker.LARGEST + 1)
    id_ = await opened(tracker, a_case())

    with pytest.raises(RejectedError, match="MaxAttachmentSize"):
        await tracker.add_attachment(id_, f"{id_}/large", a_file(content), content)
    assert await tracker.find_attachment(id_, f"{id_}/large") is None


@pytest.mark.parametrize(
    "media_type", ["text/plain", "text/html; charset=utf-8", "message/rfc822", "multipart/mixed", ""]
)
async def test_letters_of_a_text_file_stay_as_they_are(tracker, handler, media_type):
    """RT would convert them to UTF-8, or take a message apart."""
    content = b"Subject: caf\xe9\r\n\r\n\xff\xfe tekst\r\n"
    id_ = await opened(tracker, a_case())

    kept = await tracker.add_attachment(id_, f"{id_}/text", a_file(content, "brief.txt", media_type), content)

    assert await handler.download(kept) == content


async def test_an_empty_file_keeps_its_name(tracker):
    name = 'leeg "œuvre" \u2013 1.jpg'
    id_ = await opened(tracker, a_case())

    await tracker.add_attachment(id_, f"{id_}/empty", a_file(b"", name), b"")

    assert (await tracker.get(id_)).attachments == (name,)


async def test_no_account_is_made_of_a_customer(tracker, handler):
    case = a_case()
    await opened(tracker, case)

    found = await handler.http.get(
        "users", params={"query": '[{"field": "EmailAddress", "operator": "LIKE", "value": "@example.be"}]'}
    )

    assert found.json()["count"] == 0


async def test_our_own_reply_is_no_answer(tracker, handler):
    case = a_case()
    id_ = await opened(tracker, case)
    batch = await tracker.changes(None, 10_000)
    await tracker.add_note(id_, a_note(f"{id_}/public", public=True))

    (change,) = (await tracker.changes(batch.cursor)).changes

    assert (change.case, change.answers) == (case.ref, ())


async def test_a_query_holds_nothing_but_itself(tracker):
    odd = "x' OR id > 0 OR CF.{canonical_id} = '"
    await opened(tracker, a_case())

    assert await tracker.find(odd) == ()
    assert await tracker.find(odd + "\\") == ()


async def test_an_address_of_something_else_is_said_so(running_tracker):
    client = request_tracker.RequestTrackerClient(
        request_tracker.settings(running_tracker, url=f"{running_tracker.url}elders")
    )
    tracker = request_tracker.tracker_on(client)

    with pytest.raises(TransientError, match="check url"):
        await tracker.ensure_ready(("kcc",))
    await client.close()


async def test_a_wrong_token_is_said_so(running_tracker):
    client = request_tracker.RequestTrackerClient(request_tracker.settings(running_tracker, token="1-1-fout"))
    tracker = request_tracker.tracker_on(client)

    (wrong,) = await tracker.ensure_ready(("kcc",))
    with pytest.raises(MisconfiguredError, match="check token"):
        await tracker.create_if_absent(a_case())
    await client.close()

    assert "check token" in wrong
