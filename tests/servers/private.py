"""What every private test server needs; the demo's engines need it too."""

from demo.engines.private import (
    Account,
    free_port,
    leashed,
    private_folder,
    start,
    stop,
    unprivileged,
    wait_for,
)

__all__ = ["Account", "free_port", "leashed", "private_folder", "start", "stop", "unprivileged", "wait_for"]
