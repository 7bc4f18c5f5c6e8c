"""How every way out for mail must behave. Subclass `MailOutContract` and give it a way out and its relay."""

import itertools
import random
from dataclasses import dataclass, field
from typing import Protocol

import pytest
from msgspec.structs import replace

from canonical_model.commands import SendMail
from ports.errors import RejectedError, TransientError, UncertainError
from ports.mail import MailOut
from ports.target import Idempotency

CITIZEN = "an.peeters@example.be"

_numbers = itertools.count(random.randrange(10_000_000, 900_000_000))  # noqa: S311 - only has to be new


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A mail for which the relay took responsibility; ids without brackets."""

    recipient: str = field(repr=False)
    message_id: str


class RelayUnderTest(Protocol):
    """The relay behind the way out, as the suite needs it. Each call is about what follows it."""

    def refuse(self, recipient: str) -> None:
        """Never take mail for this recipient."""
        ...

    def postpone(self, recipient: str) -> None:
        """Take no mail for this recipient now."""
        ...

    def lose_answer(self) -> None:
        """Take the next mail, but let its answer get lost."""
        ...

    def go_away(self) -> None:
        """Not be there for the next mail."""
        ...

    def come_back(self) -> None:
        """Be there again, and take everything."""
        ...

    def taken(self) -> tuple[Taken, ...]:
        """What the recipients got, oldest first."""
        ...


def a_mail(**changes: object) -> SendMail:
    """An acknowledgement with a Message-ID that no mail had before."""
    mail = SendMail(
        message_id=f"{next(_numbers)}.test@leuven.test",
        to=CITIZEN,
        subject="Uw melding LEU-2026-000123",
        text="Beste,\n\nWij hebben uw melding goed ontvangen.\n.\n\nStad Leuven, 't Stad: één lijn",
        case="LEU-2026-000123",
    )
    return replace(mail, **changes)


class MailOutContract:
    """Override the fixtures. All tests may run one after another on one and the same relay."""

    @pytest.fixture
    def mail_out(self) -> MailOut:
        raise NotImplementedError("return the way out under test")

    @pytest.fixture
    def relay(self) -> RelayUnderTest:
        raise NotImplementedError("return the relay behind it, taking everything")

    async def test_a_mail_is_taken_once(self, mail_out: MailOut, relay: RelayUnderTest) -> None:
        mail = a_mail()

        await mail_out.send(mail)

        assert _of(mail, relay) == (Taken(recipient=CITIZEN, message_id=mail.message_id),)

    async def test_what_the_recipient_reads_is_shown_without_sending(
        self, mail_out: MailOut, relay: RelayUnderTest
    ) -> None:
        mail = a_mail()

        assert mail.text in mail_out.shown(mail)
        assert _of(mail, relay) == ()

    async def test_a_second_try_has_the_same_message_id(
        self, mail_out: MailOut, relay: RelayUnderTest
    ) -> None:
        mail = a_mail()

        await mail_out.send(mail)
        await mail_out.send(mail)

        assert {taken.message_id for taken in _of(mail, relay)} == {mail.message_id}

    async def test_a_refused_recipient_is_a_rejection(self, mail_out: MailOut, relay: RelayUnderTest) -> None:
        mail = a_mail(to="weg@example.be")
        relay.refuse(mail.to)

        with pytest.raises(RejectedError):
            await mail_out.send(mail)

        assert _of(mail, relay) == ()
        await _assert_found(mail_out, mail, expected=False)

    async def test_a_postponed_recipient_is_tried_again_later(
        self, mail_out: MailOut, relay: RelayUnderTest
    ) -> None:
        mail = a_mail(to="vol@example.be")
        relay.postpone(mail.to)

        with pytest.raises(TransientError):
            await mail_out.send(mail)

        await _assert_found(mail_out, mail, expected=False)
        relay.come_back()
        await mail_out.send(mail)
        assert len(_of(mail, relay)) == 1

    async def test_a_relay_that_is_away_took_nothing(self, mail_out: MailOut, relay: RelayUnderTest) -> None:
        mail = a_mail()
        relay.go_away()

        with pytest.raises(TransientError):
            await mail_out.send(mail)

        relay.come_back()
        assert _of(mail, relay) == ()
        await _assert_found(mail_out, mail, expected=False)

    async def test_a_lost_answer_is_uncertain_and_the_probe_knows(
        self, mail_out: MailOut, relay: RelayUnderTest
    ) -> None:
        mail = a_mail()
        relay.lose_answer()

        with pytest.raises(UncertainError):
            await mail_out.send(mail)

        relay.come_back()
        assert len(_of(mail, relay)) == 1
        await _assert_found(mail_out, mail, expected=True)

    async def test_what_was_sent_is_found_and_what_was_not_is_not(self, mail_out: MailOut) -> None:
        sent, other = a_mail(), a_mail()

        await mail_out.send(sent)

        await _assert_found(mail_out, sent, expected=True)
        await _assert_found(mail_out, other, expected=False)

    async def test_no_second_recipient_can_be_smuggled_in(
        self, mail_out: MailOut, relay: RelayUnderTest
    ) -> None:
        for address in ("a@example.be, b@example.be", "a@example.be\r\nBcc: b@example.be", "", "geen adres"):
            mail = a_mail(to=address)

            with pytest.raises(RejectedError):
                await mail_out.send(mail)

            assert _of(mail, relay) == ()


def _of(mail: SendMail, relay: RelayUnderTest) -> tuple[Taken, ...]:
    return tuple(taken for taken in relay.taken() if taken.message_id == mail.message_id)


async def _assert_found(mail_out: MailOut, mail: SendMail, *, expected: bool) -> None:
    """Whoever cannot tell must have said so."""
    if mail_out.idempotency is Idempotency.PROBE:
        assert await mail_out.find(mail.message_id) is expected
    else:
        assert mail_out.idempotency is Idempotency.NONE
