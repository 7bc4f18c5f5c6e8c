"""A way out for mail that lives in memory and obeys the contract: for tests, training and what-if.

It is its own relay: it can be told to refuse, to be busy, or to lose an answer (`lose_answer_after`).
"""

from collections import deque

from canonical_model.commands import SendMail
from ports.errors import HubError, RejectedError, TransientError, UncertainError
from ports.target import Idempotency


class MemoryMail:
    """All promises and errors of `ports.mail.MailOut`. `sent` is what the recipients got, oldest first."""

    def __init__(self, idempotency: Idempotency = Idempotency.PROBE) -> None:
        self.sent: list[SendMail] = []
        self._idempotency = idempotency
        self._failures: deque[HubError] = deque()
        self._refused: set[str] = set()
        self._postponed: set[str] = set()
        self._answers_left: int | None = None

    def fail_with(self, error: HubError, times: int = 1) -> None:
        """The next mails are not taken and this is raised."""
        self._failures.extend([error] * times)

    def lose_answer_after(self, mails: int) -> None:
        """So many mails get their answer; the one after them is taken, but says `UncertainError`."""
        self._answers_left = mails

    def refuse(self, recipient: str) -> None:
        """Never take mail for this recipient."""
        self._refused.add(recipient)

    def postpone(self, recipient: str) -> None:
        """Take no mail for this recipient until `resume`."""
        self._postponed.add(recipient)

    def resume(self) -> None:
        """Take everything again."""
        self._failures.clear()
        self._refused.clear()
        self._postponed.clear()
        self._answers_left = None

    @property
    def idempotency(self) -> Idempotency:
        return self._idempotency

    async def send(self, mail: SendMail) -> None:
        if self._failures:
            raise self._failures.popleft()
        self._refuse_unusable(mail.to)
        self.sent.append(mail)
        self._answered()

    def shown(self, mail: SendMail) -> str:
        return mail.text

    async def find(self, message_id: str) -> bool:
        return any(mail.message_id == message_id for mail in self.sent)

    def _refuse_unusable(self, recipient: str) -> None:
        local, _, domain = recipient.partition("@")
        usable = local and domain and not any(sign.isspace() or sign in ",;<>" for sign in recipient)
        if not usable or recipient in self._refused:
            raise RejectedError("the relay in memory refuses this recipient")
        if recipient in self._postponed:
            raise TransientError("the relay in memory does not take this recipient now")

    def _answered(self) -> None:
        if self._answers_left is None:
            return
        self._answers_left -= 1
        if self._answers_left < 0:
            self._answers_left = None
            raise UncertainError("the answer of the relay in memory was lost")
