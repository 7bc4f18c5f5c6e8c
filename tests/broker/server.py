"""A private RabbitMQ that a test may freeze, kill, wipe and put under alarm."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from demo.engines.private import Account, NotInstalledError, free_port, private_folder, unprivileged
from demo.engines.rabbitmq import NameDaemon, Node
from tests.broker.certificates import issue
from tests.servers.missing import missing


class Server:
    """One node with its own data. Its address stays the same whatever happens to it."""

    def __init__(self, account: Account, folder: Path) -> None:
        self._folder = folder
        self._names = NameDaemon(account, folder)
        self._node = Node(account, folder, self._names)
        self._tls_port = free_port()
        self._speak_tls()

    @property
    def url(self) -> str:
        return self._node.url

    @property
    def port(self) -> int:
        return self._node.port

    @property
    def authority(self) -> Path:
        """The certificate that vouches for the server's own."""
        return self._folder / "authority.pem"

    def tls_url(self, host: str = "127.0.0.1") -> str:
        return f"amqps://guest:guest@{host}:{self._tls_port}//"

    def start(self) -> None:
        """Return when it speaks AMQP."""
        self._node.start()

    def freeze(self) -> None:
        """Stop every thread of it; the kernel still accepts its connections."""
        os.killpg(self._node.process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.killpg(self._node.process.pid, signal.SIGCONT)

    def kill(self) -> None:
        """`kill -9`."""
        self._node.stop(signal.SIGKILL)

    def wipe(self) -> None:
        """Throw away what the (killed) server knew."""
        self._node.wipe()

    def ctl(self, *words: str) -> str:
        """What `rabbitmqctl` says; waits until it was done."""
        return self._node.ctl(*words)

    def _speak_tls(self) -> None:
        certificate, key = self._folder / "server.pem", self._folder / "server.key"
        issue("127.0.0.1", authority=self.authority, certificate=certificate, key=key)
        with self._node.configuration.open("a") as settings:
            settings.write(
                f"listeners.ssl.1 = 127.0.0.1:{self._tls_port}\n"
                f"ssl_options.certfile = {certificate}\n"
                f"ssl_options.keyfile = {key}\n"
            )

    def close(self) -> None:
        if self._node.process and self._node.process.poll() is None:
            self.thaw()
            self.kill()
        self._names.stop()


@contextmanager
def breakable() -> Iterator[Server]:
    """A running server of one's own."""
    account = unprivileged("rabbitmq")
    with private_folder(account, "wegwijzer-broker-") as folder:
        try:
            server = Server(account, folder)
        except NotInstalledError as error:
            missing(str(error))
        try:
            server.start()
            yield server
        finally:
            server.close()
