"""A port before a server that a test shuts and opens: shut, connections are refused, as by a machine that is off."""

import contextlib
import socket
import threading


class ShutDoor:
    """Leads to `target`, a port of loopback, while it is open. Works in threads: any client, blocking or not, may come."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._listening: socket.socket | None = None
        self._lines: list[socket.socket] = []
        self.port = 0
        self.open()

    def open(self) -> None:
        """Let everybody in, at the same port as before."""
        if self._listening:
            return
        self._listening = socket.create_server(("127.0.0.1", self.port))
        self.port = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._listening,), daemon=True).start()

    def shut(self) -> None:
        """Cut every line and refuse new ones."""
        if self._listening:
            for line in (self._listening, *self._lines):
                _end(line)
        self._listening = None
        self._lines.clear()

    def _accept(self, listening: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                here, _ = listening.accept()
                there = socket.create_connection(("127.0.0.1", self._target))
                self._lines += (here, there)
                for one, other in ((here, there), (there, here)):
                    threading.Thread(target=_pass_on, args=(one, other), daemon=True).start()


def _pass_on(one: socket.socket, other: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := one.recv(65536):
            other.sendall(data)
    _end(one)
    _end(other)


def _end(line: socket.socket) -> None:
    with contextlib.suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)
    line.close()
