"""What the routes of a test know and are told."""

import pytest
from msgspec.structs import replace

from canonical_model.case import CaseCard, CaseRecord, CaseRef
from canonical_model.contact import Channel, Kind
from canonical_model.decision import Known, Match, Reference
from canonical_model.message import Message, MessageId
from canonical_model.status import CaseStatus
from routes.router import CityRoutes
from tests.journal.scene import AN, START, configuration

REF = CaseRef("LEU-2026-000007")
NEXT = CaseRef("LEU-2026-000123")


@pytest.fixture(scope="session")
def told():
    """The configuration."""
    return configuration()


@pytest.fixture
def routes(told):
    return CityRoutes(told)


@pytest.fixture
def case():
    """An open case of An."""
    return CaseRecord(
        ref=REF,
        kind=Kind.REPORT,
        channel=Channel.MAIL,
        group="openbaar-domein",
        status=CaseStatus.IN_PROGRESS,
        opened_at=START,
        card=CaseCard(subject="Kapot voetpad", party=AN, last_message_id="last@x", references=("last@x",)),
    )


@pytest.fixture
def decide(routes):
    """Decides about an event; `known_by` are the references under which cases are known, best first."""

    def decide_(event, *matches, name="m1", recent=0, now=START):
        known = Known(matches=tuple(matches), next_ref=NEXT, now=now, recent_cases=recent)
        message = Message(id=MessageId(name), source="web", source_ref="1", received_at=now, body=event)
        decision = routes.decide(message, known)
        assert routes.decide(message, known) == decision
        assert routes.references(message) == routes.references(message)
        return decision

    return decide_


@pytest.fixture
def by():
    """A case as it is found under a reference."""

    def by_(system, case, value=""):
        return Match(reference=Reference(system=system, value=value or case.ref), case=case)

    return by_


@pytest.fixture
def without_address(case):
    """The same case, of somebody who left no address."""
    return replace(case, card=CaseCard(subject="Kapot voetpad"))
