"""Makes the tracker home when there is none yet, and serves it until the container stops.

Settings come from the environment: `ROUNDUP_HOME`, `ROUNDUP_URL` (where people reach it, ending in /tracker/),
`ROUNDUP_DISPATCH` (the city's dispatch table, for the handler groups) and the secrets' folder `ROUNDUP_SECRETS`
with `roundup_jwt` and `roundup_handler_password`.
"""

import os
import sys
import tomllib
from pathlib import Path

from demo.roundup import Group, prepare

WORKERS = "2"
"""Processes, not threads: see `demo/roundup.py`."""


def main() -> None:
    """Prepare, then become the server."""
    home, secrets = Path(os.environ["ROUNDUP_HOME"]), Path(os.environ["ROUNDUP_SECRETS"])
    table = tomllib.loads(Path(os.environ["ROUNDUP_DISPATCH"]).read_text("utf-8"))
    prepare(
        home,
        [Group(name=one["name"], label=one["label"], email=one["email"]) for one in table["group"]],
        url=os.environ["ROUNDUP_URL"],
        jwt_secret=(secrets / "roundup_jwt").read_text().strip(),
        handler_password=(secrets / "roundup_handler_password").read_text().strip(),
    )
    os.environ["SENDMAILDEBUG"] = str(home / "mail.log")
    bind = os.environ.get("ROUNDUP_BIND", "0.0.0.0:8080")  # noqa: S104 - inside its own container
    options = ["--workers", WORKERS, "--timeout", "60", "--bind", bind, "--no-control-socket"]
    arguments = [sys.executable, "-m", "gunicorn", *options, "--log-level", "warning"]
    os.execv(sys.executable, [*arguments, "demo.roundup_wsgi:app"])  # noqa: S606 - our own interpreter


if __name__ == "__main__":
    main()
