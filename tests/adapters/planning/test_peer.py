"""npm's `soap` reads the same WSDL as we do: orders arrive there whole, and what it answers is understood."""

import base64
import json

import pytest

from adapters.planning import build
from canonical_model.commands import OrderWork
from canonical_model.work_order import OrderState, order_id
from ports.contracts.crew import BEFORE, a_photo, photo_bytes, some_work
from ports.standing import OutsideStanding


@pytest.fixture
async def adapter(peer, tools):
    adapter = build({"url": peer.url}, tools)
    yield adapter
    await adapter.close()


async def test_an_order_arrives_whole_and_once(adapter, peer):
    work = some_work(attachments=(a_photo(),))

    first = await adapter.crew.apply("key", OrderWork(order=work), photo_bytes)
    second = await adapter.crew.apply("key", OrderWork(order=work), photo_bytes)

    assert first == second == order_id(work.case, 1)
    held = peer.orders()[first]
    assert held["titel"] == work.subject
    assert held["omschrijving"].startswith(work.description)
    assert (held["lat"], held["lon"]) == ("50.877400", "4.700300")
    assert base64.b64decode(held["foto"]) == BEFORE


async def test_signs_that_xml_forbids_go_and_all_others_arrive(adapter, peer):
    work = some_work(subject="Put\x0b <b>&amp;]]>", description="👩\u200d🔧 日本 ]]> \x00\ud800'\"ß")

    id_ = await adapter.crew.apply("key", OrderWork(order=work), photo_bytes)

    held = peer.orders()[id_]
    assert held["titel"] == "Put <b>&amp;]]>"
    assert held["omschrijving"].startswith("👩\u200d🔧 日本 ]]> '\"ß")


async def test_a_photo_of_more_than_ten_megabytes_arrives(adapter, peer):
    content = b"\xff\xd8\xff" + bytes(11_000_000)

    async def fetch(attachment):
        return content

    work = some_work(attachments=(a_photo(content),))
    id_ = await adapter.crew.apply("key", OrderWork(order=work), fetch)

    assert len(base64.b64decode(peer.orders()[id_]["foto"])) == len(content)


async def test_what_it_tells_comes_in_and_stands(adapter, peer, intake):
    work = some_work()
    id_ = await adapter.crew.apply("key", OrderWork(order=work), photo_bytes)

    peer.set_status(id_, "In uitvoering: Ploeg 3 & co <ter plaatse>")
    assert await adapter.sources[0].poll() == 1

    (inbound,) = intake.understood
    assert (inbound.event.state, inbound.event.text) == (OrderState.IN_PROGRESS, "Ploeg 3 & co <ter plaatse>")
    assert json.loads(inbound.raw) == {
        "extern_id": id_,
        "GetStatusResult": "In uitvoering: Ploeg 3 & co <ter plaatse>",
    }
    assert await adapter.crew.standing(work.case, "") == OutsideStanding(
        state=OrderState.IN_PROGRESS, outside_id=id_, text="Ploeg 3 & co <ter plaatse>"
    )


async def test_what_it_does_not_know_is_not_known(adapter):
    work = some_work()

    assert await adapter.crew.find("key", OrderWork(order=work)) is None
    assert await adapter.crew.standing(work.case, order_id(work.case, 1)) is None
    assert await adapter.check() == ()
