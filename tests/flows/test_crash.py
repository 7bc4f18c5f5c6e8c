"""The hub is killed at any point, again and again, under load: every contact is still one case, one acknowledgement.

Two hundred kills in all. `WEGWIJZER_CRASH_SEED` repeats a run's choices; `make torture` does the same all night.
"""

import os
import random
from pathlib import Path

import pytest

from tests.flows.torture import SETUPS
from tests.servers.missing import engines_installed

KILLS = {"single": 150, "distributed": 50}


@pytest.mark.slow
@pytest.mark.parametrize("setup", SETUPS)
async def test_a_hub_that_dies_at_any_point_loses_and_doubles_nothing(tmp_path: Path, tell, setup):
    if setup == "distributed":
        engines_installed()
    seed = int(os.environ.get("WEGWIJZER_CRASH_SEED") or random.SystemRandom().randrange(1_000_000))
    tell(f"seed {seed}")

    told = await SETUPS[setup](tmp_path, KILLS[setup], random.Random(seed))

    tell(str(told))
    assert not told.wrong, "\n".join(told.wrong)
