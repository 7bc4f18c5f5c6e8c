"""The list of opt-outs in memory keeps the promises of its port, so tests may lean on it."""

import pytest

from adapters.memory.opt_outs import MemoryOptOuts
from ports.contracts.opt_outs import OptOutsContract


class TestMemoryOptOuts(OptOutsContract):
    @pytest.fixture
    def opt_outs(self):
        return MemoryOptOuts()
