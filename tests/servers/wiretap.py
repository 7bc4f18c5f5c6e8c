"""A proxy on loopback between a client and a server: listens in, hides capabilities, cuts the line."""

import re
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress


class Wiretap:
    """`said` is all that the client sent. `cut_at(text)`: the line dies right before or after the client says it."""

    def __init__(self, target_port: int, hidden: Sequence[str]) -> None:
        self.port = 0
        self.said = b""
        self.connections = 0
        self._target_port = target_port
        self._hidden = [re.compile(rb" " + name.encode() + rb"(?=[ \r\n\]])") for name in hidden]
        self._cut: tuple[bytes, bool] | None = None
        self._deaf = False
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []

    def cut_at(self, text: bytes, *, delivered: bool) -> None:
        """The next time the client says this, the connection ends; `delivered`: the server still hears it."""
        self._cut = (text, delivered)

    def go_deaf(self) -> None:
        """From now on nothing the server says arrives, and nobody is told (a dead line)."""
        self._deaf = True

    def cut_all(self) -> None:
        """End all connections now."""
        for one in self._sockets:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def serve(self, listener: socket.socket) -> None:
        """Take connections until the listener is closed."""
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._target_port))
            self.connections += 1
            self._deaf = False
            self._sockets += [client, server]
            for pump in (self._client_to_server, self._server_to_client):
                thread = threading.Thread(target=pump, args=(client, server), daemon=True)
                self._threads.append(thread)
                thread.start()

    def end(self) -> None:
        """Close everything and wait."""
        self.cut_all()
        for thread in self._threads:
            thread.join(10)
        for one in self._sockets:
            one.close()

    def _client_to_server(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := client.recv(65536):
                self.said += data
                if self._cut and self._cut[0] in data:
                    self._hang_up(data, client, server)
                    return
                server.sendall(data)
        _end(client, server)

    def _hang_up(self, data: bytes, client: socket.socket, server: socket.socket) -> None:
        delivered = self._cut[1]
        self._cut = None
        with suppress(OSError):
            client.shutdown(socket.SHUT_RDWR)
        if delivered:
            server.sendall(data)
            server.settimeout(0.5)
            with suppress(OSError):
                server.recv(65536)  # the server did what it was told
        _end(client, server)

    def _server_to_client(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := server.recv(65536):
                if self._deaf:
                    continue
                for name in self._hidden:
                    data = name.sub(b"", data)
                client.sendall(data)
        if not self._deaf:
            _end(client, server)


@contextmanager
def before(target_port: int, hidden: Sequence[str] = ()) -> Iterator[Wiretap]:
    """A wiretap before a port of loopback; `hidden` capabilities are taken out of what the server offers."""
    tap = Wiretap(target_port, hidden)
    listener = socket.create_server(("127.0.0.1", 0))
    tap.port = listener.getsockname()[1]
    thread = threading.Thread(target=tap.serve, args=(listener,), daemon=True)
    thread.start()
    try:
        yield tap
    finally:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(10)
        tap.end()


def _end(*sockets: socket.socket) -> None:
    for one in sockets:
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
