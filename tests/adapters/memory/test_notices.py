"""Notifications in memory keep the promises of their port, so tests may lean on them."""

import pytest

from adapters.memory.notices import MemoryNotices
from adapters.memory.opt_outs import MemoryOptOuts
from canonical_model.decision import Reference
from ports.contracts.notices import Arrived, NoticesContract
from ports.errors import TransientError


class MemoryInboxes:
    """The memory's own inboxes, in the words of the suite."""

    def __init__(self, notices, opt_outs):
        self._notices = notices
        self._opt_outs = opt_outs

    def of(self, customer):
        return tuple(
            Arrived(case=notice.case, outside_id=key)
            for key, notice in self._notices.sent.items()
            if customer in notice.party.identifiers
        )

    async def does_not_want(self, customer):
        await self._opt_outs.opt_out([Reference(system=customer.scheme, value=customer.value)])

    def go_away(self):
        self._notices.failure = TransientError("away")

    def come_back(self):
        self._notices.failure = None

    def lose_answer(self):
        self._notices.loses_answers = 1


class TestMemoryNotices(NoticesContract):
    @pytest.fixture
    def opt_outs(self):
        return MemoryOptOuts()

    @pytest.fixture
    def notices(self, opt_outs):
        return MemoryNotices(opt_outs)

    @pytest.fixture
    def inboxes(self, notices, opt_outs):
        return MemoryInboxes(notices, opt_outs)
