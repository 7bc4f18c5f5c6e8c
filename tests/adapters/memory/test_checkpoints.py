"""The double that adapters are tested with keeps what the port promises."""

import pytest

from adapters.memory.checkpoints import MemoryCheckpoints
from ports.contracts.checkpoints import CheckpointsContract


class TestMemoryCheckpoints(CheckpointsContract):
    @pytest.fixture
    def checkpoints(self):
        return MemoryCheckpoints()
