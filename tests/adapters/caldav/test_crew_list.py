"""What the crew sees of its task list on a page, and its buttons."""

import httpx
import pytest

from canonical_model.commands import OrderWork
from canonical_model.work_order import OrderState
from demo.task_app import crew_list
from ports.contracts.crew import AFTER, BEFORE, a_photo, key_of, photo_bytes, some_work


@pytest.fixture
async def page(app):
    transport = httpx.ASGITransport(crew_list(app, "Ploeg groen"))
    async with httpx.AsyncClient(
        transport=transport, base_url="http://ploeg.test", follow_redirects=True
    ) as client:
        yield client


async def test_a_button_with_a_note_and_a_photo_comes_in(page, crew, source, intake):
    work = some_work(attachments=(a_photo(BEFORE),))
    name = await crew.apply(key_of(work), OrderWork(order=work), photo_bytes)

    before = await page.get("/ploeg")
    after = await page.post(
        f"/ploeg/{name}", data={"state": "done", "note": "Gesnoeid"}, files={"photo": ("na.jpg", AFTER)}
    )
    await source.poll()

    assert "Te doen" in before.text
    assert "&lt;b&gt;Pas op&lt;/b&gt;" in before.text
    assert (await page.get(f"/photos/{name}/0.jpg")).content == BEFORE
    assert "Klaar" in after.text
    (inbound,) = intake.understood
    assert (inbound.event.state, inbound.event.text) == (OrderState.DONE, "Gesnoeid")
    assert [file.content for file in inbound.files] == [AFTER]
