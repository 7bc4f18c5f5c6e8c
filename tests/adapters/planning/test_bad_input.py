"""Whatever the planning answers: an error that says what happens next and nothing of people, or a status that goes to the hub."""

import html
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.responses import Response

from adapters.planning.client import PlanningClient
from adapters.planning.settings import Settings
from adapters.planning.source import OrderSource, Watch
from adapters.planning.translate import Werkopdracht
from ports.errors import AdapterError, HubError
from tests.adapters.bad_input import DEEP_XML, FEW, GARBAGE, PERSONAL, TEXTS, quiet, spoilt
from tests.adapters.planning.conftest import settings_for

ORDER = Werkopdracht(
    extern_id="LEU-2026-000123.01",
    titel=PERSONAL,
    omschrijving=PERSONAL,
    gemeld=datetime(2026, 3, 2, 9, 30, tzinfo=UTC),
)
SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
NS = "http://leuven.test/planning/v1"
ENVELOPE = f'<s:Envelope xmlns:s="{SOAP}"><s:Body>%s</s:Body></s:Envelope>'
TAKEN = ENVELOPE % (
    f'<CreateWorkOrderResponse xmlns="{NS}"><CreateWorkOrderResult>GR-1</CreateWorkOrderResult>'
    "</CreateWorkOrderResponse>"
)
STANDS = f'<GetStatusResponse xmlns="{NS}"><GetStatusResult>%s</GetStatusResult></GetStatusResponse>'
FAULT = ENVELOPE % f"<s:Fault><faultcode>s:Client</faultcode><faultstring>{PERSONAL}</faultstring></s:Fault>"
PLACES = (SOAP.encode(), NS.encode(), b"s:Client", b"GR-1", b"Result", b"faultcode")
ANSWERS = (
    spoilt(TAKEN.encode(), PLACES) | spoilt(FAULT.encode(), PLACES) | GARBAGE | st.sampled_from(DEEP_XML)
)
STATUSES = st.sampled_from((200, 201, 202, 204, 302, 400, 401, 404, 413, 429, 500, 503))
TYPES = st.sampled_from(
    (
        "text/xml; charset=utf-8",
        "text/xml; charset=bestaat-niet",
        "multipart/related",
        "multipart/related; boundary=x",
        "",
    )
)


@pytest.fixture(scope="module")
def client(planning_host):
    return PlanningClient(Settings.model_validate(settings_for(planning_host.address, connections=1)))


@FEW
@given(ANSWERS, STATUSES, TYPES)
async def test_whatever_the_planning_answers_says_what_happens_next(
    planning_host, client, body, status, kind
):
    planning_host.app = Response(body, status, headers={"content-type": kind, "retry-after": "²"})
    for call in (client.create(ORDER), client.status(ORDER.extern_id)):
        with quiet():
            try:
                told = await call
            except AdapterError as error:
                assert PERSONAL not in f"{error.what} {error.detail} {error.__cause__!r}"  # noqa: PT017 - an answer is fine too
            else:
                assert told is None or told.strip()


@FEW
@given(TEXTS | st.sampled_from(("Uitgevoerd", f"Uitgevoerd: {PERSONAL}", "Gepland:", ":")))
async def test_whatever_status_it_tells_is_handed_over_or_asked_for_again(
    planning_host, client, tools, intake, status
):
    told = ENVELOPE % STANDS % html.escape(status)
    planning_host.app = Response(told.encode("utf-8", "surrogatepass"), media_type="text/xml")
    watch = Watch(tools.checkpoints)
    await watch.begin("LEU-2026-000123.01")
    source = OrderSource(client._settings, client, watch, tools)

    with quiet():
        try:
            await source.poll()
        except HubError as error:
            assert PERSONAL not in error.what  # noqa: PT017 - being handed over is fine too

    assert all(PERSONAL not in one.problem.what for one in intake.problems)
