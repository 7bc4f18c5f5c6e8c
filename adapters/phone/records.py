"""Asterisk's call records (`Master.csv`): what repairs the gaps that its event line leaves.

The file only grows, and log rotation moves it to `<name>.1`. A call has several rows (one per attempt to ring
somebody, one more for a transfer), all with the call's id. `read_on` does file I/O and blocks; the rest is pure.
"""

import csv
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec

from adapters.phone.ami import CallRecord
from adapters.phone.assembler import Observation
from ports.errors import NotUnderstoodError, TransientError

MOST_BYTES = 4_000_000
"""What is read at once; the rest follows with the next round."""
_UNIQUEID, _LINKEDID = 16, 19
"""Columns; without `newcdrcolumns = yes` in cdr.conf there is no linkedid, and the caller's own id is the call's."""


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """How far the file was read; `file` is its inode, 0 = not yet."""

    file: int = 0
    offset: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Complete lines from a position on, and the position after them."""

    lines: tuple[bytes, ...]
    position: Position


def read_on(path: Path, position: Position) -> Rows:
    """The lines after the position; of the rotated file first, when the position is in there. Blocks.

    Raises `TransientError` when the file cannot be read.
    """
    try:
        if position.file and path.stat().st_ino != position.file:
            old = path.with_name(f"{path.name}.1")
            if old.exists() and old.stat().st_ino == position.file:
                rest = _lines(old, position.offset)
                if rest.lines:
                    return rest
            position = Position()
        return _lines(path, position.offset)
    except OSError as error:
        raise TransientError(
            f"call records: can't read {path} ({error.strerror}): look at the mount and its rights"
        ) from error


def end_of(path: Path) -> Position:
    """Behind everything that is there: where a new hub begins. Blocks; the start when there is no file yet."""
    try:
        with path.open("rb") as file:
            return Position(file=os.fstat(file.fileno()).st_ino, offset=file.seek(0, os.SEEK_END))
    except OSError:
        return Position()


def observations(
    lines: Iterable[bytes], zone: ZoneInfo
) -> Iterator[Observation | tuple[bytes, NotUnderstoodError]]:
    """Each row as an observation, or the row with what is wrong with it."""
    for line in lines:
        try:
            yield _observation(line, zone)
        except NotUnderstoodError as problem:
            yield line, problem


def _observation(line: bytes, zone: ZoneInfo) -> Observation:
    try:
        (row,) = csv.reader([line.decode("utf-8")], strict=True)
    except (UnicodeDecodeError, csv.Error, ValueError):
        raise NotUnderstoodError("call record: the row is not CSV in UTF-8") from None
    if len(row) <= _UNIQUEID or not row[_UNIQUEID]:
        raise NotUnderstoodError(
            f"call record: {len(row)} columns and no uniqueid: set loguniqueid = yes in cdr.conf"
        )
    record = CallRecord(
        call=(row[_LINKEDID] if len(row) > _LINKEDID else "") or row[_UNIQUEID],
        source=row[1],
        destination=row[2],
        context=row[3],
        caller_id=row[4],
        party=row[6],
        application=row[7],
        began=row[9],
        answered=row[10],
        ended=row[11],
        disposition=row[14],
    )
    return record.observed(zone)


def _lines(path: Path, offset: int) -> Rows:
    with path.open("rb") as file:
        inode = os.fstat(file.fileno()).st_ino
        if file.seek(0, os.SEEK_END) < offset:  # emptied in place
            offset = 0
        file.seek(offset)
        data = file.read(MOST_BYTES)
    whole = data[: data.rfind(b"\n") + 1]
    if not whole and len(data) == MOST_BYTES:
        whole = data
    lines = tuple(line for line in whole.splitlines() if line.strip())
    return Rows(lines=lines, position=Position(file=inode, offset=offset + len(whole)))
