"""Notifications against a Notificaties that runs, on good days and bad ones."""

import re
import tomllib
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace
from structlog.testing import capture_logs

from adapters.notifications import build
from adapters.notifications.settings import PAIR, TEMPLATES, Recipient, Settings
from canonical_model.case import CaseRef
from canonical_model.commands import WithdrawNotice
from canonical_model.decision import Reference
from canonical_model.party import Party, PartyKind
from ports.contracts.notices import AN, CITIZEN, Arrived, NoticesContract, no_files
from ports.errors import MisconfiguredError, RejectedError, UncertainError
from ports.notices import NOT_WANTED
from ports.target import Idempotency
from tests.adapters.notifications.conftest import CASE
from tests.shipped import ROOT

KEY = f"{CASE}/notificaties/notify/answered"
NEIGHBOUR = Party(kind=PartyKind.PERSON, name="Jan Maes", email="jan@example.be")


class Inboxes:
    """The simulator's inboxes, in the words of the suite."""

    def __init__(self, notificaties, opt_outs):
        self._notificaties = notificaties
        self._opt_outs = opt_outs

    def of(self, customer):
        got = reversed(self._notificaties.shown_to(customer.value))
        return tuple(Arrived(case=CaseRef(notice.number), outside_id=notice.id) for notice in got)

    async def does_not_want(self, customer):
        await self._opt_outs.opt_out(
            [Reference(system=customer.scheme, value=customer.value, exclusive=False)]
        )

    def go_away(self):
        self._notificaties.weather.away = True

    def come_back(self):
        self._notificaties.weather.away = False

    def lose_answer(self):
        self._notificaties.weather.losing = 1


class TestNotifications(NoticesContract):
    @pytest.fixture
    def notices(self, adapter):
        return adapter.notices

    @pytest.fixture
    def inboxes(self, notificaties, opt_outs):
        return Inboxes(notificaties, opt_outs)


class TestNotificationsThatCanBeCalledBack(NoticesContract):
    @pytest.fixture
    async def notices(self, there, tools):
        adapter = build({**there, "paths": {"withdraw": "/api/v2/notificaties/{id}"}}, tools)
        yield adapter.notices
        await adapter.close()

    @pytest.fixture
    def inboxes(self, notificaties, opt_outs):
        return Inboxes(notificaties, opt_outs)


@pytest.fixture
def news(notice):
    """The same, of this moment."""
    return replace(notice, changed_at=datetime.now(UTC))


def test_a_bundle_is_known_by_its_id(notices):
    assert notices.idempotency is Idempotency.NATIVE_KEY


async def test_who_has_no_number_gets_a_link_that_ends_it(notices, notificaties, opt_outs, adapter, news):
    await notices.apply(KEY, replace(news, party=NEIGHBOUR), no_files)

    (got,) = notificaties.shown_to("jan@example.be")
    assert got.opt_out.startswith("https://contact.leuven.example/in/notificaties/afmelden/")
    assert "jan" not in got.opt_out


async def test_an_address_that_opted_out_is_left_alone_whatever_other_name_comes_with_it(
    notices, notificaties, opt_outs, news
):
    await opt_outs.opt_out([Reference(system="email", value="AN@example.be", exclusive=False)])

    with capture_logs() as logs:
        outside_id = await notices.apply(KEY, replace(news, party=CITIZEN), no_files)

    assert outside_id == NOT_WANTED
    assert not notificaties.posted
    assert [log["event"] for log in logs] == ["notification_not_wanted"]
    assert "an@example.be" not in repr(logs)


async def test_who_wants_them_again_gets_them(notices, notificaties, opt_outs, news):
    name = Reference(system="insz", value=AN.value, exclusive=False)
    await opt_outs.opt_out([name])
    await opt_outs.opt_in([name])

    await notices.apply(KEY, news, no_files)

    assert len(notificaties.shown_to(AN.value)) == 1


@pytest.mark.parametrize(
    ("spoil", "field"),
    [
        (lambda service: setattr(service, "brands", ()), "MerkCode"),
        (lambda service: setattr(service, "today", datetime(2099, 1, 1).date()), "Vervaldatum"),  # noqa: DTZ001
    ],
)
async def test_what_the_service_refuses_goes_to_a_person_with_the_field(
    notices, notificaties, news, spoil, field
):
    spoil(notificaties)

    with pytest.raises(RejectedError, match=field):
        await notices.apply(KEY, news, no_files)

    assert not notificaties.bundles


async def test_a_refused_log_in_is_a_setting(notices, notificaties, news):
    notificaties.provider.day = "refuses"

    with pytest.raises(MisconfiguredError, match="client_id"):
        await notices.apply(KEY, news, no_files)


async def test_an_error_of_theirs_may_have_come_after_the_work(notices, notificaties, news):
    notificaties.weather.failing = 1

    with pytest.raises(UncertainError):
        await notices.apply(KEY, news, no_files)
    await notices.apply(KEY, news, no_files)

    assert len(notificaties.bundles) == 1


async def test_a_notification_of_last_month_is_not_sent(notices, notificaties, notice):
    with pytest.raises(RejectedError, match="no news any more"):
        await notices.apply(KEY, replace(notice, changed_at=datetime.now(UTC) - timedelta(days=40)), no_files)

    assert not notificaties.posted


async def test_calling_back_what_was_never_sent_is_no_failure(there, tools):
    adapter = build({**there, "paths": {"withdraw": "/api/v2/notificaties/{id}"}}, tools)

    assert await adapter.notices.apply("k", WithdrawNotice(case=CASE, notice=KEY), no_files)
    await adapter.close()


async def test_a_notification_without_a_name_is_not_guessed(there, tools):
    adapter = build({**there, "paths": {"withdraw": "/api/v2/notificaties/{id}"}}, tools)

    with pytest.raises(RejectedError, match="not known which"):
        await adapter.notices.apply("k", WithdrawNotice(case=CASE, notice=""), no_files)
    await adapter.close()


async def test_the_check_logs_in_and_sends_nothing(there, tools, notificaties):
    adapter = build({**there, "product": "1446"}, tools)

    assert await adapter.check() == ()
    assert notificaties.provider.asked == 1
    assert not notificaties.posted
    await adapter.close()


async def test_the_check_tells_what_is_wrong(adapter, notificaties):
    notificaties.provider.scopes = frozenset({"DosisImport"})

    product, log_in = await adapter.check()

    assert product.startswith("product:")
    assert "invalid_scope" in log_in


def test_the_examples_on_the_page_fit():
    page = (ROOT / "docs" / "adapters" / "notifications.md").read_text()
    templates, whole = re.findall(r"^```toml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    long_enough = whole.replace("secret:opt_out_seal", "s" * 32)
    own = (
        tomllib.loads(long_enough)["adapters"]["notificaties"]
        | tomllib.loads(templates)["adapters"]["notificaties"]
    )

    settings = Settings.model_validate({name: value for name, value in own.items() if name != "system"})

    assert settings.templates.recipients == {Recipient.NUMBER: TEMPLATES[Recipient.NUMBER]}
    assert settings.templates.pair == PAIR


def test_without_opt_out_there_are_no_pages(own, tools):
    assert build(own, tools).webhook is None


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"brand": ""}, "brand"),
        ({"opt_out": {"public_url": "https://x.example", "secrets": ["kort"]}}, "opt_out"),
        ({"opt_out": {"public_url": "http://x.example", "secrets": ["s" * 32]}}, "https"),
        ({"log_in": None}, "log_in"),
    ],
)
def test_a_setting_that_does_not_fit_is_named(own, tools, changes, named):
    with pytest.raises(MisconfiguredError, match=named):
        build({**own, **changes}, tools)
