"""What the crew sees, and its buttons: the page does what the hub then reads."""

import httpx
import pytest

from canonical_model.commands import OrderWork
from canonical_model.work_order import OrderState
from ports.contracts.crew import AFTER, BEFORE, a_photo, key_of, photo_bytes, some_work


@pytest.fixture
async def page(server):
    async with httpx.AsyncClient(base_url=server.address, trust_env=False, follow_redirects=True) as client:
        yield client


@pytest.fixture
async def job_id(crew):
    work = some_work(attachments=(a_photo(BEFORE),))
    return await crew.apply(key_of(work), OrderWork(order=work), photo_bytes)


async def test_the_crew_reads_its_work_and_nothing_is_executed(page, job_id):
    text = (await page.get("/ploeg")).text

    assert "Losse tegel" in text
    assert "&lt;b&gt;Pas op&lt;/b&gt;" in text
    assert "<b>" not in text
    assert "Te doen" in text
    assert '<img src="/media/1.jpg" alt="Foto bij de melding">' in text


async def test_a_button_with_a_note_and_a_photo_comes_in(page, job_id, source, intake):
    answer = await page.post(
        f"/ploeg/{job_id}", data={"state": "done", "note": "Tegel ligt"}, files={"photo": ("na.jpg", AFTER)}
    )
    await source.poll()

    assert "Klaar" in answer.text
    (inbound,) = intake.understood
    assert (inbound.event.state, inbound.event.text) == (OrderState.DONE, "Tegel ligt")
    assert [file.content for file in inbound.files] == [AFTER]


@pytest.mark.parametrize(
    "state", [OrderState.PLANNED, OrderState.IN_PROGRESS, OrderState.CANCELLED, OrderState.NOT_FOUND]
)
async def test_every_button_says_what_it_says(page, job_id, source, intake, state):
    await page.post(f"/ploeg/{job_id}", data={"state": state})
    await source.poll()

    assert [inbound.event.state for inbound in intake.understood] == [state]


async def test_a_button_for_no_job_does_nothing(page):
    assert (await page.post("/ploeg/SR-0", data={"state": "done"})).status_code == 404
    assert (await page.post("/ploeg/SR-0", data={"state": "opgeblazen"})).status_code == 404
