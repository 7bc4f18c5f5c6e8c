"""The SMTP wire: one mail over one connection to the relay.

What matters is the moment at which the DATA command goes out: before it nothing was taken and a lost
connection is harmless; after it the relay may have taken the mail although its answer never came.
"""

import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from aiosmtplib import (
    SMTP,
    SMTPAuthenticationError,
    SMTPException,
    SMTPNotSupported,
    SMTPResponseException,
)

from adapters.mailbox.compose import Envelope
from adapters.mailbox.settings import Tls
from ports.errors import AdapterError, MisconfiguredError, RejectedError, TransientError, UncertainError

TokenGenerator = Callable[[], Awaitable[str]]

_NEEDS_LOGIN = frozenset({530, 534, 535, 538})


@dataclass(frozen=True, slots=True, kw_only=True)
class Relay:
    """Where the relay is and how to log in; `user` is "" for none."""

    host: str
    port: int
    tls: Tls
    timeout: float
    context: ssl.SSLContext = field(repr=False)
    hostname: str
    user: str = ""
    password: str = field(default="", repr=False)
    token: TokenGenerator | None = field(default=None, repr=False)

    async def hand_over(self, envelope: Envelope, copy_to: str = "") -> None:
        """Return when the relay took the mail for the recipient and, if given, for the copy: both or neither.

        The recipient is announced first and the copy second; the mail itself follows only when both are
        accepted. So a copy can never exist of a mail whose recipient was refused.
        """
        async with self._connected() as smtp:
            with_size = [f"size={len(envelope.content)}"] if smtp.supports_extension("size") else []
            await self._announced(smtp.mail(envelope.sender, options=with_size), "the sender")
            await self._announced(smtp.rcpt(envelope.recipient), "the recipient")
            if copy_to:
                await self._copy_announced(smtp, copy_to)
            await self._data(smtp, envelope.content)
            with suppress(SMTPException, OSError):  # the mail is taken, whatever becomes of the good-bye
                await smtp.quit()

    async def check(self) -> None:
        """Connect, log in and say good-bye. Raises what is wrong."""
        async with self._connected() as smtp:
            await self._announced(smtp.noop(), "a NOOP")

    @asynccontextmanager
    async def _connected(self) -> AsyncGenerator[SMTP, None]:
        smtp = SMTP(
            hostname=self.host,
            port=self.port,
            timeout=self.timeout,
            use_tls=self.tls == "tls",
            start_tls=self.tls == "starttls",
            tls_context=self.context if self.tls != "none" else None,
            local_hostname=self.hostname,
            username=self.user or None,
            password=self.password if self.user and self.token is None else None,
            oauth_token_generator=self.token if self.user else None,
        )
        try:
            await self._greeted(smtp)
            yield smtp
        finally:
            smtp.close()

    async def _greeted(self, smtp: SMTP) -> None:
        try:
            await smtp.connect()
        except SMTPAuthenticationError as error:
            raise self._login_refused(error.code) from error
        except SMTPResponseException as error:
            raise self._refused(error.code, "the connection") from error
        except (SMTPException, OSError) as error:
            if type(error) in {
                SMTPException,
                SMTPNotSupported,
            }:  # what the library says of a missing extension
                raise MisconfiguredError(f"{self.host} offers no STARTTLS or no such log-in") from error
            if _is_untrusted(error):
                raise MisconfiguredError(
                    f"{self.host}: its certificate is not trusted; see ca_file"
                ) from error
            raise TransientError(f"{self.host}: no connection", detail=type(error).__name__) from error

    async def _announced(self, command: Awaitable[object], what: str) -> None:
        """Before DATA: whatever goes wrong, nothing was taken."""
        try:
            await command
        except SMTPResponseException as error:
            raise self._refused(error.code, what) from error
        except (SMTPException, OSError) as error:
            raise TransientError(f"{self.host}: connection lost", detail=type(error).__name__) from error

    async def _copy_announced(self, smtp: SMTP, address: str) -> None:
        try:
            await self._announced(smtp.rcpt(address), "the copy")
        except RejectedError as error:
            raise MisconfiguredError(
                f"{self.host} refuses mail to sent_mailbox: nothing can be sent"
            ) from error

    async def _data(self, smtp: SMTP, content: bytes) -> None:
        try:
            await smtp.data(content)
        except SMTPResponseException as error:
            raise self._refused(error.code, "the mail") from error
        except (SMTPException, OSError) as error:
            raise UncertainError(
                f"{self.host}: the connection was lost while it took the mail", detail=type(error).__name__
            ) from error

    def _refused(self, code: int, what: str) -> AdapterError:
        if code in _NEEDS_LOGIN:
            return self._login_refused(code)
        if 500 <= code < 600:
            return RejectedError(f"{self.host} refuses {what} ({code})")
        return TransientError(f"{self.host} does not take {what} just now ({code})")

    def _login_refused(self, code: int) -> AdapterError:
        if code < 500:
            return TransientError(f"{self.host} takes no log-in just now ({code})")
        return MisconfiguredError(f"{self.host} refuses the log-in ({code}): check smtp_user and its secret")


def _is_untrusted(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False
