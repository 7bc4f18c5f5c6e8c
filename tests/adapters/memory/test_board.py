"""The board in memory keeps the promises of its port, so tests may lean on it."""

import pytest

from adapters.memory.board import MemoryBoard
from ports.contracts.board import Shown, StatusBoardContract
from ports.errors import TransientError


class MemoryCustomers:
    """The memory's own customers, in the words of the suite."""

    def __init__(self, board):
        self._board = board

    def shown_to(self, customer):
        return tuple(
            Shown(
                case=case,
                history=tuple(one.command.status for one in published),
                action=bool(published[-1].command.action),
            )
            for case, published in self._board.published.items()
            if customer in published[-1].command.party.identifiers
        )

    def go_away(self):
        self._board.failure = TransientError("away")

    def come_back(self):
        self._board.failure = None

    def lose_answer(self):
        self._board.loses_answers = 1


class TestMemoryBoard(StatusBoardContract):
    @pytest.fixture
    def board(self):
        return MemoryBoard()

    @pytest.fixture
    def customers(self, board):
        return MemoryCustomers(board)
