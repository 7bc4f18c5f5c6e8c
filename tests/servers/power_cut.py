"""What a disk holds after a power cut: what was synced, and of the rest nothing or anything.

A model of a disk that is honest about fsync: no torn sectors, and a file that was made or removed is so at once.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random

from tests.servers.strace import Call

SYNCS = ("fsync", "fdatasync")


def files_at(calls: Sequence[Call], moment: float, chance: Random | None = None) -> Mapping[str, bytes]:
    """The files, by name, when the power goes at this moment. With `chance`, some writes made it without a sync."""
    synced: dict[Path, bytearray] = defaultdict(bytearray)
    waiting: dict[Path, list[Call]] = defaultdict(list)
    for call in calls:
        if call.began >= moment:
            break
        if call.name == "unlink":
            synced.pop(call.file, None)
            waiting.pop(call.file, None)
        elif call.name not in SYNCS:
            waiting[call.file].append(call)
        elif call.ended < moment:
            written = [one for one in waiting[call.file] if one.ended <= call.began]
            waiting[call.file] = [one for one in waiting[call.file] if one.ended > call.began]
            _apply(synced[call.file], written)
    for file, calls_of_it in waiting.items():
        _apply(synced[file], [call for call in calls_of_it if chance and chance.random() < 0.5])
    return {file.name: bytes(content) for file, content in synced.items()}


def _apply(content: bytearray, calls: Sequence[Call]) -> None:
    for call in calls:
        if call.name == "ftruncate":
            del content[call.number :]
            continue
        content.extend(bytes(max(0, call.number - len(content))))
        content[call.number : call.number + len(call.data)] = call.data
