"""What adapters are given in tests."""

from typing import Any

from adapters.memory.cases import MemoryCases
from adapters.memory.checkpoints import MemoryCheckpoints
from ports.adapter import Tools
from ports.clock import SystemClock
from ports.contracts.source import RecordingIntake
from ports.secrets import MemorySecrets


def given(name: str, **parts: Any) -> Tools:
    """Tools with these parts; doubles in memory, and the clock on the wall, for what a test says nothing about."""
    usual = {
        "accept": RecordingIntake(),
        "checkpoints": MemoryCheckpoints(),
        "clock": SystemClock(),
        "secrets": MemorySecrets({}),
        "cases": MemoryCases(),
    }
    return Tools(name=name, **(usual | parts))
