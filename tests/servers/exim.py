"""A private Exim on loopback: a real mail server, for the bounces that it writes.

Mail for `domain` goes to an LMTP server (Dovecot), everything else to an SMTP server (the sink).
"""

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.servers.missing import missing
from tests.servers.private import Account, free_port, leashed, private_folder, stop, unprivileged, wait_for

_PACKAGED = "Debian-exim"

_HOLDING = ("sh", "-c", '"$@" & trap "kill $!" TERM; wait $!', "exim")
"""Exim is setuid, and the kernel takes the leash off such programs: the shell before it stays on it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exim:
    """A running server."""

    port: int
    folder: Path

    @property
    def log(self) -> str:
        """What it did, for failing tests."""
        file = self.folder / "log" / "mainlog"
        return file.read_text(errors="replace") if file.exists() else ""


@contextmanager
def running(*, domain: str, lmtp_port: int, elsewhere_port: int) -> Iterator[Exim]:
    """A server that tries queued mail again every ten seconds."""
    program = shutil.which("exim4", path=f"{os.environ['PATH']}:/usr/sbin") or missing("Exim")
    account = unprivileged(_PACKAGED)
    with private_folder(account, "wegwijzer-exim-") as folder:
        server = Exim(port=free_port(), folder=folder)
        _prepare(server, account, domain, lmtp_port, elsewhere_port)
        yield from _served(program, server, account)


def _served(program: str, server: Exim, account: Account) -> Iterator[Exim]:
    log = server.folder / "output"
    with log.open("wb") as output:
        process = subprocess.Popen(
            leashed([*_HOLDING, program, "-C", str(server.folder / "exim.conf"), "-bdf", "-q10s"]),
            cwd=server.folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            **account.popen_arguments(),
        )
    try:
        wait_for(lambda: _answers(server.port), process, log, 30)
        yield server
    finally:
        stop(process, signal.SIGTERM)


def _prepare(server: Exim, account: Account, domain: str, lmtp_port: int, elsewhere_port: int) -> None:
    user = account.name or str(os.geteuid())
    for name in ("spool", "log"):
        (server.folder / name).mkdir()
        if account.name:
            shutil.chown(server.folder / name, account.name)
    configuration = f"""
primary_hostname = mx.{domain}
local_interfaces = 127.0.0.1
daemon_smtp_ports = {server.port}
exim_user = {user}
exim_group = {user}
trusted_users = {user}
never_users =
spool_directory = {server.folder}/spool
log_file_path = {server.folder}/log/%slog
pid_file_path = {server.folder}/exim.pid
acl_smtp_rcpt = take_all
acl_smtp_data = take_all
host_lookup =
tls_advertise_hosts =
ignore_bounce_errors_after = 1h
bounce_return_body = true
begin acl
take_all:
  accept
begin routers
ours:
  driver = manualroute
  domains = {domain}
  route_list = * 127.0.0.1
  transport = mailboxes
  self = send
others:
  driver = manualroute
  route_list = * 127.0.0.1
  transport = elsewhere
  self = send
begin transports
mailboxes:
  driver = smtp
  protocol = lmtp
  port = {lmtp_port}
  allow_localhost
elsewhere:
  driver = smtp
  port = {elsewhere_port}
  allow_localhost
begin retry
* * F,1m,5s
"""
    file = server.folder / "exim.conf"
    file.write_text(configuration)
    file.chmod(0o644)


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
            return connection.recv(3) == b"220"
    except OSError:
        return False
