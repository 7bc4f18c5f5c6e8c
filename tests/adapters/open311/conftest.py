"""The server in an application of its own, with an intake that opens cases in memory, and a clock that is set by hand."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from adapters.memory.cases import MemoryCases
from adapters.memory.checkpoints import MemoryCheckpoints
from adapters.open311 import build
from canonical_model.case import CaseRef, case_ref
from canonical_model.contact import Kind
from canonical_model.events import Answer
from canonical_model.status import CaseStatus, StatusChange
from ports.cases import CaseSummary, CaseView, Outcome
from ports.clock import ManualClock
from tests.adapters.given import given
from tests.adapters.website.memory_intake import MemoryIntake
from tests.simulators.open311 import ReportApp
from tests.simulators.photo_host import running_photo_host

FIXTURES = Path(__file__).parent / "fixtures"
KEY = "a-key-of-the-street-app-1"
OTHER_KEY = "a-key-of-another-street-app"
SERVICES = [
    {
        "code": "voetpad",
        "name": "Voetpad of stoep",
        "description": "Losse of gebroken tegels",
        "group": "Openbaar domein",
        "keywords": ["stoep", "tegel"],
        "attributes": [
            {"code": "gevaar", "description": "Is er gevaar?", "datatype": "singlevaluelist", "required": True,
             "values": [{"key": "J", "name": "Ja"}, {"key": "N", "name": "Nee"}]},
            {"code": "breedte", "description": "Hoe breed?", "datatype": "number"},
        ],
    },
    {"code": "lamp-1", "name": "Straatlamp", "category": "straatverlichting"},
    {"code": "idee", "name": "Idee voor de straat", "kind": "suggestion", "type": "batch"},
]  # fmt: skip


class City(MemoryIntake):
    """An intake that opens a case for each report, as the hub does; `holding` keeps new ones in quarantine."""

    def __init__(self, clock, cases):
        super().__init__()
        self.clock = clock
        self.cases = cases
        self.holding = False
        self._by_fingerprint = {}

    async def __call__(self, inbound):
        receipt = await super().__call__(inbound)
        if not receipt.duplicate:
            self._settle(inbound, receipt.message_id)
        return receipt

    def opened(self):
        """The cases, oldest first."""
        return [self.cases._views[ref].summary for ref in sorted(self.cases._views)]

    def step(self, ref, status, answer=None):
        """Handlers do something in the tracker."""
        view = self.cases._views[CaseRef(ref)]
        now = self.clock.now()
        answers = (Answer(key=f"{len(view.answers)}", text=answer, at=now),) if answer else ()
        self.cases.add(
            replace(
                view,
                summary=replace(view.summary, status=status, changed_at=now),
                history=(*view.history, StatusChange(status=status, at=now, by="wegen")),
                answers=view.answers + answers,
            )
        )

    def release(self, inbound, message_id="x"):
        """The contact centre lets a message go on that was held."""
        self._open(inbound, message_id)

    def _settle(self, inbound, message_id):
        contact = inbound.event.contact if inbound.event else None
        held = contact is None or self.holding
        known = self._by_fingerprint.get(contact.fingerprint) if contact and contact.fingerprint else None
        if known or (contact and contact.thread.verified_case):
            ref = known or contact.thread.verified_case
            self._outcome(inbound, message_id, "dropped" if known else "done", self.cases._views[ref].summary)
        elif held:
            self._outcome(inbound, message_id, "quarantined" if contact else "parked", None)
        else:
            self._open(inbound, message_id)

    def _open(self, inbound, message_id):
        contact = inbound.event.contact
        ref = case_ref("LEU", 2026, len(self.cases._views) + 1)
        now = self.clock.now()
        summary = CaseSummary(
            ref=ref, kind=contact.kind or Kind.QUESTION, channel=contact.channel, group="wegen",
            status=CaseStatus.NEW, category=contact.category, area=contact.location.area, origin=inbound.source,
            origin_ref=inbound.source_ref, opened_at=now, changed_at=now, due=now + timedelta(days=20),
            subject=contact.subject,
        )  # fmt: skip
        history = (StatusChange(status=CaseStatus.NEW, at=now, by="wegen"),)
        self.cases.add(CaseView(summary=summary, language=contact.language, history=history))
        if contact.fingerprint:
            self._by_fingerprint[contact.fingerprint] = ref
        self._outcome(inbound, message_id, "done", summary)

    def _outcome(self, inbound, message_id, state, case):
        self.cases.settle(
            inbound.source,
            inbound.source_ref,
            Outcome(message_id=message_id, state=state, reason="", received_at=self.clock.now(), case=case),
        )


@pytest.fixture
def fixture_bytes():
    return lambda name: (FIXTURES / name).read_bytes()


@pytest.fixture
def clock():
    return ManualClock(datetime(2026, 3, 2, 9, 30, tzinfo=UTC))


@pytest.fixture
def cases():
    return MemoryCases()


@pytest.fixture
def city(clock, cases):
    return City(clock, cases)


@pytest.fixture
def checkpoints():
    return MemoryCheckpoints()


@pytest.fixture
def settings():
    return {
        "jurisdiction": "leuven.be",
        "contact": "kcc@leuven.test",
        "public_url": "https://hub.leuven.test/in/open311",
        "services": SERVICES,
        "apps": {"straatapp": {"keys": [KEY]}, "andere": {"keys": [OTHER_KEY], "answers": True}},
    }


@pytest.fixture
def tools(city, cases, clock, checkpoints):
    return given(
        name="open311",
        accept=city,
        checkpoints=checkpoints,
        clock=clock,
        cases=cases,
    )


@pytest.fixture
async def adapter(settings, tools):
    adapter = build(settings, tools)
    yield adapter
    await adapter.close()


@pytest.fixture
async def client(adapter):
    app = FastAPI()
    app.include_router(adapter.webhook, prefix="/in/open311")
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://hub.test/in/open311") as client:
        yield client


@pytest.fixture
def app(client):
    return ReportApp(client=client, address="http://hub.test/in/open311", api_key=KEY)


@pytest.fixture
async def photo_host():
    async with running_photo_host() as host:
        yield host
