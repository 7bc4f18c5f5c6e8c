"""A system that brought a case hears how it goes; others hear nothing."""

import dataclasses

import pytest
from msgspec.structs import replace

from canonical_model.commands import News, TellSystem
from canonical_model.decision import Settled
from canonical_model.events import Answer, CaseChanged
from canonical_model.status import CaseStatus
from routes.router import CityRoutes
from routes.systems import told_of
from tests.journal.scene import START
from tests.routes.conftest import REF


@pytest.fixture
def told(told):
    return dataclasses.replace(told, informed=frozenset({"kassa"}))


@pytest.fixture
def routes(told):
    return CityRoutes(told)


@pytest.fixture
def brought(case):
    """A case that a system behind the adapter `kassa` brought."""
    return replace(case, origin="kassa/parkeren", origin_ref="p-17")


def news(decision):
    intents = decision.intents if decision else ()
    return [one for one in intents if isinstance(one.command, TellSystem)]


def opening(*, applied, reason=""):
    return Settled(
        target="tracker",
        action="open_case",
        key=f"{REF}/tracker/open_case",
        applied=applied,
        at=START,
        outside_id="issue7" if applied else "",
        reason=reason,
    )


def changed(status, *answers, version=1):
    return CaseChanged(
        case=REF,
        tracker_id="issue7",
        version=version,
        status=status,
        group="openbaar-domein",
        answers=tuple(Answer(key=text, text=text, at=START) for text in answers),
        changed_at=START,
    )


def test_it_hears_that_the_tracker_has_its_case(routes, brought):
    (told,) = news(routes.after(opening(applied=True), brought))

    assert told.target == "kassa"
    assert told.command == TellSystem(
        origin="kassa/parkeren",
        origin_ref="p-17",
        case=REF,
        news=News.ACCEPTED,
        status=CaseStatus.IN_PROGRESS,
        at=START,
    )


def test_it_hears_why_the_tracker_refuses_it(routes, brought):
    (told,) = news(routes.after(opening(applied=False, reason="no such group"), brought))

    assert (told.command.news, told.command.text) == (News.REFUSED, "no such group")


def test_it_hears_each_answer_and_each_new_status_once(decide, by, brought):
    first = decide(changed(CaseStatus.ANSWERED, "hersteld"), by("case", brought))
    again = decide(
        changed(CaseStatus.ANSWERED, "hersteld", version=2),
        by("case", replace(brought, status=CaseStatus.ANSWERED, tracker_version=1)),
    )

    assert [(one.command.news, one.discriminator) for one in news(first)] == [
        (News.ANSWERED, "answer-hersteld"),
        (News.CHANGED, "status-1"),
    ]
    assert [one.discriminator for one in news(again)] == ["answer-hersteld"]  # the same key: no second effect


def test_who_does_not_listen_is_not_told(routes, decide, by, case):
    other = replace(case, origin="website", origin_ref="1")

    assert news(routes.after(opening(applied=True), other)) == []
    assert news(decide(changed(CaseStatus.CLOSED), by("case", other))) == []


@pytest.mark.parametrize(
    ("origin", "hearing"),
    [
        ("kassa/parkeren", ("kassa",)),
        ("api/dosis", ("api/dosis", "api/dosis/webhook")),
        ("api/kassa", ("api/kassa",)),
        ("api/kas", ()),
        ("website/json", ()),
    ],
)
def test_a_source_is_heard_by_its_instance_by_itself_and_by_its_further_ways(origin, hearing):
    informed = frozenset({"kassa", "api/dosis", "api/dosis/webhook", "api/kassa"})

    assert told_of(origin, informed) == hearing
