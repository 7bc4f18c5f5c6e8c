"""Servers end with who started them, also when that is killed and says nothing."""

import json
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.servers.missing import missing

ROOT = Path(__file__).parents[2]


def started(stack: ExitStack, folder: Path) -> dict[str, int]:
    """In the parent: every kind of server that a test may start, and the port of each."""
    from demo import mail, radicale
    from demo.post_office import Settings
    from tests.servers import dovecot, exim, oidc, relay

    post = stack.enter_context(dovecot.running())
    provider = stack.enter_context(oidc.mock_provider({"sub": "els"}))
    desk = Settings(
        domain="leuven.test",
        password="geheim",
        mailboxes=["info"],
        gone=[],
        letters=str(folder / "letters"),
    )
    office = mail.open_post_office(desk, folder / "office.log")
    lists = radicale.start(folder / "radicale")
    mails = {"domain": "leuven.test", "lmtp_port": post.lmtp_port}
    return {
        "dovecot": post.port,
        "relay": stack.enter_context(relay.running(folder, **mails)),
        "exim": stack.enter_context(exim.running(**mails, elsewhere_port=office.smtp_port)).port,
        "provider": int(provider.issuer.rpartition(":")[2]),
        "post office": office.smtp_port,
        "radicale": int(lists.url.rpartition(":")[2].strip("/")),
    }


@pytest.fixture
def parent() -> Iterator[subprocess.Popen[str]]:
    if shutil.which("setpriv") is None:
        missing("setpriv (util-linux)")
    folder = tempfile.mkdtemp(prefix="wl-")  # short: servers name UNIX sockets in it
    Path(folder).chmod(0o755)  # some run under an account without rights
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.servers.test_leash", folder],
        cwd=ROOT,
        env={"PATH": f"{ROOT}:/usr/sbin:/usr/bin:/bin", "TMPDIR": folder},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        yield process
        process.kill()
    shutil.rmtree(folder, ignore_errors=True)


def test_servers_end_with_a_parent_that_is_killed(parent: subprocess.Popen[str]):
    ports: dict[str, int] = json.loads(parent.stdout.readline())
    assert {name for name, port in ports.items() if not listens(port)} == set()

    parent.send_signal(signal.SIGKILL)

    end = time.monotonic() + 20
    while (left := {name for name, port in ports.items() if listens(port)}) and time.monotonic() < end:
        time.sleep(0.05)
    assert left == set()


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


if __name__ == "__main__":
    with ExitStack() as running:
        print(json.dumps(started(running, Path(sys.argv[1]))), flush=True)
        time.sleep(600)
