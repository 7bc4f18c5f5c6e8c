"""A relay inside the test process that answers as it is told: refusals, delays, lost answers.

Otherwise it does what `tests.servers.relay` does.
"""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from tests.servers.private import free_port
from tests.servers.relay import LARGEST_MAIL, Recorded, Recorder, recorded


class Sink:
    """What the relay does next. All answers stay as set until `behave`."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self.port = 0
        self.behave()

    def behave(self) -> None:
        """Take everything again."""
        self.recipient_answers: dict[str, str] = {}
        self.sender_answer = ""
        self.data_answer = ""
        self.drop_after_data = False
        self.drop_before_data = False
        self.silence = 0.0

    @property
    def mails(self) -> list[Recorded]:
        """What citizens got."""
        return recorded(self._recorder.folder)

    def wait_for_mail(self, seconds: float = 10) -> None:
        """Return when a citizen got something; `TimeoutError` when nobody does."""
        end = time.monotonic() + seconds
        while not self.mails:
            if time.monotonic() > end:
                raise TimeoutError("no mail came")
            time.sleep(0.05)

    async def handle_MAIL(self, server, session, envelope, address, options):  # noqa: N802
        if self.sender_answer:
            return self.sender_answer
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802
        if self.drop_before_data:
            server.transport.abort()
            return "421 gone"
        if address in self.recipient_answers:
            return self.recipient_answers[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        if self.data_answer:
            return self.data_answer
        answer = await self._recorder.handle_DATA(server, session, envelope)
        if self.drop_after_data:
            server.transport.abort()
        await asyncio.sleep(self.silence)
        return answer


@contextmanager
def running(
    folder: Path, *, domain: str = "", lmtp_port: int = 0, login: tuple[str, str] | None = None
) -> Iterator[Sink]:
    """A sink that keeps mail in `folder`; with `login`, only after this user and password."""
    sink = Sink(Recorder(folder, domain, lmtp_port))
    controller = Controller(
        sink,
        hostname="127.0.0.1",
        port=free_port(),
        server_hostname="relay.test",
        data_size_limit=LARGEST_MAIL,
        auth_require_tls=False,
        authenticator=_authenticator(login) if login else None,
    )
    controller.start()
    sink.port = controller.port
    try:
        yield sink
    finally:
        controller.stop()


def _authenticator(login: tuple[str, str]):
    def authenticate(server, session, envelope, mechanism, data) -> AuthResult:
        given = (data.login.decode(), data.password.decode())
        return AuthResult(success=given == login, handled=False)

    return authenticate
