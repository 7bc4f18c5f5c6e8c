"""One simulated week; the exit code says whether all was well: `make week`.

python -m tests.flows.week --days 7 --seed 7
"""

import argparse
import asyncio
import logging
import random
import shutil
import sys
import tempfile
from pathlib import Path

from tests.flows.week.play import week
from tests.flows.week.world import TIMES


def main() -> None:
    """Play it and tell."""
    parser = argparse.ArgumentParser(description="A simulated week with outages, lost completions and kills.")
    parser.add_argument("--days", type=float, default=7)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000))
    parser.add_argument("--times", type=float, default=TIMES, help="how much faster the clock goes at most")
    parser.add_argument("--keep", type=Path, help="folder that is left behind, to look what happened")
    wanted = parser.parse_args()
    print(f"seed {wanted.seed}", flush=True)
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)  # servers that hang up on purpose
    folder = wanted.keep or Path(tempfile.mkdtemp(prefix="wegwijzer-week-"))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        told = asyncio.run(week(folder, wanted.days, random.Random(wanted.seed), wanted.times))
    finally:
        if not wanted.keep:
            shutil.rmtree(folder)
    print(told, flush=True)
    sys.exit(bool(told.wrong))


if __name__ == "__main__":
    main()
