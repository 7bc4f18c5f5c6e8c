"""A private RabbitMQ that a test may freeze, kill, wipe and put under alarm."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.broker.certificates import issue
from tests.servers import rabbitmq
from tests.servers.private import Account, free_port, private_folder, stop, unprivileged, wait_for


class Server:
    """One node with its own data. Its address stays the same whatever happens to it."""

    def __init__(self, program: Path, account: Account, folder: Path) -> None:
        self._program, self._account, self._folder = program, account, folder
        self._log = folder / "server.log"
        self._port, name_port = free_port(), free_port()
        self._tls_port = free_port()
        self._settings = rabbitmq._settings(folder, self._port, name_port)
        self._speak_tls()
        names = ["epmd", "-address", "127.0.0.1", "-port", str(name_port)]
        self._names = rabbitmq._start(names, account, folder, {}, self._log)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@127.0.0.1:{self._port}//"

    @property
    def port(self) -> int:
        return self._port

    @property
    def authority(self) -> Path:
        """The certificate that vouches for the server's own."""
        return self._folder / "authority.pem"

    def tls_url(self, host: str = "127.0.0.1") -> str:
        return f"amqps://guest:guest@{host}:{self._tls_port}//"

    def start(self) -> None:
        """Return when it speaks AMQP."""
        self._process = rabbitmq._start(
            [str(self._program)], self._account, self._folder, self._settings, self._log
        )
        wait_for(lambda: rabbitmq._answers(self._port), self._process, self._log, 120)

    def freeze(self) -> None:
        """Stop every thread of it; the kernel still accepts its connections."""
        os.killpg(self._process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.killpg(self._process.pid, signal.SIGCONT)

    def kill(self) -> None:
        """`kill -9`."""
        stop(self._process, signal.SIGKILL)

    def wipe(self) -> None:
        """Throw away what the (killed) server knew."""
        shutil.rmtree(self._folder / "data")

    def ctl(self, *words: str) -> str:
        """What `rabbitmqctl` says; waits until it was done."""
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self._folder),
            "LANG": "C.UTF-8",
            **self._settings,
        }
        return subprocess.run(
            [str(self._program.with_name("rabbitmqctl")), "--quiet", *words],
            cwd=self._folder,
            env=environment,
            check=True,
            capture_output=True,
            text=True,
            timeout=60,
            stdin=subprocess.DEVNULL,
            **self._account.popen_arguments(),
        ).stdout

    def _speak_tls(self) -> None:
        certificate, key = self._folder / "server.pem", self._folder / "server.key"
        issue("127.0.0.1", authority=self.authority, certificate=certificate, key=key)
        with (self._folder / "rabbitmq.conf").open("a") as settings:
            settings.write(
                f"listeners.ssl.1 = 127.0.0.1:{self._tls_port}\n"
                f"ssl_options.certfile = {certificate}\n"
                f"ssl_options.keyfile = {key}\n"
            )

    def close(self) -> None:
        if self._process and self._process.poll() is None:
            self.thaw()
            self.kill()
        stop(self._names, signal.SIGKILL)


@contextmanager
def breakable() -> Iterator[Server]:
    """A running server of one's own."""
    program, account = rabbitmq._program(), unprivileged("rabbitmq")
    with private_folder(account, "wegwijzer-broker-") as folder:
        server = Server(program, account, folder)
        try:
            server.start()
            yield server
        finally:
            server.close()
