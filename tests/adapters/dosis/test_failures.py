"""What DOSIS refused afterwards: handed over once each, whatever the list does."""

import pytest

from adapters.dosis import build
from adapters.dosis.translate import upload_id
from canonical_model.public_status import PublicStatus
from demo.outside.dosis import SOURCE
from ports.contracts.board import a_publication, no_files
from ports.contracts.source import SourceContract
from ports.errors import MisconfiguredError, TransientError
from tests.adapters.dosis.conftest import CASE

KEY = f"{CASE}/dosis/publish_status/1"


class DosisThatRefuses:
    """DOSIS's list of failures, in the words of the suite. Only the checkpoint confirms anything."""

    def __init__(self, dosis, tools):
        self._dosis = dosis
        self._tools = tools
        self._put = 0

    async def put(self, text):
        self._put += 1
        self._dosis.odd_failures.append(
            {
                "Identificatie": {"Bron": SOURCE, "DossierNummer": CASE},
                "UploadId": f"00000000-0000-5000-8000-{self._put:012d}",
                "TijdstipVerwerking": "2026-03-02T10:15:04",
                "Succes": False,
                "Fouten": [{"Omschrijving": text}],
            }
        )

    async def put_poison(self):
        self._put += 1
        self._dosis.odd_failures.append({"Identificatie": self._put})

    async def unconfirmed(self):
        seen = self._tools.checkpoints.kept.get("dosis/failures", "").split()
        return self._put - len(seen)


class TestFailures(SourceContract):
    @pytest.fixture
    async def source(self, adapter):
        (source,) = adapter.sources
        yield source
        await source.close()

    @pytest.fixture
    def system(self, dosis, tools):
        return DosisThatRefuses(dosis, tools)


@pytest.fixture
def source(adapter):
    (source,) = adapter.sources
    return source


async def test_a_status_that_is_refused_later_comes_back_as_a_refused_delivery(push, tools, dosis, intake):
    adapter = build({"source": SOURCE, "push": {**push, "result_seconds": 0}}, tools)
    dosis.refuse[CASE] = "Onderneming 0403019261 is niet gekend"
    delivery = await adapter.board.apply(KEY, a_publication(CASE), no_files)
    (source,) = adapter.sources

    assert await source.poll() == 1

    (inbound,) = intake.understood
    assert inbound.event.case == CASE
    assert inbound.event.system == "dosis"
    assert inbound.event.delivery == delivery == str(upload_id(KEY, PublicStatus.RECEIVED))
    assert inbound.event.problems == ("Onderneming … is niet gekend",)
    await adapter.close()


async def test_what_was_handed_over_is_known_after_a_restart(push, tools, dosis, intake):
    system = DosisThatRefuses(dosis, tools)
    await system.put("eerste")
    for _ in range(2):
        adapter = build({"source": SOURCE, "push": push}, tools)
        await adapter.sources[0].poll()
        await adapter.close()

    assert intake.calls == 1


async def test_what_left_the_list_leaves_the_checkpoint(source, dosis, tools):
    system = DosisThatRefuses(dosis, tools)
    await system.put("eerste")
    await source.poll()
    dosis.odd_failures.clear()
    await source.poll()

    assert tools.checkpoints.kept["dosis/failures"] == ""


async def test_a_list_that_grows_at_its_beginning_is_read_whole(source, dosis, tools, intake):
    system = DosisThatRefuses(dosis, tools)
    await system.put("eerste")
    await source.poll()
    await system.put("oudere")
    dosis.odd_failures.reverse()

    assert await source.poll() == 1
    assert len(intake.accepted) == 2


async def test_a_dosis_that_is_away_is_told_as_such(source, dosis):
    dosis.weather.away = True
    with pytest.raises(TransientError):
        await source.poll()
    dosis.weather.away = False
    dosis.provider.lets_in = lambda request: False

    with pytest.raises(MisconfiguredError):
        await source.poll()
