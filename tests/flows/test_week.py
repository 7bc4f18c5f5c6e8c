"""A day of a simulated week: lost completions, an outage of each target, doubled and reordered call-backs, kills.

`WEGWIJZER_CRASH_SEED` repeats a run's choices (not the machine's timing), `WEGWIJZER_WEEK_DAYS` says how long it lasts; `make week`
plays all of it.
"""

import os
import random
from pathlib import Path

import pytest

from tests.flows.week.play import week

DAYS = 1.1


@pytest.mark.slow
async def test_whatever_is_lost_in_a_week_is_found_and_told_once(tmp_path: Path, tell):
    seed = int(os.environ.get("WEGWIJZER_CRASH_SEED") or random.SystemRandom().randrange(1_000_000))
    days = float(os.environ.get("WEGWIJZER_WEEK_DAYS") or DAYS)
    tell(f"seed {seed}")

    told = await week(tmp_path, days, random.Random(seed))

    tell(str(told))
    assert not told.wrong, "\n".join(told.wrong)
