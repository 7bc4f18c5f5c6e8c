"""Several processes on one journal: one case per contact, one number per case, every effect once."""

import asyncio
import json
import sys
from collections import Counter

import pytest

from journal.schema import cases, effects, messages
from tests.journal.scene import effect_states, recount, rows
from tests.shipped import ROOT

COUNT = 40
RIVALS = ("one", "two", "three")


@pytest.fixture
async def competition(journal_url):
    """What each of three processes tells after accepting the same things at the same moment."""
    processes = [await _started(journal_url, name) for name in RIVALS]
    for process in processes:
        assert await process.stdout.readline() == b"ready\n"
    told = await asyncio.gather(*(process.communicate(b"go\n") for process in processes))
    assert [process.returncode for process in processes] == [0] * len(RIVALS), [error for _, error in told]
    return [json.loads(out.splitlines()[-1]) for out, _ in told]


async def test_rivals_make_one_case_of_each_contact_and_number_each_once(competition, journal):
    assert competition[0]["forms"] == competition[1]["forms"] == competition[2]["forms"]
    opened = [row.ref for row in await rows(journal, cases)]
    assert len(opened) == 2 * COUNT
    assert [int(ref[-6:]) for ref in opened] == list(range(1, 2 * COUNT + 1))
    found = Counter(row.source for row in await rows(journal, messages))
    assert found == {"web": COUNT, "one": COUNT, "two": COUNT, "three": COUNT}
    dropped = Counter(
        row.reason.partition(":")[0] for row in await rows(journal, messages) if row.state == "dropped"
    )
    assert dropped == {"the same contact came before, by another way": 2 * COUNT}

    applied = Counter(key for told in competition for key in told["applied"])
    assert max(applied.values()) == 1
    assert applied.keys() == {row.key for row in await rows(journal, effects)}
    assert set((await effect_states(journal)).values()) == {"applied"}
    assert (await recount(journal))["received"] == 4 * COUNT


async def _started(url, name):
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.journal.rival",
        url,
        name,
        str(COUNT),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
