"""The hand-off between machines, on a real RabbitMQ: what every broker does, and what goes wrong with this one."""

import asyncio
import json
import time
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from uuid import uuid4

import pika
import pytest
from amqp.exceptions import ChannelError, MessageNacked
from structlog.testing import capture_logs

from broker.daemon import in_thread
from broker.link import LOST, Queues, RabbitMq
from broker.rabbitmq import RabbitMqBroker, ids_in
from ports.errors import MisconfiguredError, NotUnderstoodError
from tests.broker.contract import BrokerContract
from tests.broker.gate import Gate
from tests.broker.server import breakable
from tests.broker.taking import Stopwatch, taken, until
from tests.servers.private import free_port

PATIENCE = 1.0
"""Seconds for one answer of the broker; short, so that the tests are."""


@pytest.fixture(scope="module")
def server():
    with breakable() as running:
        yield running


@pytest.fixture
def queue():
    return f"test.{uuid4().hex}"


@pytest.fixture
def rabbit(server, queue):
    return RabbitMq(url=server.url, queues=_queues(queue), patience=PATIENCE)


@pytest.fixture
def told():
    with capture_logs() as events:
        yield events


def _queues(queue):
    return Queues(work=queue, undecodable=f"{queue}.undecodable")


def _broker(url, queue, **options):
    return RabbitMqBroker(
        url, queue, **{"undecodable": f"{queue}.undecodable", "publish_timeout": PATIENCE} | options
    )


@asynccontextmanager
async def _started(url, queue, **options):
    broker = _broker(url, queue, **options)
    await broker.start()
    try:
        yield broker
    finally:
        await broker.close()


@asynccontextmanager
async def _working(url, queue, **options):
    """A broker through which an id has passed."""
    async with _started(url, queue, **options) as broker:
        await broker.hand_out(["first"])
        assert "first" in await taken(broker, ["first"])
        yield broker


@contextmanager
def _stranger(url):
    """Somebody else's client, to look at the broker from outside."""
    connection = pika.BlockingConnection(pika.URLParameters(url.removesuffix("/") + "%2F"))
    try:
        yield connection.channel()
    finally:
        if connection.is_open:
            connection.close()


@contextmanager
def _frozen(server):
    server.freeze()
    try:
        yield
    finally:
        server.thaw()


def _how_often(told, event):
    return sum(entry["event"] == event for entry in told)


class TestRabbitMqBroker(BrokerContract):
    @pytest.fixture
    async def brokers(self, rabbitmq_url, queue):
        one, other = _broker(rabbitmq_url, queue), _broker(rabbitmq_url, queue)
        await one.start()
        await other.start()
        yield one, other
        await one.close()
        await other.close()
        with _stranger(rabbitmq_url) as channel:
            channel.queue_delete(queue)
            channel.queue_delete(f"{queue}.undecodable")


# What travels


async def test_a_message_is_a_durable_list_of_ids_and_nothing_else(server, queue):
    async with _started(server.url, queue) as broker:
        await broker.hand_out(["a", "b"])
        await asyncio.sleep(0.5)

    with _stranger(server.url) as channel:
        bodies = list(iter(lambda: channel.basic_get(queue, auto_ack=True), (None, None, None)))
    assert [json.loads(body) for _, _, body in bodies] == [[], ["a", "b"]]
    assert [(p.delivery_mode, p.content_type) for _, p, _ in bodies] == [(2, "application/json")] * 2
    assert {name for _, p, _ in bodies for name in p.headers} <= {"x-delivery-count"}  # the server's own


async def test_many_ids_share_a_message(server, queue):
    async with _started(server.url, queue) as broker:
        await broker.hand_out([str(number) for number in range(1000)])
        await asyncio.sleep(0.5)

    with _stranger(server.url) as channel:
        assert channel.queue_declare(queue, passive=True).method.message_count == 11


async def test_who_only_hands_out_keeps_nothing_from_the_takers(server, queue):
    async with _started(server.url, queue) as door:
        await door.hand_out(["a"])
        await asyncio.sleep(0.5)

        with _stranger(server.url) as channel:
            assert channel.queue_declare(queue, passive=True).method.consumer_count == 0


async def test_what_a_taker_left_goes_to_the_next_at_once(server, queue):
    ids = [str(number) for number in range(500)]
    async with _working(server.url, queue) as leaver:
        await leaver.hand_out(ids)
        left = await taken(leaver, ids[:1], limit=1)

    async with _started(server.url, queue) as heir:
        inherited = await taken(heir, set(ids) - set(left), seconds=5)

    assert set(left) | set(inherited) >= set(ids)


BODIES = {
    "half a list": (b'["a"', "application/json"),
    "no list": (b'{"id": "a"}', "application/json"),
    "no ids": (b'["a", 1]', "application/json"),
    "an empty id": (b'["a", ""]', "application/json"),
    "no text": (b'["\xff"]', "application/json"),
    "deep": (b"[" * 100_000, "application/json"),
    "nothing": (b"", "application/json"),
    "too large": (json.dumps(["a" * 1_000_001]).encode(), "application/json"),
    "pickle": (b"\x80\x04]\x94\x8c\x01a\x94a.", "application/x-python-serialize"),
    "no type": (b'["a"]', None),
}


@pytest.mark.parametrize(("body", "content_type"), BODIES.values(), ids=BODIES)
def test_only_a_list_of_ids_is_understood(body, content_type):
    with pytest.raises(NotUnderstoodError):
        ids_in(_Raw(body, content_type))


class _Raw:
    def __init__(self, body, content_type):
        self.body, self.content_type, self.delivery_tag = body, content_type, 1


async def test_what_cannot_be_read_is_kept_aside_and_stops_nobody(server, queue, told):
    async with _working(server.url, queue) as broker:
        with _stranger(server.url) as channel:
            for body, content_type in BODIES.values():
                channel.basic_publish("", queue, body, pika.BasicProperties(content_type=content_type))
            squeezed = pika.BasicProperties(
                content_type="application/json", headers={"compression": "unheard-of"}
            )
            channel.basic_publish("", queue, b"squeezed", squeezed)
        await broker.hand_out(["good"])

        assert "good" in await taken(broker, ["good"])
        await until(lambda: _how_often(told, "broker_message_undecodable") == len(BODIES) + 1)

    with _stranger(server.url) as channel:
        aside = f"{queue}.undecodable"
        kept = sorted(
            body for _, _, body in iter(lambda: channel.basic_get(aside, auto_ack=True), (None,) * 3)
        )
        assert channel.queue_declare(queue, passive=True).method.message_count == 0
    assert kept == sorted([*(body for body, _ in BODIES.values()), b"squeezed"])
    assert not _how_often(told, "broker_lost")


# What will never work


async def test_a_queue_of_another_kind_stops_the_start(server, queue):
    with _stranger(server.url) as channel:
        channel.queue_declare(queue, durable=True)

    with pytest.raises(MisconfiguredError, match="PRECONDITION_FAILED"):
        await _start_and_close(_broker(server.url, queue))


@pytest.mark.parametrize(
    "wrong",
    [
        "amqp://guest:wrong@127.0.0.1:{port}//",
        "amqp://guest:guest@127.0.0.1:{port}/nowhere",
        "http://127.0.0.1:{port}/",
        "amqp://guest:guest@127.0.0.1:port//",
    ],
)
async def test_a_wrong_address_stops_the_start_without_telling_the_password(server, queue, wrong):
    with pytest.raises(MisconfiguredError) as refused:
        await _start_and_close(_broker(wrong.format(port=server.port), queue))

    assert "wrong" not in refused.value.what


async def _start_and_close(broker):
    try:
        await broker.start()
    finally:
        await broker.close()


async def test_over_tls_the_server_proves_who_it_is(server, queue):
    async with _working(server.tls_url(), queue, ca_file=str(server.authority)):
        pass


@pytest.mark.parametrize("stranger", ["localhost", "127.0.0.1"])
async def test_over_tls_an_unproven_server_stops_the_start(server, queue, stranger):
    known = {"ca_file": str(server.authority)} if stranger == "localhost" else {}

    with pytest.raises(MisconfiguredError, match="certificate"):
        await _start_and_close(_broker(server.tls_url(stranger), queue, **known))


# What one connection promises


def test_a_frozen_broker_is_not_waited_for(server, rabbit):
    with _frozen(server), Stopwatch() as took, pytest.raises(TimeoutError):
        rabbit.check()

    assert took.seconds < 3 * PATIENCE


def test_a_late_confirm_is_never_taken_for_the_next_message(server, rabbit):
    links = []

    def publish_to_a_frozen_server():
        with rabbit.link() as link, _frozen(server):
            links.append(link)
            link.publish(["a"])

    with pytest.raises(TimeoutError):
        publish_to_a_frozen_server()
    time.sleep(0.3)  # the confirm of "a" has come by now

    with pytest.raises(LOST):
        links[0].publish(["b"])


def test_a_message_for_which_there_is_no_queue_is_not_published(server, rabbit, queue):
    def publish_around_the_loss_of_the_queue():
        with rabbit.link() as link:
            link.publish(["a"])
            with _stranger(server.url) as channel:
                channel.queue_delete(queue)
            link.publish(["b"])

    with pytest.raises(ChannelError, match="NO_ROUTE"):
        publish_around_the_loss_of_the_queue()


def test_a_message_for_which_there_is_no_room_is_not_published(server, rabbit, queue):
    server.ctl("set_policy", "full", f"^{queue}$", '{"max-length": 2}', "--apply-to", "queues")

    def publish_much():
        with rabbit.link() as link:
            for number in range(50):
                link.publish([str(number)])

    with pytest.raises(MessageNacked):
        publish_much()


CALLS = {
    "publish": lambda link: link.publish(["a"]),
    "consume": lambda link: link.consume(1, print),
    "heed": lambda link: link.heed(0.2),
    "part": lambda link: link.part(),
}


@pytest.mark.parametrize("after", [0, 3, 9], ids=["silence", "half a head", "half a frame"])
@pytest.mark.parametrize("call", CALLS)
async def test_no_call_waits_for_ever_for_a_broker_that_fell_silent(server, queue, call, after):
    def speak(gate):
        url = server.url.replace(str(server.port), str(gate.port))
        rabbit = RabbitMq(url=url, queues=_queues(queue), patience=PATIENCE / 2)
        with rabbit.link() as link:
            gate.hold(after)
            CALLS[call](link)
            CALLS[call](link)  # where the first may end with nothing heard, the second must not hang

    async with Gate(server.port).opened() as gate:
        speaking = in_thread("test", partial(speak, gate))
        await asyncio.wait([speaking], timeout=3 * PATIENCE)

    assert speaking.done()
    assert isinstance(speaking.exception(), LOST)


async def test_half_a_frame_of_news_does_not_hold_up_a_publication(server, queue):
    def speak(gate):
        url = server.url.replace(str(server.port), str(gate.port))
        rabbit = RabbitMq(url=url, queues=_queues(queue), patience=PATIENCE / 2)
        with rabbit.link() as link:
            link.publish([])
            link.consume(10, lambda message: None)
            link.heed(PATIENCE)
            gate.hold(30)
            with _stranger(server.url) as channel:
                channel.basic_publish("", queue, b"[]", pika.BasicProperties(content_type="application/json"))
            time.sleep(0.3)
            link.publish(["a"])

    async with Gate(server.port).opened() as gate:
        speaking = in_thread("test", partial(speak, gate))
        await asyncio.wait([speaking], timeout=3 * PATIENCE)

    assert speaking.done()
    assert isinstance(speaking.exception(), LOST)


# What the broker does to us


async def test_a_frozen_broker_holds_up_nobody(server, queue, told):
    async with _working(server.url, queue) as broker:
        leaver = _broker(server.url, queue)
        await leaver.start()
        with _frozen(server):
            with Stopwatch() as handing_out:
                await broker.hand_out(["lost"])
                await leaver.hand_out(["lost too"])
            with Stopwatch() as closing:
                await leaver.close()
            with Stopwatch() as starting:
                late = _broker(server.url, queue)
                await late.start()
            await until(lambda: broker.dropped == 1)
        await broker.hand_out(["after"])

        assert {"after"} <= set(await taken(broker, ["after"]))
        assert handing_out.seconds < 0.1
        assert closing.seconds < 5
        assert starting.seconds < 5
        await late.hand_out(["late"])
        assert "late" in await taken(broker, ["late"])
        await late.close()


async def test_a_killed_broker_is_told_once_and_comes_back_once(server, queue, told):
    async with _working(server.url, queue, room=50) as broker:
        await asyncio.sleep(3)  # RabbitMQ 3.10 may never revive a queue that is younger than its death
        server.kill()
        await until(lambda: _how_often(told, "broker_lost") == 1)
        await asyncio.sleep(1)  # both threads have noticed
        early = _broker(server.url, queue)
        with Stopwatch() as starting:
            await early.start()
        with Stopwatch() as handing_out:
            for number in range(100):
                await broker.hand_out([f"meanwhile {number}"])
        assert not await broker.take(10, 0.3)
        server.start()

        wanted = [f"meanwhile {number}" for number in range(50)]
        assert set(wanted) <= set(await taken(broker, wanted))
        await early.hand_out(["early"])
        assert "early" in await taken(broker, ["early"])
        await early.close()
        await until(lambda: _how_often(told, "broker_back") == 2)
    assert starting.seconds < 5
    assert handing_out.seconds < 0.5
    assert broker.dropped == 50
    assert _how_often(told, "broker_lost") == 2  # once by each
    assert _how_often(told, "broker_outbox_full") == 1


async def test_a_broker_that_forgot_everything_is_taught_anew(server, queue):
    async with _working(server.url, queue) as broker:
        server.kill()
        server.wipe()
        server.start()

        await broker.hand_out(["after"])

        assert "after" in await taken(broker, ["after"])


async def test_a_queue_deleted_under_our_feet_is_made_again(server, queue, told):
    async with _working(server.url, queue) as broker:
        with _stranger(server.url) as channel:
            channel.queue_delete(queue)
        await until(lambda: _how_often(told, "broker_back") == 1)

        await broker.hand_out(["after"])

        assert "after" in await taken(broker, ["after"])


@pytest.mark.parametrize(
    ("alarm", "calm"),
    [
        (("set_disk_free_limit", "100000GB"), ("set_disk_free_limit", "100MB")),
        (("set_vm_memory_high_watermark", "absolute", "1MB"), ("set_vm_memory_high_watermark", "0.4")),
    ],
    ids=["disk", "memory"],
)
async def test_an_alarm_stops_publishing_only(server, queue, told, alarm, calm):
    before = [str(number) for number in range(100)]
    async with _working(server.url, queue) as broker:
        await broker.hand_out(before)
        await asyncio.sleep(0.5)
        await asyncio.to_thread(server.ctl, *alarm)
        try:
            with Stopwatch() as handing_out:
                await broker.hand_out(["during"])
            await until(lambda: _how_often(told, "broker_lost") == 1)
            assert set(before) <= set(await taken(broker, before))
            await asyncio.sleep(2)
        finally:
            await asyncio.to_thread(server.ctl, *calm)
        await until(lambda: _how_often(told, "broker_back") == 1)
        await broker.hand_out(["after"])

        assert "after" in await taken(broker, ["after"])
    assert handing_out.seconds < 0.1
    assert "alarm" in next(entry["reason"] for entry in told if entry["event"] == "broker_lost")
    assert _how_often(told, "broker_lost") == 1


async def test_a_full_queue_is_not_pressed(server, queue, told):
    server.ctl("set_policy", "full", f"^{queue}$", '{"max-length": 2}', "--apply-to", "queues")
    async with _started(server.url, queue) as door:
        for number in range(40):
            await door.hand_out([str(number)])
            await asyncio.sleep(0.05)
        assert door.dropped > 0
        assert _how_often(told, "broker_lost") < 10

        async with _started(server.url, queue) as taker:
            for _ in range(10):  # as the sweeper would
                await door.hand_out(["after"])
                if "after" in await taken(taker, ["after"], seconds=1):
                    return
    pytest.fail("nothing came through after the queue had room again")


async def test_the_second_address_is_tried_when_the_first_is_dead(server, queue):
    dead = f"amqp://guest:guest@127.0.0.1:{free_port()}//"
    async with _working(f"{dead};{server.url}", queue):
        pass


async def test_a_thread_that_dies_is_told_and_started_again(server, queue, told, monkeypatch):
    async with _working(server.url, queue) as broker:
        with monkeypatch.context() as quirk:
            quirk.setattr("broker.rabbitmq.ids_in", lambda message: message.no_such_thing)
            await broker.hand_out(["during"])
            await until(lambda: _how_often(told, "broker_thread_died") == 1)

        assert "during" in await taken(broker, ["during"])
