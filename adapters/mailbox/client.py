"""The IMAP wire: one folder of one account over one connection. Blocking; used by one thread at a time.

Every wire error becomes one of `ports.errors`, and the connection is thrown away with it: what a broken
connection still has to say is not worth knowing.
"""

import ssl
import threading
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from imaplib import IMAP4
from typing import Any

from imapclient import IMAPClient, SocketTimeout
from imapclient.exceptions import LoginError

from adapters.mailbox.settings import Tls
from ports.errors import MisconfiguredError, TransientError

_Imap = Any
"""An `IMAPClient`. Its own annotations are wrong (searches take lists, time-outs a pair) or missing."""

CONNECT_SECONDS = 10.0
SLICE_SECONDS = 1.0
"""How long an idle connection is left alone before looking whether somebody wants to stop."""

_BUSY = ("UNAVAILABLE", "INUSE", "LIMIT", "SERVERBUG")
_WAITING = ["UNDELETED"]
"""What is searched for. Never a range like `7:*`: it matches the newest mail even when that is older than 7."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Where the IMAP server is and how to talk to it."""

    host: str
    port: int
    tls: Tls
    timeout: float
    context: ssl.SSLContext = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """Who logs in: with a password, or with an access token (XOAUTH2)."""

    user: str
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)


class ExpiredLoginError(MisconfiguredError):
    """The server refuses the credentials; with a fresh access token it may take them."""


class Folder:
    """One folder on the server. `folder` must exist."""

    def __init__(self, server: Server, name: str) -> None:
        self._server = server
        self._name = name
        self._imap: _Imap | None = None
        self._capabilities: frozenset[bytes] = frozenset()
        self._connected_at = 0.0
        self.uid_validity = 0

    @property
    def can_idle(self) -> bool:
        """Whether `idle` may be called."""
        return self._imap is not None and b"IDLE" in self._capabilities

    def is_alive(self, longest: float) -> bool:
        """Whether there is a connection younger than `longest` seconds that still answers."""
        if self._imap is None:
            return False
        if time.monotonic() - self._connected_at > longest:
            self.close()
            return False
        try:
            self._imap.noop()
        except (IMAP4.error, OSError):
            self._drop()
            return False
        return True

    def connect(self, login: Login, *, read_only: bool = False) -> None:
        """Connect, log in and open the folder. `MisconfiguredError` names what cannot work."""
        self.close()
        with self._errors("connect"):
            imap = self._imap = self._connected()
            self._log_in(imap, login)
            self._capabilities = frozenset(imap.capabilities())
            self._connected_at = time.monotonic()
        with self._wire("open a folder") as imap:
            if not imap.folder_exists(self._name):
                raise MisconfiguredError(f"{self._server.host}: the folder {self._name!r} does not exist")
            self.uid_validity = int(imap.select_folder(self._name, readonly=read_only)[b"UIDVALIDITY"])

    def ensure(self, folder: str) -> None:
        """Make a folder unless it exists. May be repeated."""
        with self._wire("make a folder") as imap:
            if imap.folder_exists(folder):
                return
            try:
                imap.create_folder(folder)
            except IMAP4.abort:
                raise
            except IMAP4.error as error:
                if imap.folder_exists(folder):  # another worker was faster
                    return
                raise MisconfiguredError(
                    f"{self._server.host} will not make the folder {folder!r}: make it, or name another"
                ) from error

    def waiting(self) -> tuple[int, ...]:
        """UIDs of all mails in the folder, oldest first. NOOP first: a search sees the last synchronised state."""
        with self._wire("list mail") as imap:
            imap.noop()
            return tuple(sorted(map(int, imap.search(_WAITING))))

    def sizes(self, uids: Sequence[int]) -> Mapping[int, int]:
        """Bytes of each mail that is still there."""
        with self._wire("read sizes") as imap:
            found = imap.fetch(list(uids), ["RFC822.SIZE"])
            return {
                int(uid): int(data[b"RFC822.SIZE"]) for uid, data in found.items() if b"RFC822.SIZE" in data
            }

    def bodies(self, uids: Sequence[int]) -> Mapping[int, bytes]:
        """The raw mails, without marking them as seen. Mails that somebody moved away meanwhile are left out."""
        return self._fetched(uids, "BODY.PEEK[]", b"BODY[]")

    def head(self, uid: int) -> bytes | None:
        """The headers of a mail; None when it is gone."""
        return self._fetched([uid], "BODY.PEEK[HEADER]", b"BODY[HEADER]").get(uid)

    def move(self, uids: Sequence[int], folder: str) -> None:
        """Put mails into another folder. Mails that somebody moved away meanwhile do not matter."""
        if not uids:
            return
        with self._wire("move mail") as imap:
            try:
                self._move(imap, list(uids), folder)
            except IMAP4.abort:
                raise
            except IMAP4.error:
                if imap.search(["UID", ",".join(map(str, uids)), "UNDELETED"]):
                    raise

    def idle(self, seconds: float, stop: threading.Event) -> bool:
        """Wait until the server tells of new mail (True), time is up, or `stop` is set.

        A hint that comes before the server says that it is idling is only seen when idling ends: the answer of
        that counts too, and whoever gets False must look all the same.
        """
        with self._wire("wait for mail") as imap:
            imap.idle()
            heard = self._heard(imap, time.monotonic() + seconds, stop)
            _, late = imap.idle_done()
            return heard or any(map(_tells_of_mail, late))

    def contains(self, header: str, other_header: str, value: str) -> bool:
        """Whether a mail has exactly this value in one of two headers."""
        with self._wire("look for a mail") as imap:
            imap.noop()
            found = imap.search(["OR", "HEADER", header, value, "HEADER", other_header, value])
            if not found:
                return False
            field_ = f"BODY.PEEK[HEADER.FIELDS ({header.upper()} {other_header.upper()})]"
            heads = imap.fetch(found, [field_]).values()
            wanted = value.encode("ascii")
            return any(wanted in part for head in heads for part in head.values() if isinstance(part, bytes))

    def close(self) -> None:
        """Log out politely when there is still somebody there. May be repeated."""
        if self._imap is not None:
            with suppress(IMAP4.error, OSError):
                self._imap.logout()
        self._drop()

    def _connected(self) -> _Imap:
        server = self._server
        make: _Imap = IMAPClient
        imap = make(
            server.host,
            server.port,
            ssl=server.tls == "tls",
            ssl_context=server.context if server.tls == "tls" else None,
            timeout=SocketTimeout(min(CONNECT_SECONDS, server.timeout), server.timeout),
        )
        if server.tls == "starttls":
            try:
                imap.starttls(server.context)
            except (IMAP4.error, OSError):
                imap.shutdown()
                raise
        return imap

    def _log_in(self, imap: _Imap, login: Login) -> None:
        try:
            if login.token:
                imap.oauth2_login(login.user, login.token)
            elif imap.has_capability("AUTH=PLAIN"):
                imap.plain_login(login.user, login.password)
            else:
                imap.login(login.user, login.password)
        except (LoginError, UnicodeEncodeError) as error:
            if any(code in str(error) for code in _BUSY):
                raise TransientError(f"{self._server.host} takes no log-in just now") from error
            raise ExpiredLoginError(
                f"{self._server.host} refuses the log-in: check user and password, or the access token"
            ) from error

    def _fetched(self, uids: Sequence[int], item: str, key: bytes) -> Mapping[int, bytes]:
        with self._wire("fetch mail") as imap:
            found = imap.fetch(list(uids), [item])
            bodies = {int(uid): data.get(key) for uid, data in found.items()}
            return {uid: body for uid, body in bodies.items() if isinstance(body, bytes) and body}

    def _move(self, imap: _Imap, uids: list[int], folder: str) -> None:
        if b"MOVE" in self._capabilities:
            imap.move(uids, folder)
            return
        imap.copy(uids, folder)
        imap.delete_messages(uids, silent=True)
        if b"UIDPLUS" in self._capabilities:
            imap.uid_expunge(uids)  # a plain EXPUNGE would take what colleagues marked too

    def _heard(self, imap: _Imap, end: float, stop: threading.Event) -> bool:
        while not stop.is_set():
            began = time.monotonic()
            if began >= end:
                return False
            if any(map(_tells_of_mail, imap.idle_check(min(SLICE_SECONDS, end - began)))):
                return True
            if time.monotonic() - began < SLICE_SECONDS / 100:
                return False  # a closed connection reads as silence at once: ending the idling will tell
        return False

    def _open(self) -> _Imap:
        if self._imap is None:
            raise TransientError(f"{self._server.host}: the connection is lost")
        return self._imap

    def _drop(self) -> None:
        """Let go of the connection without a word."""
        imap, self._imap, self._capabilities = self._imap, None, frozenset()
        if imap is not None:
            with suppress(IMAP4.error, OSError):
                imap.shutdown()

    @contextmanager
    def _errors(self, doing: str) -> Generator[None, None, None]:
        host = self._server.host
        try:
            yield
        except (MisconfiguredError, TransientError):
            self._drop()
            raise
        except ssl.SSLCertVerificationError as error:
            self._drop()
            raise MisconfiguredError(f"{host}: its certificate is not trusted; see ca_file") from error
        except (IMAP4.error, OSError, ValueError, LookupError) as error:  # the latter two: no IMAP at all
            self._drop()
            raise TransientError(f"{host}: could not {doing}", detail=type(error).__name__) from error

    @contextmanager
    def _wire(self, doing: str) -> Generator[_Imap, None, None]:
        with self._errors(doing):
            yield self._open()


def _tells_of_mail(response: Sequence[object]) -> bool:
    return len(response) > 1 and response[1] == b"EXISTS"
