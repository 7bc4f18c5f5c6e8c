"""AMQP on a real RabbitMQ: what comes in, what goes out, and what goes wrong."""

import asyncio
import json
import logging
from dataclasses import replace

import pika.exceptions
import pytest

from adapters.amqp import build
from canonical_model.case import CaseRef
from canonical_model.commands import News
from canonical_model.contact import Channel, Kind, Language
from canonical_model.status import CaseStatus
from ports.cases import CaseSummary, CaseView
from ports.contracts.informed import InformedContract, a_key, no_files, some_news
from ports.contracts.source import SourceContract
from ports.errors import MisconfiguredError, RejectedError, TransientError, UncertainError
from ports.intake import Receipt
from ports.submission.cloudevents import STRUCTURED
from ports.tracing import HEADER, within
from tests.adapters.amqp.conftest import PASSWORD


class Behind:
    """The system behind the source, in the words of the suite."""

    def __init__(self, parking, source):
        self._parking, self._source, self._count = parking, source, 0

    async def put(self, text):
        await self._publish(json.dumps({"subject": text, "message": text}).encode())

    async def put_poison(self):
        await self._publish(b'{"subject": ')

    async def unconfirmed(self):
        link = await self._source._opened()
        return await link.waiting(self._source._queue) + len(link.deliveries)

    async def _publish(self, body):
        await self._source._opened()  # the hub declares; a system only publishes
        self._count += 1
        await asyncio.to_thread(self._parking.submit, body, message_id=f"m-{self._count}")


class TestSource(SourceContract):
    @pytest.fixture
    def source(self, adapter):
        return adapter.sources[0]

    @pytest.fixture
    def system(self, parking, source):
        return Behind(parking, source)


class Listening:
    """The system that is told, in the words of the suite."""

    def __init__(self, parking, outbox):
        self._parking, self._outbox = parking, outbox

    def go_away(self):
        self._link = self._outbox._link
        self._outbox._link = Blocked()

    def come_back(self):
        self._outbox._link = self._link

    async def heard(self):
        read = await asyncio.to_thread(self._parking.read)
        return tuple(dict.fromkeys(properties.message_id for properties, _ in read))


class Blocked:
    """A link in the alarm of the broker."""

    lost = None

    async def publish(self, exchange, key, message):
        raise TransientError("RabbitMQ takes nothing now")


def of_parking(**changes):
    return some_news(origin="amqp/parking", origin_ref="pw-17", **changes)


class TestOutbox(InformedContract):
    """The suite's news comes from another origin and names its keys itself: both are brought to ours."""

    @pytest.fixture
    def informed(self, outbox):
        return Addressed(outbox)

    @pytest.fixture
    def listener(self, parking, outbox):
        return Mapped(Listening(parking, outbox))


class Addressed:
    """The outbox, for news of `parking`."""

    def __init__(self, outbox):
        self._outbox, self.idempotency = outbox, outbox.idempotency

    async def apply(self, key, command, fetch):
        if hasattr(command, "origin"):
            command = of_parking()
        id_ = await self._outbox.apply(key, command, fetch)
        KEYS[id_] = key
        return id_


KEYS = {}


class Mapped:
    """Says which key a message id stands for."""

    def __init__(self, listening):
        self._listening = listening
        self.go_away, self.come_back = listening.go_away, listening.come_back

    async def heard(self):
        return tuple(KEYS[id_] for id_ in await self._listening.heard())


async def submitted(source, system, *bodies, **properties):
    """Declare, publish, poll: how many were new."""
    await source.poll()
    await asyncio.to_thread(system.submit, *bodies, **properties)
    return await source.poll()


async def test_a_cloudevent_becomes_a_contact(source, parking, intake, fixture_bytes):
    await submitted(source, parking, fixture_bytes("cloudevent.json"), content_type=STRUCTURED)

    (inbound,) = intake.understood
    contact = inbound.event.contact
    assert inbound.source == "amqp/parking"
    assert inbound.source_ref == "https://parkeren.leuven.test/meldingen pw-2026-004711"
    assert inbound.raw == fixture_bytes("cloudevent.json")
    assert (contact.channel, contact.kind, contact.category) == (Channel.SYSTEM, Kind.REPORT, "parkeren")
    assert contact.party.email == "an.peeters@example.be"


async def test_our_contract_without_an_envelope_is_taken_too(source, parking, intake, fixture_bytes):
    await submitted(source, parking, fixture_bytes("contract.json"), message_id="vraag-1")

    (inbound,) = intake.understood
    assert inbound.source_ref == "vraag-1"
    assert inbound.event.contact.subject == "Vraag over bewonerskaart"


async def test_an_own_shape_is_mapped_and_nothing_of_it_is_lost(adapter, groen, intake, fixture_bytes):
    await submitted(adapter.sources[1], groen, fixture_bytes("own_shape.json"), message_id="ZB-17")

    contact = intake.understood[0].event.contact
    assert (contact.kind, contact.category, contact.party.name) == (Kind.REPORT, "zwerfvuil", "Els Maes")
    assert contact.text == "Er drijven plastic zakken.\n\ndossiernr: ZB-17\naantal_zakken: 4"


async def test_without_any_id_the_content_counts_by_a_keyed_hash(source, parking, intake, fixture_bytes):
    body = fixture_bytes("contract.json")

    assert await submitted(source, parking, body, body) == 1

    (inbound,) = intake.understood
    assert inbound.source_ref.startswith("content:")


async def test_an_unread_message_is_kept_dead_lettered_and_told(source, parking, intake):
    assert await submitted(source, parking, b'{"subject": 7, "message": "x"}', message_id="fout-1") == 1

    assert intake.problems[0].problem.what == "$.subject: Expected `str`, got `int`"
    (_, copy), *others = await eventually(parking.read, "refused")
    assert (copy, others) == (b'{"subject": 7, "message": "x"}', [])
    (properties, told), *_ = await asyncio.to_thread(parking.read)
    assert properties.correlation_id == "fout-1"
    assert json.loads(told)["type"] == "be.wegwijzer.message.refused.v1"
    assert json.loads(told)["data"]["reason"] == "$.subject: Expected `str`, got `int`"


@pytest.mark.parametrize(
    ("body", "content_type", "reason"),
    [
        (b"\xff\xfe", "application/json", "$: "),
        (b'{"specversion":"1.0","id":"1","source":"x","type":"iets.anders"}', STRUCTURED, "$.type: expected"),
        (
            b'{"specversion":"0.3","id":"1","source":"x","type":"iets"}',
            STRUCTURED,
            "$.specversion: is not one",
        ),
        (b'{"subject":"a","subject":"b"}', "application/json", "$: holds the same key twice"),
        (b"[" * 50_000, "application/json", "$"),
        (b"", "text/plain", "$: Input data was truncated"),
    ],
)
async def test_whatever_comes_is_kept_with_its_reason(source, parking, intake, body, content_type, reason):
    assert await submitted(source, parking, body, content_type=content_type, message_id="x") == 1

    assert intake.problems[0].problem.what.startswith(reason)
    assert intake.problems[0].raw == body


class StrictIntake:
    """Refuses another content under the same id, as the journal does."""

    def __init__(self):
        self.kept = {}

    async def __call__(self, inbound):
        if self.kept.setdefault(inbound.source_ref, inbound.raw) != inbound.raw:
            raise RejectedError("this id was used before for another content: the first one is kept")
        return Receipt(message_id=inbound.source_ref)


async def test_a_second_message_under_the_same_id_is_kept_beside_the_first(settings, tools, parking):
    intake = StrictIntake()
    adapter = build(settings, replace(tools, accept=intake))

    await submitted(adapter.sources[0], parking, b'{"subject":"a","message":"a"}', message_id="7")
    await submitted(adapter.sources[0], parking, b'{"subject":"b","message":"b"}', message_id="7")

    assert len(intake.kept) == 2
    assert len(await eventually(parking.read, "refused")) == 1
    await adapter.close()


async def test_who_does_not_say_who_it_is_is_not_believed(source, parking, intake, fixture_bytes):
    await submitted(source, parking, fixture_bytes("contract.json"), message_id="m", user_id=None)

    assert intake.problems[0].problem.what.startswith("user_id: expected")


async def test_rabbitmq_refuses_a_wrong_user_id_itself(source, parking, fixture_bytes):
    await source.poll()

    with pytest.raises(pika.exceptions.ChannelClosedByBroker):
        await asyncio.to_thread(parking.submit, fixture_bytes("contract.json"), user_id="groen")


async def test_a_system_writes_and_reads_only_its_own(adapter, parking, prefix, fixture_bytes):
    for source in adapter.sources:
        await source.poll()

    for act in (
        lambda channel: channel.basic_publish(f"{prefix}.in.groen", "groen", b"{}"),
        lambda channel: channel.basic_get(f"{prefix}.out.groen"),
        lambda channel: channel.basic_get(f"{prefix}.in.parking"),
        lambda channel: channel.queue_delete(f"{prefix}.out.parking"),
    ):
        with pytest.raises(pika.exceptions.ChannelClosedByBroker) as refused:
            await asyncio.to_thread(refused_act, parking, act)
        assert refused.value.reply_code == 403


def refused_act(system, act):
    with system.channel() as channel:
        channel.confirm_delivery()
        act(channel)


async def test_news_says_which_message_it_is_about(outbox, parking):
    key = "LEU-2026-000123/amqp/parking/tell_system/accepted"

    id_ = await outbox.apply(key, of_parking(), no_files)

    ((properties, body),) = await asyncio.to_thread(parking.read)
    event = json.loads(body)
    assert (properties.message_id, properties.delivery_mode, properties.content_type) == (id_, 2, STRUCTURED)
    assert event["type"] == properties.type == "be.wegwijzer.case.accepted.v1"
    assert event["data"]["about"] == {"source": "", "id": "pw-17"}
    assert (event["subject"], event["data"]["case"]) == ("LEU-2026-000123", "LEU-2026-000123")


async def test_the_trace_goes_along_both_ways(outbox, source, parking, intake, fixture_bytes):
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    with within(trace):
        await outbox.apply(a_key(), of_parking(), no_files)
    await outbox.apply(a_key(), of_parking(), no_files)
    sent = [properties.headers or {} for properties, _ in await asyncio.to_thread(parking.read)]
    assert [headers.get(HEADER) for headers in sent] == [trace, None]

    for id_, told in (("a", trace), ("b", "an.peeters@burger.test")):
        await submitted(
            source, parking, fixture_bytes("contract.json"), message_id=id_, headers={HEADER: told}
        )
    assert [one.traceparent for one in intake.understood] == [trace, ""]


async def test_a_refusal_and_an_answer_carry_their_text(outbox, parking):
    await outbox.apply(a_key(), of_parking(news=News.REFUSED, text="no such group"), no_files)
    await outbox.apply(a_key(), of_parking(news=News.ANSWERED, text="Het is hersteld."), no_files)

    bodies = [json.loads(body) for _, body in await asyncio.to_thread(parking.read)]
    assert [(one["type"], one["data"]["text"]) for one in bodies] == [
        ("be.wegwijzer.case.refused.v1", "no such group"),
        ("be.wegwijzer.case.answered.v1", "Het is hersteld."),
    ]


async def test_news_for_a_system_that_is_gone_from_the_settings_waits_for_a_person(outbox):
    with pytest.raises(RejectedError):
        await outbox.apply(a_key(), some_news(origin="amqp/weg"), no_files)


async def test_a_full_queue_is_a_reason_to_come_back(settings, tools, parking):
    adapter = build(settings | {"max_waiting": 1}, tools)
    try:
        with pytest.raises(TransientError, match="full"):
            await told_often(adapter.informed, 20)  # a quorum queue takes a few more than its limit
    finally:
        await adapter.close()


async def test_a_queue_deleted_behind_our_back_is_declared_again(outbox, rabbit, prefix, parking):
    await outbox.apply(a_key(), of_parking(), no_files)
    await deleted(rabbit, f"{prefix}.out.parking")

    with pytest.raises(TransientError, match="declared again"):
        await outbox.apply(a_key(), of_parking(), no_files)
    await outbox.apply(a_key(), of_parking(), no_files)

    assert len(await asyncio.to_thread(parking.read)) == 1


async def test_a_queue_deleted_under_the_consumer_is_declared_again(source, rabbit, prefix, parking, intake):
    await source.poll()
    await deleted(rabbit, f"{prefix}.in.parking")

    assert await eventually_polled(source, parking) >= 1


async def deleted(rabbit, queue):
    def delete():
        parameters = pika.ConnectionParameters(port=rabbit.port)
        connection = pika.BlockingConnection(parameters)
        connection.channel().queue_delete(queue)
        connection.close()

    await asyncio.to_thread(delete)


async def eventually_polled(source, parking):
    async with asyncio.timeout(20):
        while True:
            try:
                return await submitted(source, parking, b'{"subject":"a","message":"b"}', message_id="m")
            except (TransientError, pika.exceptions.AMQPError):
                await asyncio.sleep(0.1)


async def eventually(read, *words):
    """What dead-lettering brings comes a moment later."""
    async with asyncio.timeout(10):
        while not (found := await asyncio.to_thread(read, *words)):  # noqa: ASYNC110 - a queue rings no bell
            await asyncio.sleep(0.05)
    return found


async def test_a_named_case_of_its_own_is_joined_another_only_mentioned(source, parking, intake, cases):
    cases.add(a_case("LEU-2026-000001", "amqp/parking"))
    cases.add(a_case("LEU-2026-000002", "amqp/groen"))
    await source.poll()
    for number in (1, 2):
        body = {"subject": "Nog iets", "message": "x", "case": f"LEU-2026-00000{number}"}
        await asyncio.to_thread(parking.submit, json.dumps(body).encode(), message_id=f"m{number}")
    await source.poll()

    threads = [inbound.event.contact.thread for inbound in intake.understood]
    assert [(one.verified_case, one.claimed_case) for one in threads] == [
        ("LEU-2026-000001", "LEU-2026-000001"),
        ("", "LEU-2026-000002"),
    ]


def a_case(ref, origin):
    moment = some_news().at
    return CaseView(
        summary=CaseSummary(
            ref=CaseRef(ref),
            kind=Kind.REPORT,
            channel=Channel.SYSTEM,
            group="wegen",
            status=CaseStatus.NEW,
            category="",
            area="",
            origin=origin,
            origin_ref="1",
            opened_at=moment,
            changed_at=moment,
            due=None,
        ),
        language=Language.NL,
    )


async def test_wrong_credentials_stop_the_source_and_say_what_to_do(settings, tools):
    adapter = build(settings | {"password": "fout"}, tools)

    with pytest.raises(MisconfiguredError, match="user, password and vhost"):
        await adapter.sources[0].poll()
    assert await adapter.check() == ("RabbitMQ does not let us in: look at user, password and vhost",)
    await adapter.close()


async def test_no_right_to_declare_says_which(settings, tools):
    adapter = build(settings | {"user": "parking"}, tools)

    with pytest.raises(MisconfiguredError, match="ACCESS_REFUSED"):
        await adapter.sources[0].poll()
    await adapter.close()


async def test_a_broker_that_is_not_there_is_a_reason_to_come_back(settings, tools):
    adapter = build(settings | {"port": 1}, tools)

    with pytest.raises(TransientError):
        await adapter.sources[0].poll()
    assert await adapter.check() == ("RabbitMQ is not there",)
    await adapter.close()


async def test_tls_checks_the_certificate(settings, tools, rabbit, parking):
    tls = settings | {"tls": True, "port": rabbit._tls_port}
    trusting = build(tls | {"ca_file": str(rabbit.authority)}, tools)
    wary = build(tls, tools)

    assert await trusting.check() == ()
    assert await trusting.sources[0].poll() == 0
    assert await wary.check() == ("the certificate of RabbitMQ is not trusted: see ca_file",)
    await trusting.close()
    await wary.close()


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"systems": {"Kassa 1": {"user": "x"}}}, "systems"),
        ({"systems": {"kassa": {"user": "x", "fields": {"a": "nergens"}}}}, "no such field of ours: nergens"),
        ({"port": 0}, "port"),
        ({"onbekend": 1}, "onbekend"),
        ({"ca_file": "/nergens.pem", "tls": True}, "ca_file"),
    ],
)
def test_settings_that_do_not_fit_are_named(settings, tools, wrong, named):
    with pytest.raises(MisconfiguredError, match=named):
        build(settings | wrong, tools)


async def test_a_shared_user_is_found(settings, tools):
    shared = settings | {"systems": {"a": {"user": "parking"}, "b": {"user": "parking"}}}
    adapter = build(shared, tools)

    assert await adapter.check() == ("a RabbitMQ user is set twice: give every system, and the hub, its own",)


async def test_the_log_names_nobody(source, parking, caplog, capsys, fixture_bytes):
    with caplog.at_level(logging.DEBUG):
        await submitted(source, parking, fixture_bytes("cloudevent.json"), content_type=STRUCTURED)
        await submitted(source, parking, b'{"person": {"email": "an.peeters"}}', message_id="p")

    said = caplog.text + "".join(capsys.readouterr())
    assert "peeters" not in said
    assert PASSWORD not in said


async def test_a_confirm_that_comes_too_late_counts_for_nothing(rabbit, outbox, parking):
    await outbox.apply("LEU-2026-000001/amqp/parking/tell_system/a", of_parking(), no_files)
    rabbit.freeze()
    try:
        with pytest.raises((UncertainError, TransientError)):
            await outbox.apply("LEU-2026-000001/amqp/parking/tell_system/b", of_parking(), no_files)
        assert outbox._link.lost
    finally:
        rabbit.thaw()

    third = await told_at_last(outbox, "LEU-2026-000001/amqp/parking/tell_system/c")

    heard = [properties.message_id for properties, _ in await asyncio.to_thread(parking.read)]
    assert third in heard


async def test_an_alarm_of_the_broker_holds_publishing_back_and_ends(rabbit, outbox, parking, source):
    await source.poll()
    await asyncio.to_thread(rabbit.ctl, "set_vm_memory_high_watermark", "0.0000001")
    try:
        async with asyncio.timeout(30):
            with pytest.raises((TransientError, UncertainError)):
                await told_often(outbox, 100_000)
    finally:
        await asyncio.to_thread(rabbit.ctl, "set_vm_memory_high_watermark", "0.4")

    assert await told_at_last(outbox, a_key())


async def told_often(outbox, times):
    for _ in range(times):
        await outbox.apply(a_key(), of_parking(), no_files)


async def told_at_last(outbox, key):
    """As the worker does it: again until it works."""
    async with asyncio.timeout(30):
        while True:
            try:
                return await outbox.apply(key, of_parking(), no_files)
            except (TransientError, UncertainError):
                await asyncio.sleep(0.2)
