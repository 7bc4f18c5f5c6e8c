"""News by webhook: signed, repeated at the agreed pace, ended by 410, each system by itself."""

import asyncio
import base64
from datetime import UTC, datetime

import httpx
import pytest
import pytest_asyncio
import respx
from sqlalchemy import select
from starlette.responses import Response

from canonical_model.commands import SendMail
from console.api.webhook import PACE, SystemWebhook
from journal.schema import effects
from ports.clock import ManualClock
from ports.contracts.informed import InformedContract, a_key, no_files, some_news
from ports.errors import MisconfiguredError, NotSupportedError, TransientError
from tests.console.api.conftest import OLD_SECRET, SECRET, an_event, client_of, running, token_of
from tests.simulators.webhook_receiver import WebhookReceiver

NOW = datetime(2026, 11, 26, 9, 30, tzinfo=UTC)
URL = "https://dosis.leuven.test/hook"


class Pauses:
    """What was paused."""

    def __init__(self):
        self.held = []

    async def __call__(self, system, actor, reason):
        self.held.append(system)


@pytest.fixture
def pauses():
    return Pauses()


@pytest_asyncio.fixture
async def webhook(pauses):
    made = a_webhook(URL, SECRET, OLD_SECRET, pause=pauses)
    yield made
    await made.close()


def a_webhook(url, *secrets, pause=None):
    return SystemWebhook(
        "api/dosis/webhook",
        url,
        secrets,
        event_source="urn:wegwijzer",
        seconds=2,
        clock=ManualClock(NOW),
        pause=pause or Pauses(),
    )


class Heard:
    """The receiver behind a real connection, in the words of the suite."""

    def __init__(self, receiver, keys):
        self._receiver, self._keys, self._away = receiver, keys, False

    def go_away(self):
        self._receiver.answers = [Response(status_code=503)]

    def come_back(self):
        self._receiver.answers = []

    async def heard(self):
        return tuple(self._keys[id_] for id_ in self._receiver.events)


class Remembering:
    """The webhook, and which key became which id."""

    def __init__(self, webhook, keys):
        self._webhook, self._keys, self.idempotency = webhook, keys, webhook.idempotency

    async def apply(self, key, command, fetch):
        id_ = await self._webhook.apply(key, command, fetch)
        self._keys[id_] = key
        return id_


class TestWebhook(InformedContract):
    @pytest.fixture
    def keys(self):
        return {}

    @pytest_asyncio.fixture
    async def receiver(self):
        async with WebhookReceiver(SECRET).running() as listening:
            yield listening

    @pytest_asyncio.fixture
    async def informed(self, receiver, keys):
        webhook = SystemWebhook(
            "api/dosis/webhook",
            f"http://127.0.0.1:{receiver.port}/hook",
            [SECRET],
            event_source="urn:wegwijzer",
            seconds=5,
            clock=_RealClock(),
            pause=Pauses(),
        )
        yield Remembering(webhook, keys)
        await webhook.close()

    @pytest.fixture
    def listener(self, receiver, keys):
        return Heard(receiver, keys)


class _RealClock:
    def now(self):
        return datetime.now(UTC)


@pytest.mark.parametrize("status", [400, 401, 404, 409, 500, 502, 301, 302, 307])
async def test_whatever_is_not_2xx_is_tried_again_at_the_agreed_pace(webhook, status):
    with respx.mock:
        respx.post(URL).respond(status, headers={"Location": "https://elders.test/"})

        with pytest.raises(TransientError) as raised:
            await webhook.apply(a_key(), some_news(), no_files)

    assert raised.value.pace == PACE
    assert str(status) in raised.value.what


def test_the_pace_is_days_and_no_wait_is_longer_than_one():
    assert sum(PACE) > 3 * 86_400
    assert max(PACE) <= 86_400


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120.0),
        ("Thu, 26 Nov 2026 09:31:00 GMT", 60.0),
        ("Thu, 26 Nov 2026 09:29:00 GMT", 0.0),
        ("999999999", 86_400.0),
        ("morgen", None),
        ("", None),
    ],
)
async def test_retry_after_is_honoured_within_a_day(webhook, header, seconds):
    with respx.mock:
        respx.post(URL).respond(429, headers={"Retry-After": header})

        with pytest.raises(TransientError) as raised:
            await webhook.apply(a_key(), some_news(), no_files)

    assert raised.value.retry_after == seconds


@pytest.mark.parametrize(
    "error", [httpx.ConnectError("x"), httpx.ReadTimeout("x"), httpx.RemoteProtocolError("x")]
)
async def test_no_answer_is_tried_again_too(webhook, error):
    with respx.mock:
        respx.post(URL).mock(side_effect=error)

        with pytest.raises(TransientError) as raised:
            await webhook.apply(a_key(), some_news(), no_files)

    assert raised.value.pace == PACE


async def test_410_ends_it_until_a_person_resumes(webhook, pauses):
    with respx.mock:
        respx.post(URL).respond(410)

        with pytest.raises(MisconfiguredError, match="410"):
            await webhook.apply(a_key(), some_news(), no_files)

    assert pauses.held == ["api/dosis/webhook"]


async def test_both_secrets_sign_while_one_is_replaced(webhook):
    with respx.mock:
        route = respx.post(URL).respond(204)
        await webhook.apply(a_key(), some_news(), no_files)

    headers = route.calls[0].request.headers
    assert len(headers["webhook-signature"].split(" ")) == 2
    assert headers["webhook-timestamp"] == str(int(NOW.timestamp()))
    assert headers["content-type"] == "application/cloudevents+json"


async def test_the_same_news_has_one_id_whichever_way_it_goes(webhook):
    with respx.mock:
        route = respx.post(URL).respond(204)
        id_ = await webhook.apply(
            "LEU-2026-000123/api/dosis/webhook/tell_system/accepted", some_news(), no_files
        )

    from ports.submission.cloudevents import news_id

    assert id_ == route.calls[0].request.headers["webhook-id"]
    assert id_ == news_id("LEU-2026-000123/api/dosis/tell_system/accepted", "api/dosis")


@pytest.mark.parametrize(
    "secret", ["", "whsec_", "geheim!", "whsec_" + base64.b64encode(b"te kort").decode()]
)
def test_a_secret_that_is_none_is_refused(secret):
    with pytest.raises(MisconfiguredError):
        a_webhook(URL, secret)


async def test_a_mail_is_no_news(webhook):
    mail = SendMail(message_id="a@b", to="an@example.be", subject="s", text="t")

    with pytest.raises(NotSupportedError):
        await webhook.apply(a_key(), mail, no_files)


# --- the whole way ------------------------------------------------------------------------------------------


async def test_a_system_hears_of_its_case_by_webhook_and_in_its_feed(tmp_path, post):
    receiver = WebhookReceiver(SECRET)
    async with (
        receiver.running(),
        running(tmp_path, receiver.port) as hub,
        client_of(hub, await token_of(hub, "dosis")) as dosis,
    ):
        await post(dosis, an_event())
        await receiver.has(1)

        (read,) = (await dosis.get("/events", params={"wait": 10})).json()

    assert receiver.events == {read["id"]: read}
    assert receiver.forged == 0


async def test_who_uses_the_old_secret_still_understands(tmp_path, post):
    receiver = WebhookReceiver(OLD_SECRET)
    async with (
        receiver.running(),
        running(tmp_path, receiver.port) as hub,
        client_of(hub, await token_of(hub, "dosis")) as dosis,
    ):
        await post(dosis, an_event())
        await receiver.has(1)


async def test_a_webhook_that_is_gone_holds_up_neither_the_feed_nor_others(tmp_path, post):
    receiver = WebhookReceiver(SECRET)
    receiver.answers = [Response(status_code=410)]
    async with receiver.running(), running(tmp_path, receiver.port) as hub:
        async with client_of(hub, await token_of(hub, "dosis")) as dosis:
            await post(dosis, an_event("1"))
            await until(lambda: is_paused(hub, "api/dosis/webhook"))
            calls = receiver.calls
            await post(dosis, an_event("2"))

            async with asyncio.timeout(20):
                while len((await dosis.get("/events")).json()) < 2:  # noqa: ASYNC110 - HTTP rings no bell
                    await asyncio.sleep(0.1)
        assert receiver.calls == calls
        assert await states(hub, "api/dosis/webhook") == {"due"}


async def test_a_missing_secret_holds_back_that_webhook_only(tmp_path, post):
    configuration = (
        '[hub]\nlisten = "127.0.0.1:{port}"\n[adapters.tracker]\nsystem = "memory"\n[api.systems.dosis]\n'
        'webhook = "http://127.0.0.1:{hook}/hook"\nwebhook_secrets = ["secret:vergeten"]\n'
    )
    async with (
        running(tmp_path, 1, configuration) as hub,
        client_of(hub, await token_of(hub, "dosis")) as dosis,
    ):
        assert set(hub.quarantined) == {"api/dosis/webhook"}
        await post(dosis, an_event())

        assert len((await dosis.get("/events", params={"wait": 10})).json()) == 1


async def is_paused(hub, target):
    return any(state.name == target and state.paused for state in await hub.journal.system_states())


async def states(hub, target):
    query = select(effects.c.state).where(effects.c.target == target)
    return set(await hub.journal.database.read(lambda connection: connection.execute(query).scalars().all()))


async def until(condition):
    async with asyncio.timeout(20):
        while not await condition():  # noqa: ASYNC110 - the journal rings no bell
            await asyncio.sleep(0.05)
