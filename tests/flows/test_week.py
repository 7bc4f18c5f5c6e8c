"""A day of a simulated week: lost completions, an outage of each target, doubled and reordered call-backs, kills.

`WEGWIJZER_CRASH_SEED` repeats a run's choices (not the machine's timing), `WEGWIJZER_WEEK_DAYS` says how long it lasts; `make week`
plays all of it.
"""

import os
import random
from functools import partial
from pathlib import Path

import pytest

from tests.flows.week.play import week
from tests.flows.week.queues import Queues
from tests.flows.week.script import Citizen, named_in
from tests.servers import rabbitmq

DAYS = 1.1


@pytest.mark.slow
async def test_whatever_is_lost_in_a_week_is_found_and_told_once(tmp_path: Path, tell):
    seed = int(os.environ.get("WEGWIJZER_CRASH_SEED") or random.SystemRandom().randrange(1_000_000))
    days = float(os.environ.get("WEGWIJZER_WEEK_DAYS") or DAYS)
    tell(f"seed {seed}")

    told = await week(tmp_path, days, random.Random(seed))

    tell(str(told))
    assert not told.wrong, "\n".join(told.wrong)


@pytest.mark.slow
def test_whoever_is_named_in_a_queue_is_found():
    citizens = [Citizen(number=7), Citizen(number=8)]
    with rabbitmq.nodes(1) as (node,):
        queues = Queues(node)
        queues.mark()
        queues.put("wegwijzer.effects", f"bel {citizens[1].name.upper()}, 0{citizens[0].insz}")

        queues.look(partial(named_in, citizens=citizens))
        queues.list()

    assert queues.found == {"filomena", "quaghebeur", citizens[0].insz}
    assert (queues.looks, queues.blind, queues.names, queues.elsewhere) == (1, 0, ["wegwijzer.effects"], [])
