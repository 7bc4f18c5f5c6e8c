"""A private Radicale for the tests, and the phone of a crew at it."""

import importlib.util
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from demo.radicale import RunningRadicale, start
from tests.servers.missing import missing


@contextmanager
def running() -> Iterator[RunningRadicale]:
    """A fresh server; gone afterwards."""
    if importlib.util.find_spec("radicale") is None:
        missing("Radicale (pip install radicale)")
    folder = Path(tempfile.mkdtemp(prefix="wegwijzer-radicale-"))
    server = start(folder)
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)
