"""How whoever is told about cases must behave. Subclass `InformedContract`, give it a target and its listener."""

import itertools
import random
from datetime import UTC, datetime
from typing import Protocol

import pytest
from msgspec.structs import replace

from canonical_model.attachment import Attachment
from canonical_model.case import CaseRef
from canonical_model.commands import News, SendMail, TellSystem
from canonical_model.status import CaseStatus
from ports.errors import NotSupportedError, TransientError
from ports.target import Idempotency, Target

_numbers = itertools.count(random.randrange(10_000_000, 900_000_000))  # noqa: S311 - only has to be new


class ListenerUnderTest(Protocol):
    """The system behind the target, as the suite needs it. Each call is about what follows it."""

    def go_away(self) -> None:
        """Not be there for what comes next."""
        ...

    def come_back(self) -> None:
        """Be there again."""
        ...

    async def heard(self) -> tuple[str, ...]:
        """The distinct keys of what it was told, in the order of the first time."""
        ...


def some_news(**changes: object) -> TellSystem:
    """The tracker accepted the case."""
    news = TellSystem(
        origin="kassa/parkeren",
        origin_ref="p-17",
        case=CaseRef("LEU-2026-000123"),
        news=News.ACCEPTED,
        status=CaseStatus.NEW,
        at=datetime(2026, 11, 26, 9, 30, tzinfo=UTC),
    )
    return replace(news, **changes)


def a_key() -> str:
    """A key that no effect had before."""
    return f"LEU-2026-000123/kassa/tell_system/status-{next(_numbers)}"


class InformedContract:
    """Override the fixtures."""

    @pytest.fixture
    def informed(self) -> Target:
        raise NotImplementedError("return the target under test")

    @pytest.fixture
    def listener(self) -> ListenerUnderTest:
        raise NotImplementedError("return the system that is told")

    async def test_news_is_heard_in_order(self, informed: Target, listener: ListenerUnderTest) -> None:
        keys = (a_key(), a_key(), a_key())

        for key in keys:
            await informed.apply(key, some_news(), no_files)

        assert await listener.heard() == keys

    async def test_a_second_try_is_recognised(self, informed: Target, listener: ListenerUnderTest) -> None:
        key = a_key()

        await informed.apply(key, some_news(), no_files)
        await informed.apply(key, some_news(), no_files)

        assert await listener.heard() == (key,)

    async def test_who_is_away_is_told_later(self, informed: Target, listener: ListenerUnderTest) -> None:
        key = a_key()
        listener.go_away()
        with pytest.raises(TransientError):
            await informed.apply(key, some_news(), no_files)
        listener.come_back()

        await informed.apply(key, some_news(), no_files)

        assert await listener.heard() == (key,)

    async def test_what_is_no_news_is_not_supported(self, informed: Target) -> None:
        mail = SendMail(message_id="a@b", to="an@example.be", subject="s", text="t")

        with pytest.raises(NotSupportedError):
            await informed.apply(a_key(), mail, no_files)

    def test_an_unknown_outcome_is_repeated_under_the_same_key_or_looked_up(self, informed: Target) -> None:
        assert informed.idempotency in (Idempotency.NATIVE_KEY, Idempotency.PROBE)


async def no_files(attachment: Attachment) -> bytes:
    """News has no files."""
    raise LookupError(attachment.claim)
