"""An outage is one mail when it lasts and one when it is over; a hiccup is none."""

from datetime import timedelta

import pytest
from sqlalchemy import select
from structlog.testing import capture_logs

from journal.operations import Health
from journal.schema import incidents
from ports.errors import RejectedError, TransientError, UncertainError
from ports.target import Idempotency
from worker.alarm import Alarm, AlarmSection


class Relay:
    idempotency = Idempotency.NONE

    def __init__(self):
        self.sent = []
        self.trouble = None

    async def send(self, mail):
        if self.trouble:
            raise self.trouble
        self.sent.append((mail.message_id, mail.to, mail.subject))


def compose(what, outage):
    return f"{outage.system} {what}", outage.what


@pytest.fixture
def relay():
    return Relay()


@pytest.fixture
async def alarm(stage, relay):
    settings = AlarmSection(to="beheer@leuven.test", after=120)
    alarm = Alarm(
        stage.journal,
        relay,
        compose,
        clock=stage.clock,
        owner="w/1",
        settings=settings,
        mail_domain="leuven.test",
    )
    await stage.journal.know_systems(["dosis", "mail"])
    await alarm.look_around(relay)
    stage.clock.advance(timedelta(seconds=1))
    return alarm


async def down(stage, system="dosis"):
    await stage.journal.report(Health(system, ok=False, what="away", failures=5, open_for=1))


async def up(stage, system="dosis"):
    await stage.journal.report(Health(system, ok=True))


def subjects(relay):
    return [subject for _, _, subject in relay.sent]


async def test_an_outage_that_lasts_is_two_mails(alarm, stage, relay):
    await down(stage)
    for _ in range(4):
        await alarm.look_around(relay)
        stage.clock.advance(timedelta(minutes=1))
    assert subjects(relay) == ["dosis began"]
    stage.clock.advance(timedelta(hours=4))
    await up(stage)
    for _ in range(3):
        await alarm.look_around(relay)
    assert subjects(relay) == ["dosis began", "dosis ended"]
    assert {to for _, to, _ in relay.sent} == {"beheer@leuven.test"}
    assert len({id_ for id_, _, _ in relay.sent}) == 2


async def test_a_hiccup_is_no_mail(alarm, stage, relay):
    await down(stage)
    await alarm.look_around(relay)
    stage.clock.advance(timedelta(seconds=30))
    await up(stage)
    await alarm.look_around(relay)
    stage.clock.advance(timedelta(hours=1))
    await alarm.look_around(relay)
    assert relay.sent == []


async def test_what_began_and_ended_between_two_looks_is_told_in_full(alarm, stage, relay):
    await down(stage)
    stage.clock.advance(timedelta(minutes=10))
    await up(stage)
    await alarm.look_around(relay)
    assert subjects(relay) == ["dosis began", "dosis ended"]


async def test_two_systems_are_told_each(alarm, stage, relay):
    await down(stage)
    stage.clock.advance(timedelta(minutes=1))
    await down(stage, "mail")
    stage.clock.advance(timedelta(minutes=5))
    await alarm.look_around(relay)
    await up(stage, "mail")
    stage.clock.advance(timedelta(minutes=1))
    await up(stage)
    await alarm.look_around(relay)
    assert subjects(relay) == ["dosis began", "mail began", "mail ended", "dosis ended"]


async def test_a_relay_that_is_away_is_tried_again(alarm, stage, relay):
    await down(stage)
    stage.clock.advance(timedelta(minutes=5))
    relay.trouble = TransientError("away")
    with pytest.raises(TransientError):
        await alarm.look_around(relay)
    relay.trouble = None
    await alarm.look_around(relay)
    assert subjects(relay) == ["dosis began"]


async def test_a_refused_mail_is_one_line_and_one_incident_and_is_tried_ever_less_often(alarm, stage, relay):
    await down(stage)
    stage.clock.advance(timedelta(minutes=5))
    relay.trouble = RejectedError("the relay refuses the mail")
    with capture_logs() as logged:
        rests = [await alarm.round(relay, 5.0) for _ in range(9)]
    assert [one["reason"] for one in logged if one["event"] == "alarm_delayed"] == [
        "the relay refuses the mail"
    ]
    assert rests == [10, 20, 40, 80, 160, 320, 640, 900, 900]
    (incident,) = [one for one in await incidents_of(stage) if one.system == "alarm"]
    assert (incident.what, incident.closed_at) == ("the relay refuses the mail", None)

    relay.trouble = None
    stage.clock.advance(timedelta(hours=1))
    assert await alarm.round(relay, 5.0) == 5.0
    (incident,) = [one for one in await incidents_of(stage) if one.system == "alarm"]
    assert incident.closed_at
    assert await alarm.round(relay, 5.0) == 5.0
    assert subjects(relay) == ["dosis began"]  # of its own trouble it never mails


async def test_the_next_life_ends_the_incident_of_one_that_died(alarm, stage, relay):
    await down(stage)
    stage.clock.advance(timedelta(minutes=5))
    relay.trouble = TransientError("away")
    for _ in range(3):
        await alarm.round(relay, 5.0)
    relay.trouble = None
    another = Alarm(
        stage.journal,
        relay,
        compose,
        clock=stage.clock,
        owner="w/1",
        settings=AlarmSection(to="beheer@leuven.test", after=120),
        mail_domain="leuven.test",
    )
    await another.round(relay, 5.0)
    (incident,) = [one for one in await incidents_of(stage) if one.system == "mail"]
    assert incident.closed_at


async def incidents_of(stage):
    return await stage.journal.database.read(lambda connection: connection.execute(select(incidents)).all())


async def test_what_may_have_been_sent_is_not_sent_again(alarm, stage, relay):
    await down(stage)
    stage.clock.advance(timedelta(minutes=5))
    relay.trouble = UncertainError("answer lost")
    await alarm.look_around(relay)
    relay.trouble = None
    await alarm.look_around(relay)
    assert relay.sent == []


class RememberingRelay(Relay):
    """Its mails can be looked up; `trouble` comes after a mail was taken."""

    idempotency = Idempotency.PROBE

    async def send(self, mail):
        self.sent.append((mail.message_id, mail.to, mail.subject))
        if self.trouble:
            raise self.trouble

    async def find(self, message_id):
        return any(sent == message_id for sent, _, _ in self.sent)


@pytest.mark.parametrize("trouble", [UncertainError("answer lost"), SystemExit("the process was killed")])
async def test_what_was_sent_by_a_life_that_ended_is_looked_up_and_not_sent_again(alarm, stage, trouble):
    relay = RememberingRelay()
    await down(stage)
    stage.clock.advance(timedelta(minutes=5))
    relay.trouble = trouble
    with pytest.raises(type(trouble)):
        await alarm.look_around(relay)
    relay.trouble = None
    await alarm.look_around(relay)
    await up(stage)
    await alarm.look_around(relay)
    assert subjects(relay) == ["dosis began", "dosis ended"]


async def test_old_outages_are_history(stage, relay):
    await stage.journal.know_systems(["dosis"])
    await down(stage)
    await up(stage)
    stage.clock.advance(timedelta(days=1))
    settings = AlarmSection(to="beheer@leuven.test", after=0)
    alarm = Alarm(
        stage.journal, relay, compose, clock=stage.clock, owner="w", settings=settings, mail_domain="x"
    )
    await alarm.look_around(relay)
    assert relay.sent == []
