"""The way out in memory keeps the promises of its port, so tests may lean on it."""

import pytest

from adapters.memory.mail import MemoryMail
from ports.contracts.mail import MailOutContract, Taken, a_mail
from ports.errors import TransientError, UncertainError
from ports.target import Idempotency


class MemoryRelay:
    """The memory's own relay, in the words of the suite."""

    def __init__(self, mail: MemoryMail) -> None:
        self._mail = mail
        self.refuse = mail.refuse
        self.postpone = mail.postpone
        self.come_back = mail.resume

    def lose_answer(self) -> None:
        self._mail.lose_answer_after(0)

    def go_away(self) -> None:
        self._mail.fail_with(TransientError("away"))

    def taken(self) -> tuple[Taken, ...]:
        return tuple(Taken(recipient=mail.to, message_id=mail.message_id) for mail in self._mail.sent)


class TestMemoryMail(MailOutContract):
    @pytest.fixture
    def mail_out(self):
        return MemoryMail()

    @pytest.fixture
    def relay(self, mail_out):
        return MemoryRelay(mail_out)


class TestMemoryMailThatNobodyCanProbe(TestMemoryMail):
    @pytest.fixture
    def mail_out(self):
        return MemoryMail(Idempotency.NONE)


async def test_the_answer_is_lost_only_once():
    mail = MemoryMail()
    mail.lose_answer_after(1)

    await mail.send(a_mail())
    with pytest.raises(UncertainError):
        await mail.send(a_mail())
    await mail.send(a_mail())

    assert len(mail.sent) == 3
