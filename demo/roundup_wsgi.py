"""Serves the tracker home in `ROUNDUP_HOME` under `/tracker/`, one writer at a time.

Roundup compares a case's version and then writes, in two steps. The lock over all processes makes that
one step, so a version check is exact: two writers with the same version never both win.
"""

import fcntl
import os
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from roundup.cgi.wsgi_handler import RequestDispatcher

MOUNT = "/tracker"
READS = frozenset({"GET", "HEAD", "OPTIONS"})
IN_MEMORY = 1 << 20

Environ = dict[str, Any]
StartResponse = Callable[..., Any]

_home = Path(os.environ["ROUNDUP_HOME"])
_roundup: Callable[[Environ, StartResponse], Iterable[bytes]] = RequestDispatcher(
    str(_home), feature_flags={"cache_tracker": ""}
)


def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """The WSGI application."""
    path: str = environ.get("PATH_INFO", "")
    if path != MOUNT and not path.startswith(f"{MOUNT}/"):
        start_response("302 Found", [("Location", f"{MOUNT}/"), ("Content-Length", "0")])
        return []
    environ["SCRIPT_NAME"] = MOUNT
    environ["PATH_INFO"] = path.removeprefix(MOUNT) or "/"
    if environ["REQUEST_METHOD"] in READS:
        return _roundup(environ, start_response)
    return _write(environ, start_response)


def _write(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """Read the whole request first: a slow sender must not hold the lock."""
    with tempfile.SpooledTemporaryFile(max_size=IN_MEMORY) as body:
        _receive(environ, body)
        environ["wsgi.input"] = body
        with (_home / "db" / "write.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            return _roundup(environ, start_response)


def _receive(environ: Environ, body: "tempfile.SpooledTemporaryFile[bytes]") -> None:
    left = int(environ.get("CONTENT_LENGTH") or 0)
    while left > 0 and (piece := environ["wsgi.input"].read(min(left, IN_MEMORY))):
        body.write(piece)
        left -= len(piece)
    body.seek(0)
