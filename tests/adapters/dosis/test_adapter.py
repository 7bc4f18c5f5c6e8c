"""The board against a DOSIS that runs, on good days and bad ones."""

import asyncio
import re
import tomllib
from datetime import timedelta

import pytest
from msgspec.structs import replace
from structlog.testing import capture_logs

from adapters.digitaal_vlaanderen.statuses import USUAL
from adapters.dosis import build
from adapters.dosis.settings import Settings
from canonical_model.case import CaseRef
from canonical_model.commands import WithdrawStatus
from canonical_model.public_status import PublicStatus
from demo.outside.dosis import SOURCE
from ports.contracts.board import Shown, StatusBoardContract, no_files
from ports.errors import MisconfiguredError, NotSupportedError, RejectedError, UncertainError
from ports.target import Idempotency
from tests.adapters.dosis.conftest import CASE, RIGHTS
from tests.shipped import ROOT

STATUS_OF = {step.code: status for status, step in reversed(USUAL.items())}
KEY = f"{CASE}/dosis/publish_status/1"


class Portals:
    """What the simulator's portals show, in the words of the suite."""

    def __init__(self, dosis):
        self._dosis = dosis

    def shown_to(self, customer):
        return tuple(
            Shown(
                case=CaseRef(dossier.number),
                history=tuple(STATUS_OF[step.code] for step in dossier.steps),
                action=dossier.now.action_needed,
            )
            for dossier in self._dosis.dossiers_of(customer.value)
        )

    def go_away(self):
        self._dosis.weather.away = True

    def come_back(self):
        self._dosis.weather.away = False

    def lose_answer(self):
        self._dosis.weather.losing = 1


class TestDosis(StatusBoardContract):
    @pytest.fixture
    def board(self, adapter):
        return adapter.board

    @pytest.fixture
    def customers(self, dosis):
        return Portals(dosis)


def test_an_upload_is_known_by_its_id(board):
    assert board.idempotency is Idempotency.NATIVE_KEY


async def test_an_upload_waits_for_its_result(board, dosis, publication):
    dosis.processing_seconds = 0.15

    await board.apply(KEY, publication, no_files)

    assert dosis.current(CASE) is not None


async def test_what_takes_longer_is_left_to_dosis(board, dosis, publication):
    dosis.processing_seconds = 60

    outside_id = await board.apply(KEY, publication, no_files)

    assert outside_id
    assert dosis.current(CASE) is None
    assert await board.find(KEY, publication) is None
    assert await board.standing(CASE, outside_id) is None


async def test_what_dosis_refuses_while_processing_goes_to_a_person_with_the_reasons(
    board, dosis, publication
):
    dosis.refuse[CASE] = "Het dossier 'Losse tegel' van 85073003328 mag niet"

    with pytest.raises(RejectedError) as raised:
        await board.apply(KEY, publication, no_files)

    assert await board.find(KEY, publication) is None
    assert raised.value.what == "DOSIS could not process it: Het dossier … van … mag niet"


async def test_what_dosis_refuses_at_once_goes_to_a_person_with_the_fields(board, dosis, publication):
    dosis.sources = ()

    with pytest.raises(RejectedError, match=r"Identificatie\.Bron: U mag niet schrijven voor deze bron"):
        await board.apply(KEY, publication, no_files)


async def test_a_personal_value_that_dosis_repeats_is_not_told(board, dosis, publication, monkeypatch):
    monkeypatch.setattr("demo.outside.dosis._is_number", lambda text: False)

    with pytest.raises(RejectedError) as raised:
        await board.apply(KEY, publication, no_files)

    assert "Agenten[0].Identificatie: … (…) is geen geldig nummer (AGENT_ONGELDIG)" in raised.value.what


async def test_what_was_refused_is_another_upload_once_it_is_mended(board, dosis, publication):
    dosis.refuse[CASE] = "fout"
    for _ in range(2):
        with pytest.raises(RejectedError):
            await board.apply(KEY, publication, no_files)
    dosis.refuse.clear()

    outside_id = await board.apply(KEY, publication, no_files)
    again = await board.apply(KEY, publication, no_files)

    assert outside_id == again == dosis.current(CASE).upload
    assert len({version.upload for version in dosis.versions[CASE]}) == len(dosis.versions[CASE]) == 3
    assert await board.find(KEY, publication) == outside_id


async def test_what_is_refused_for_ever_ends(board, dosis, publication, monkeypatch):
    monkeypatch.setattr("adapters.dosis.adapter._MOST_REFUSALS", 1)
    dosis.refuse[CASE] = "fout"
    with pytest.raises(RejectedError, match="could not process"):
        await board.apply(KEY, publication, no_files)

    with pytest.raises(RejectedError, match="refused this status 1 times"):
        await board.apply(KEY, publication, no_files)

    assert len(dosis.versions[CASE]) == 1


async def test_a_refused_log_in_is_a_setting(board, dosis, publication):
    dosis.provider.lets_in = lambda request: False

    with pytest.raises(MisconfiguredError, match="does not let us in"):
        await board.apply(KEY, publication, no_files)

    assert not dosis.uploads


async def test_after_an_upload_that_failed_nobody_can_tell_what_stands_there(board, dosis, publication):
    await board.apply(KEY, publication, no_files)
    dosis.refuse[CASE] = "fout"
    later = replace(publication, changed_at=publication.changed_at + timedelta(hours=1))
    with pytest.raises(RejectedError):
        await board.apply(f"{KEY}b", later, no_files)

    standing = await board.standing(CASE, "")

    assert standing is not None
    assert standing.state == ""


async def test_dosis_tells_the_status_that_it_shows(board, publication):
    outside_id = await board.apply(KEY, publication, no_files)

    standing = await board.standing(CASE, "")

    assert (standing.state, standing.outside_id) == (PublicStatus.WAITING_FOR_CUSTOMER, outside_id)
    assert standing.at is not None


async def test_the_slow_answer_of_an_upload_is_lost_and_found(push, tools, dosis, publication):
    adapter = build({"source": SOURCE, "push": {**push, "answer_seconds": 0.2}, "product": "1"}, tools)
    await adapter.board.find(KEY, publication)  # a token, before it gets slow
    dosis.weather.seconds = 0.4
    with pytest.raises(UncertainError):
        await adapter.board.apply(KEY, publication, no_files)
    await asyncio.sleep(0.5)
    dosis.weather.seconds = 0

    assert await adapter.board.find(KEY, publication) is not None
    assert len(dosis.versions[CASE]) == 1
    await adapter.close()


async def test_the_answer_to_a_withdrawal_that_was_lost_is_no_reason_to_fail(board, dosis, publication):
    await board.apply(KEY, publication, no_files)
    withdrawal = WithdrawStatus(case=CASE, reason="erased")
    dosis.weather.losing = 1
    with pytest.raises(UncertainError):
        await board.apply(f"{CASE}/dosis/withdraw_status/", withdrawal, no_files)

    assert await board.find(f"{CASE}/dosis/withdraw_status/", withdrawal) is None
    assert await board.apply(f"{CASE}/dosis/withdraw_status/", withdrawal, no_files)
    assert not dosis.versions


async def test_a_code_that_dosis_does_not_know_is_refused_before_it_is_sent(board, dosis, publication):
    dosis.codes.remove("DossierOnvolledig")

    with pytest.raises(RejectedError, match=r"does not know the code 'DossierOnvolledig': give `statuses`"):
        await board.apply(KEY, publication, no_files)

    assert not dosis.uploads


async def test_without_code_lists_dosis_judges_for_itself(push, tools, dosis, publication):
    lists = {"phases": "elders", "codes": "elders"}
    adapter = build({"source": SOURCE, "push": {**push, "code_lists": lists}}, tools)
    dosis.codes.remove("DossierOnvolledig")

    with pytest.raises(RejectedError, match=r"Status\.VlaamsCode"):
        await adapter.board.apply(KEY, publication, no_files)

    assert dosis.uploads == 1
    await adapter.close()


async def test_code_lists_that_cannot_be_read_hold_nobody_up(push, tools, dosis, publication):
    paths = {"validation": "/elders"}
    adapter = build({"source": SOURCE, "push": {**push, "paths": paths}}, tools)

    with capture_logs() as logs:
        await adapter.board.apply(KEY, publication, no_files)

    assert [log["event"] for log in logs] == ["dosis_code_lists_not_read"]
    assert dosis.current(CASE)
    await adapter.close()


async def test_the_check_finds_nothing_wrong(adapter):
    assert await adapter.check() == ()


async def test_the_check_tells_what_dosis_does_not_allow(push, tools, dosis):
    dosis.codes.remove("Stopgezet")
    dosis.phases.remove("Samenstelling")
    adapter = build({"source": "urn://leuven/ander", "push": push, "rights": {"kbo": []}}, tools)

    found = await adapter.check()

    assert [finding.partition(":")[0] for finding in found] == [
        "rights.kbo", "product", "source", "statuses.all_kinds.received", "statuses.all_kinds.withdrawn",
    ]  # fmt: skip
    assert not dosis.uploads
    await adapter.close()


async def test_the_check_tells_that_nobody_lets_us_in(adapter, dosis):
    dosis.provider.day = "refuses"

    (finding,) = await adapter.check()

    assert "client_id" in finding


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"push": None}, "`push`, `feed` or both"),
        ({"source": ""}, "source"),
        ({"link": "https://leuven.example/zaak"}, "link"),
        ({"link": "http://leuven.example/{case}"}, "link"),
        ({"product": "melding"}, "product"),
        ({"rights": {"rijksregister": ["x"]}}, "rights"),
        ({"feed": {"tokens": ["kort"]}}, "feed"),
    ],
)
async def test_a_setting_that_does_not_fit_is_named(push, tools, changes, named):
    with pytest.raises(MisconfiguredError, match=named):
        build({"source": SOURCE, "push": push, **changes}, tools)


def test_the_example_on_the_page_fits():
    page = (ROOT / "docs" / "adapters" / "dosis.md").read_text()
    (example,) = re.findall(r"^```toml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    own = tomllib.loads(example)["adapters"]["dosis"]

    settings = Settings.model_validate({name: value for name, value in own.items() if name != "system"})

    assert settings.push.paths.upload == "/api/v2/dosis/dossiers"


def test_the_usual_statuses_on_the_page_are_those_of_the_code():
    page = (ROOT / "docs" / "adapters" / "dosis.md").read_text()

    assert not [step for step in USUAL.values() if not re.search(rf"\| {step.phase} \| {step.code}\b", page)]


async def test_no_personal_data_reaches_the_log(board, dosis, publication):
    dosis.refuse[CASE] = "An Peeters 85073003328"

    with capture_logs() as logs, pytest.raises(RejectedError):
        await board.apply(KEY, publication, no_files)

    assert "85073003328" not in repr(logs)
    assert publication.subject not in repr(logs)


class TestFeedAlone:
    """Without `push`, publications are put up for a connector and that is all."""

    @pytest.fixture
    def alone(self, tools):
        feed = {"tokens": ["a token of at least 24 characters"]}
        return build({"source": SOURCE, "feed": feed, "rights": RIGHTS}, tools)

    async def test_a_publication_is_put_up_once(self, alone, tools, publication):
        first = await alone.board.apply(KEY, publication, no_files)
        second = await alone.board.apply(KEY, publication, no_files)

        page = await tools.feeds.read("in/dosis", 0, 10)
        assert first == second
        assert [entry.key for entry in page.entries] == [KEY]

    async def test_what_the_feed_cannot_say_is_refused_when_it_is_published(self, alone, tools, publication):
        with pytest.raises(RejectedError, match="product"):
            await alone.board.apply(KEY, replace(publication, product=""), no_files)

        assert not (await tools.feeds.read("in/dosis", 0, 10)).entries

    async def test_it_cannot_take_a_dossier_back(self, alone):
        with pytest.raises(RejectedError, match="connector"):
            await alone.board.apply("k", WithdrawStatus(case=CASE, reason="erased"), no_files)

    async def test_there_is_nobody_to_ask(self, alone, publication):
        assert await alone.board.find(KEY, publication) is None
        with pytest.raises(NotSupportedError):
            await alone.board.standing(CASE, "")

    def test_there_is_nothing_to_poll(self, alone):
        assert alone.sources == ()


async def test_with_both_a_lost_answer_is_put_up_when_it_is_found(push, tools, dosis, publication):
    feed = {"tokens": ["a token of at least 24 characters"]}
    adapter = build({"source": SOURCE, "push": push, "feed": feed}, tools)
    dosis.weather.losing = 1
    with pytest.raises(UncertainError):
        await adapter.board.apply(KEY, publication, no_files)
    assert not (await tools.feeds.read("in/dosis", 0, 10)).entries

    await adapter.board.find(KEY, publication)

    assert [entry.key for entry in (await tools.feeds.read("in/dosis", 0, 10)).entries] == [KEY]
    await adapter.close()
