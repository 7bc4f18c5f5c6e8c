"""Many short lives of a hub: `python -m tests.flows.lives HUB_TOML LOG`, ordered on standard input, a line each.

`begin ARGUMENTS` forks a hub from this process, which has imported everything already: a life then begins in a
quarter of a second instead of two. `end PID` waits for its death. What runs in between is `wegwijzer run` itself.
"""

import importlib
import os
import sys
import traceback
from pathlib import Path

import hub

ADAPTERS = (
    "adapters.amqp",
    "adapters.caldav",
    "adapters.citycontrol",
    "adapters.counter",
    "adapters.dosis",
    "adapters.eloket",
    "adapters.field_open311",
    "adapters.ipdc",
    "adapters.mailbox",
    "adapters.mijn_burgerprofiel",
    "adapters.notifications",
    "adapters.open311",
    "adapters.phone",
    "adapters.places",
    "adapters.planning",
    "adapters.roundup",
    "adapters.verenigingsloket",
    "adapters.website",
)


def begin(hub_toml: str, log: int, arguments: list[str]) -> int:
    """The process id of a new hub."""
    pid = os.fork()
    if pid:
        return pid
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    code = 1
    try:
        hub.main(["--config", hub_toml, "run", "--log-json", *arguments], standalone_mode=False)
        code = 0
    except BaseException:  # noqa: BLE001 - whatever it is, this process ends here
        traceback.print_exc()
    finally:
        os._exit(code)


def main() -> None:
    """Do as we are told until standard input is closed."""
    hub_toml, log = sys.argv[1], os.open(sys.argv[2], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for name in ADAPTERS:
        importlib.import_module(name)
    for order in sys.stdin:
        word, *arguments = order.split()
        if word == "begin":
            print(begin(hub_toml, log, arguments), flush=True)
        else:
            print(os.waitpid(int(arguments[0]), 0)[1], flush=True)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))
    main()
