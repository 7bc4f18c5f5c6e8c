"""A private Dovecot on loopback: IMAP, IMAPS and LMTP, passwords and access tokens (XOAUTH2).

The server's own processes run as packaged; mail belongs to an account without rights, as Dovecot wants.
"""

import base64
import os
import pwd
import shutil
import signal
import smtplib
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
from imapclient import IMAPClient

from tests.servers.missing import missing
from tests.servers.private import free_port, leashed, private_folder, stop, unprivileged, wait_for

PASSWORD = "geheim"
TOKEN_KEY = "geheim-token-sleutel-geheim-token-sleutel"
_OWNER = "nobody"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dovecot:
    """A running server. Every address is a mailbox and can log in with `PASSWORD`."""

    port: int
    tls_port: int
    lmtp_port: int
    folder: Path

    @property
    def ca_file(self) -> Path:
        """The certificate that the server shows, to be trusted."""
        return self.folder / "cert.pem"

    def deliver(self, raw: bytes, *addresses: str, sender: str = "burger@example.be") -> None:
        """Bring a mail into the inboxes, as the city's mail server would."""
        with smtplib.LMTP("127.0.0.1", self.lmtp_port) as lmtp:
            for address in addresses:  # smtplib reads one answer where LMTP gives one for each
                lmtp.sendmail(sender, [address], raw)

    @contextmanager
    def colleague(self, address: str) -> Iterator[IMAPClient]:
        """Somebody with the same mailbox open in their own mail program."""
        client = IMAPClient("127.0.0.1", self.port, ssl=False, timeout=20)
        try:
            client.login(address, PASSWORD)
            yield client
        finally:
            client.logout()

    def mails(self, address: str, folder: str = "INBOX") -> list[bytes]:
        """The raw mails in a folder, oldest first; [] when it does not exist."""
        with self.colleague(address) as client:
            if not client.folder_exists(folder):
                return []
            client.select_folder(folder, readonly=True)
            found = client.fetch(client.search("ALL"), ["BODY.PEEK[]"])
            return [found[uid][b"BODY[]"] for uid in sorted(found)]

    def seen(self, address: str, folder: str = "INBOX") -> int:
        """How many mails in a folder are marked as read."""
        with self.colleague(address) as client:
            client.select_folder(folder, readonly=True)
            return len(client.search("SEEN"))


def access_token(address: str, lifetime: timedelta = timedelta(minutes=10)) -> str:
    """A token that the server takes for this address; an expired one when `lifetime` is negative."""
    now = datetime.now(UTC)
    claims = {"sub": address, "upn": address, "iat": now - timedelta(hours=1), "exp": now + lifetime}
    return jwt.encode(claims, TOKEN_KEY, algorithm="HS256")


@contextmanager
def running(settings: str = "") -> Iterator[Dovecot]:
    """A server. `settings` are further lines of its configuration."""
    program = shutil.which("dovecot", path=f"{os.environ['PATH']}:/usr/sbin") or missing("Dovecot")
    with private_folder(unprivileged(""), "wdc-") as folder:  # short: it names UNIX sockets
        server = Dovecot(port=free_port(), tls_port=free_port(), lmtp_port=free_port(), folder=folder)
        _prepare(server, settings)
        yield from _served(program, server)


def _served(program: str, server: Dovecot) -> Iterator[Dovecot]:
    log = server.folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            leashed([program, "-F", "-c", str(server.folder / "dovecot.conf")]),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        wait_for(lambda: _answers(server), process, log, 30)
        yield server
    finally:
        stop(process, signal.SIGTERM)


def _prepare(server: Dovecot, settings: str) -> None:
    folder = server.folder
    folder.chmod(0o755)
    owner = pwd.getpwnam(_OWNER) if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
    mail = folder / "mail"
    mail.mkdir()
    if os.geteuid() == 0:
        os.chown(mail, owner.pw_uid, owner.pw_gid)
    keys = folder / "keys" / "default" / "HS256"
    keys.mkdir(parents=True)
    (keys / "default").write_bytes(base64.b64encode(TOKEN_KEY.encode()))
    _make_certificate(folder)
    (folder / "oauth2.conf.ext").write_text(
        "introspection_mode = local\n"
        f"local_validation_key_dict = fs:posix:prefix={folder}/keys/\n"
        "username_attribute = upn\n"
    )
    unprivileged_lines = "" if os.geteuid() == 0 else _unprivileged(owner)
    configuration = _configuration(server, owner) + unprivileged_lines + settings
    (folder / "dovecot.conf").write_text(configuration)


def _make_certificate(folder: Path) -> None:
    subprocess.run(
        [
            *(
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "rsa:2048",
                "-nodes",
                "-days",
                "2",
                "-subj",
                "/CN=localhost",
            ),
            *("-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"),
            *("-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")),
        ],
        check=True,
        capture_output=True,
    )


def _unprivileged(owner: pwd.struct_passwd) -> str:
    """What a server that was not started by root needs besides."""
    group = owner.pw_name
    return f"""
default_internal_user = {owner.pw_name}
default_internal_group = {group}
default_login_user = {owner.pw_name}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
service imap-login {{
  chroot =
}}
"""


def _configuration(server: Dovecot, owner: pwd.struct_passwd) -> str:
    folder = server.folder
    return f"""
base_dir = {folder}/run
state_dir = {folder}/state
instance_name = {folder.name}
log_path = {folder}/dovecot.log
protocols = imap lmtp
listen = 127.0.0.1
ssl = yes
ssl_cert = <{folder}/cert.pem
ssl_key = <{folder}/key.pem
first_valid_uid = 1
first_valid_gid = 1
disable_plaintext_auth = no
auth_failure_delay = 0
mail_max_userip_connections = 50
mail_location = maildir:{folder}/mail/%u
auth_mechanisms = plain login xoauth2 oauthbearer
passdb {{
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = {folder}/oauth2.conf.ext
}}
passdb {{
  driver = static
  mechanisms = plain login
  args = password={PASSWORD}
}}
userdb {{
  driver = static
  args = uid={owner.pw_uid} gid={owner.pw_gid} home={folder}/mail/%u allow_all_users=yes
}}
service imap-login {{
  inet_listener imap {{
    port = {server.port}
  }}
  inet_listener imaps {{
    port = {server.tls_port}
    ssl = yes
  }}
}}
service lmtp {{
  inet_listener lmtp {{
    port = {server.lmtp_port}
    address = 127.0.0.1
  }}
}}
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
namespace inbox {{
  inbox = yes
  separator = /
}}
protocol lmtp {{
  postmaster_address = postmaster@example.test
}}
"""


def _answers(server: Dovecot) -> bool:
    try:
        IMAPClient("127.0.0.1", server.port, ssl=False, timeout=2).logout()
        with smtplib.LMTP("127.0.0.1", server.lmtp_port, timeout=2):
            return True
    except OSError:
        return False
