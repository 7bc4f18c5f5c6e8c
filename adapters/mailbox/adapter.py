"""Group mailboxes as sources (Polling Consumer) and the relay as the way out (Channel Adapter)."""

import asyncio
import email.errors
import ssl
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import structlog

from adapters.mailbox.client import ExpiredLoginError, Folder, Login, Server
from adapters.mailbox.compose import ID_HEADER, Letterhead, envelope, letter_text, safe_id
from adapters.mailbox.mime import Limits
from adapters.mailbox.settings import Account, Mailbox, Settings
from adapters.mailbox.signs import Own, one_address
from adapters.mailbox.smtp import Relay
from adapters.mailbox.tokens import Tokens
from adapters.mailbox.translate import Mailroom, translation
from canonical_model.commands import SendMail
from ports.adapter import Adapter, Tools
from ports.clock import Clock
from ports.errors import (
    AdapterError,
    MessageError,
    MisconfiguredError,
    NotUnderstoodError,
    TransientError,
)
from ports.intake import Accept, Inbound
from ports.settings import parsed
from ports.target import Idempotency

MEDIA_TYPE = "message/rfc822"
BATCH_BYTES = 8_000_000
BATCH_MAILS = 50
SIZES_AT_ONCE = 500
AFTER_A_BREAK = 5.0
"""Seconds until the next poll after the connection broke while waiting."""
LOOK_AGAIN = 1.0

log = structlog.get_logger()

_T = TypeVar("_T")

_STUMBLES = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
    email.errors.MessageError,
)
"""How a translator fails on a mail that nobody thought of. Such a mail must not hold up those behind it."""


class Connection:
    """A folder on the server with a thread of its own, as the IMAP library blocks."""

    def __init__(self, account: Account, server: Server, tokens: Tokens | None) -> None:
        self._account = account
        self._tokens = tokens
        self._thread: ThreadPoolExecutor | None = None
        self.folder = Folder(server, account.folder)

    async def run(self, call: Callable[..., _T], *args: Any) -> _T:
        """The call in this folder's thread, after all calls before it."""
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="imap")
        return await asyncio.get_running_loop().run_in_executor(self._thread, call, *args)

    async def open(self, longest: float, *, read_only: bool = False) -> None:
        """A live connection, logged in, the folder open. An access token that was refused is renewed once."""
        if await self.run(self.folder.is_alive, longest):
            return
        try:
            await self._connect(read_only=read_only)
        except ExpiredLoginError:
            if self._tokens is None:
                raise
            self._tokens.forget()
            await self._connect(read_only=read_only)

    async def close(self) -> None:
        """Log out and let the thread go."""
        if self._thread is None:
            return
        await self.run(self.folder.close)
        self._thread.shutdown(wait=False)
        self._thread = None

    async def _connect(self, *, read_only: bool) -> None:
        login = await self._login()
        await self.run(lambda: self.folder.connect(login, read_only=read_only))

    async def _login(self) -> Login:
        if self._tokens is not None:
            return Login(user=self._account.login_name, token=await self._tokens.get())
        password = self._account.password
        return Login(user=self._account.login_name, password=password.get_secret_value() if password else "")


class MailboxSource:
    """One group mailbox. Mail is moved to `done_folder` only after it was accepted.

    Cut off anywhere, mail stays in the folder and comes again; a mail that was dragged back, or that two
    workers fetched at once, is recognised by the journal: same reference, or same fingerprint.
    """

    def __init__(
        self,
        name: str,
        box: Mailbox,
        connection: Connection,
        room: Mailroom,
        accept: Accept,
        settings: Settings,
    ) -> None:
        self._name = name
        self._box = box
        self._connection = connection
        self._folder = connection.folder
        self._room = room
        self._accept = accept
        self._settings = settings

    @property
    def name(self) -> str:
        return self._name

    async def poll(self) -> int:
        await self._open()
        uids = await self._connection.run(self._folder.waiting)
        new = 0
        for start in range(0, len(uids), SIZES_AT_ONCE):
            sizes = await self._connection.run(self._folder.sizes, uids[start : start + SIZES_AT_ONCE])
            for batch in _batches(sizes, self._settings.max_mail_bytes):
                new += await self._take(batch)
            new += await self._park_oversized(sizes)
        return new

    async def wait(self, seconds: float) -> None:
        if not self._folder.can_idle:
            await asyncio.sleep(seconds)
            return
        stop = threading.Event()
        limit = min(seconds, self._settings.idle_seconds)
        try:
            await self._connection.run(self._folder.idle, limit, stop)
        except TransientError as error:
            log.info("mailbox_wait_broken", source=self._name, reason=error.detail)
            await asyncio.sleep(min(seconds, AFTER_A_BREAK))
        finally:
            stop.set()

    async def close(self) -> None:
        await self._connection.close()

    async def _open(self) -> None:
        await self._connection.open(self._settings.reconnect_seconds)

    async def _take(self, uids: Sequence[int]) -> int:
        bodies = await self._connection.run(self._folder.bodies, uids)
        taken: dict[int, Inbound] = {}
        new = 0
        try:
            for uid in sorted(bodies):
                inbound = await self._connection.run(self._inbound, uid, bodies[uid])
                new += await self._handed_over(inbound)
                taken[uid] = inbound
        except TransientError:
            await self._confirm(taken)
            raise
        await self._confirm(taken)
        return new

    async def _park_oversized(self, sizes: Mapping[int, int]) -> int:
        """Mails above the limit: headers and size into the journal, the mail itself into the failed folder."""
        new = 0
        for uid in (uid for uid, size in sizes.items() if size > self._settings.max_mail_bytes):
            head = await self._connection.run(self._folder.head, uid)
            if head is None:
                continue
            problem = NotUnderstoodError(
                f"mail: {sizes[uid]} bytes, at most {self._settings.max_mail_bytes} are taken over; "
                f"the whole mail is in folder {self._box.failed_folder}"
            )
            inbound = self._message(uid, head, problem)
            new += await self._handed_over(inbound)
            await self._confirm({uid: inbound})
        return new

    async def _handed_over(self, inbound: Inbound) -> int:
        receipt = await self._accept(inbound)
        return 0 if receipt.duplicate else 1

    async def _confirm(self, taken: Mapping[int, Inbound]) -> None:
        """Mail that is safely stored leaves the folder; only now."""
        parked = [uid for uid, inbound in taken.items() if isinstance(inbound.problem, NotUnderstoodError)]
        done = [uid for uid in taken if uid not in parked]
        for uids, folder in ((done, self._box.done_folder), (parked, self._box.failed_folder)):
            if uids:
                await self._connection.run(self._folder.ensure, folder)
                await self._connection.run(self._folder.move, uids, folder)

    def _inbound(self, uid: int, raw: bytes) -> Inbound:
        try:
            found = translation(raw, self._room)
        except MessageError as problem:
            return self._message(uid, raw, problem)
        except _STUMBLES as error:
            where = traceback.extract_tb(error.__traceback__)[-1]  # never its text: it may quote the mail
            log.error(  # noqa: TRY400 - a traceback shows that text too
                "mail_translation_stumbled",
                source=self._name,
                uid=uid,
                error=type(error).__name__,
                at=f"{where.filename}:{where.lineno}",
            )
            return self._message(uid, raw, NotUnderstoodError(f"mail: unreadable ({type(error).__name__})"))
        return Inbound(
            source=self._name,
            source_ref=self._reference(uid),
            raw=raw,
            media_type=MEDIA_TYPE,
            event=found.event,
            files=found.files,
        )

    def _message(self, uid: int, raw: bytes, problem: MessageError) -> Inbound:
        return Inbound(
            source=self._name,
            source_ref=self._reference(uid),
            raw=raw,
            media_type=MEDIA_TYPE,
            problem=problem,
        )

    def _reference(self, uid: int) -> str:
        return f"{self._folder.uid_validity}/{uid}"


class RelayOut:
    """Mail out through the relay, with a copy in `sent_mailbox` as the proof that it was taken."""

    def __init__(
        self, relay: Relay, letterhead: Letterhead, tools: Tools, settings: Settings, sent: Connection | None
    ) -> None:
        self._relay = relay
        self._letterhead = letterhead
        self._tools = tools
        self._settings = settings
        self._sent = sent

    @property
    def idempotency(self) -> Idempotency:
        return Idempotency.PROBE if self._sent else Idempotency.NONE

    async def send(self, mail: SendMail) -> None:
        copy_to = self._settings.sent_mailbox.address if self._settings.sent_mailbox else ""
        written = envelope(mail, self._letterhead, self._tools.clock.now(), self._way_out(mail))
        await self._relay.hand_over(written, copy_to)

    def shown(self, mail: SendMail) -> str:
        return letter_text(mail, self._letterhead, self._way_out(mail))

    def _way_out(self, mail: SendMail) -> str:
        return self._tools.ways_out.link(mail.to) if mail.opt_out else ""

    async def find(self, message_id: str) -> bool:
        """Looks for the copy. Not there yet may mean still on its way: looks again until patience ends."""
        if self._sent is None:
            raise MisconfiguredError("without sent_mailbox nobody can tell whether a mail was taken")
        looks = 1 + int(self._settings.sent_patience / LOOK_AGAIN)
        for look in range(looks):
            if look:
                await asyncio.sleep(LOOK_AGAIN)
            await self._sent.open(self._settings.reconnect_seconds, read_only=True)
            wanted = f"<{safe_id(message_id)}>"
            if await self._sent.run(self._sent.folder.contains, "Message-ID", ID_HEADER, wanted):
                return True
        return False

    async def close(self) -> None:
        if self._sent is not None:
            await self._sent.close()


def build(settings: Mapping[str, Any], tools: Tools) -> Adapter:
    """The adapter for one `[adapters.<name>]` section. Raises `MisconfiguredError` naming the setting."""
    checked = parsed(Settings, settings, tools.name)
    context = _tls_context(checked, tools.name)
    sources = tuple(_source(box, checked, tools, context) for box in checked.mailboxes)
    mail = _mail_out(checked, tools, context) if checked.smtp_host else None

    async def check() -> tuple[str, ...]:
        return await _check(checked, tools, context)

    async def close() -> None:
        for part in (*sources, *((mail,) if mail else ())):
            await part.close()

    return Adapter(check=check, close=close, sources=sources, mail=mail)


def _source(box: Mailbox, settings: Settings, tools: Tools, context: ssl.SSLContext) -> MailboxSource:
    return MailboxSource(
        f"{tools.name}/{box.address}",
        box,
        _connection(box, settings, tools.clock, context),
        _room(box, settings),
        tools.accept,
        settings,
    )


def _mail_out(settings: Settings, tools: Tools, context: ssl.SSLContext) -> RelayOut:
    sent = settings.sent_mailbox
    return RelayOut(
        _relay(settings, tools.clock, context),
        _letterhead(settings),
        tools,
        settings,
        _connection(sent, settings, tools.clock, context) if sent else None,
    )


async def _check(settings: Settings, tools: Tools, context: ssl.SSLContext) -> tuple[str, ...]:
    """Log in everywhere without changing anything; what does not work, in words that say what to do."""
    accounts = (*settings.mailboxes, *((settings.sent_mailbox,) if settings.sent_mailbox else ()))
    problems = [await _account_problem(account, settings, tools.clock, context) for account in accounts]
    if settings.smtp_host:
        problems.append(await _relay_problem(settings, tools.clock, context))
    return tuple(filter(None, problems))


async def _account_problem(
    account: Account, settings: Settings, clock: Clock, context: ssl.SSLContext
) -> str:
    connection = _connection(account, settings, clock, context)
    try:
        await connection.open(settings.reconnect_seconds, read_only=True)
    except AdapterError as error:
        return f"mailbox {account.address}: {error.what}"
    finally:
        await connection.close()
    return ""


async def _relay_problem(settings: Settings, clock: Clock, context: ssl.SSLContext) -> str:
    try:
        await _relay(settings, clock, context).check()
    except AdapterError as error:
        return f"relay: {error.what}"
    return ""


def _connection(account: Account, settings: Settings, clock: Clock, context: ssl.SSLContext) -> Connection:
    server = Server(
        host=settings.imap_host,
        port=settings.imap_port,
        tls=settings.imap_tls,
        timeout=settings.imap_timeout,
        context=context,
    )
    tokens = Tokens(account.oauth, clock, context) if account.oauth else None
    return Connection(account, server, tokens)


def _relay(settings: Settings, clock: Clock, context: ssl.SSLContext) -> Relay:
    tokens = Tokens(settings.smtp_oauth, clock, context) if settings.smtp_oauth else None
    password = settings.smtp_password
    return Relay(
        host=settings.smtp_host,
        port=settings.smtp_port,
        tls=settings.smtp_tls,
        timeout=settings.smtp_timeout,
        context=context,
        hostname=_letterhead(settings).address.rpartition("@")[2],
        user=settings.smtp_user,
        password=password.get_secret_value() if password else "",
        token=tokens.get if tokens else None,
    )


def _letterhead(settings: Settings) -> Letterhead:
    sender = settings.sender
    return Letterhead(
        address=sender.address if sender else "",
        name=sender.name if sender else "",
        bounce_address=settings.bounce_address,
        reply_base=settings.reply_base,
        reply_secret=_reply_secret(settings),
    )


def _room(box: Mailbox, settings: Settings) -> Mailroom:
    return Mailroom(
        address=box.address,
        kind=box.kind,
        category=box.category,
        own=_own(settings),
        reply_secret=_reply_secret(settings),
        limits=Limits(
            size=settings.max_mail_bytes,
            parts=settings.max_parts,
            nesting=settings.max_nesting,
            attachments=settings.max_attachments,
            attachment_size=settings.max_attachment_bytes,
        ),
    )


def _own(settings: Settings) -> Own:
    """Who writes for the hub alone. Not the group mailboxes: colleagues hand mails over from one to another."""
    addresses = [
        *settings.own_addresses,
        *((settings.sender.address,) if settings.sender else ()),
        *((settings.sent_mailbox.address,) if settings.sent_mailbox else ()),
        settings.reply_base,
    ]
    return Own(
        addresses=frozenset(one_address(address) for address in addresses if address),
        domains=frozenset(domain.lower() for domain in settings.own_domains),
    )


def _reply_secret(settings: Settings) -> bytes:
    return settings.reply_secret.get_secret_value().encode() if settings.reply_secret else b""


def _tls_context(settings: Settings, name: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=settings.ca_file or None)
    except OSError as error:
        raise MisconfiguredError(f"{name}: ca_file cannot be read") from error


def _batches(sizes: Mapping[int, int], largest: int) -> Iterator[tuple[int, ...]]:
    """UIDs in order, a bounded number of bytes at a time; mails above `largest` are left out."""
    batch: list[int] = []
    held = 0
    for uid in sorted(sizes):
        if sizes[uid] > largest:
            continue
        if batch and (held + sizes[uid] > BATCH_BYTES or len(batch) == BATCH_MAILS):
            yield tuple(batch)
            batch, held = [], 0
        batch.append(uid)
        held += sizes[uid]
    if batch:
        yield tuple(batch)
