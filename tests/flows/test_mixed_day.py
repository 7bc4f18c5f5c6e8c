"""A day of mixed traffic at every door, with kills at any point, ends with an exact balance.

`WEGWIJZER_CRASH_SEED` repeats a run's choices, `WEGWIJZER_MIXED_KILLS` says how often the hub is killed; `make torture
ARGS='--setup mixed'` goes on all night.
"""

import os
import random
from pathlib import Path

import pytest

from tests.flows.mixed import mixed

KILLS = 20


@pytest.mark.slow
async def test_a_day_at_every_door_with_kills_is_one_case_per_contact_and_an_exact_balance(
    tmp_path: Path, tell
):
    seed = int(os.environ.get("WEGWIJZER_CRASH_SEED") or random.SystemRandom().randrange(1_000_000))
    kills = int(os.environ.get("WEGWIJZER_MIXED_KILLS") or KILLS)
    tell(f"seed {seed}")

    told = await mixed(tmp_path, kills, random.Random(seed))

    tell(str(told))
    assert not told.wrong, "\n".join(told.wrong)
