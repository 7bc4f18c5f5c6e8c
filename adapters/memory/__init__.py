"""Systems that live in memory and obey the contracts of their ports: for tests, training and what-if.

A double is a product: the same behaviour suites that judge the real systems judge these.

Known limitations:
- Everything is gone when the process ends.
- One process only: two processes have two trackers.
"""

from adapters.memory.adapter import build
from adapters.memory.board import MemoryBoard
from adapters.memory.crew import MemoryCrew, MemoryCrewChanges
from adapters.memory.feeds import MemoryFeeds
from adapters.memory.mail import MemoryMail
from adapters.memory.notices import MemoryNotices
from adapters.memory.opt_outs import MemoryOptOuts
from adapters.memory.source import MemorySource
from adapters.memory.tracker import MemoryChanges, MemoryTracker

__all__ = [
    "MemoryBoard",
    "MemoryChanges",
    "MemoryCrew",
    "MemoryCrewChanges",
    "MemoryFeeds",
    "MemoryMail",
    "MemoryNotices",
    "MemoryOptOuts",
    "MemorySource",
    "MemoryTracker",
    "build",
]
