"""Systems that live in memory and obey the contracts of their ports: for tests, training and what-if.

A double is a product: the same behaviour suites that judge the real systems judge these.

Known limitations:
- Everything is gone when the process ends.
- One process only: two processes have two trackers.
"""

from adapters.memory.adapter import build
from adapters.memory.crew import MemoryCrew, MemoryCrewChanges
from adapters.memory.mail import MemoryMail
from adapters.memory.source import MemorySource
from adapters.memory.tracker import MemoryChanges, MemoryTracker

__all__ = [
    "MemoryChanges",
    "MemoryCrew",
    "MemoryCrewChanges",
    "MemoryMail",
    "MemorySource",
    "MemoryTracker",
    "build",
]
