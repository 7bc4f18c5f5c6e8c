"""What must outlive the journal: a few lines in plain files, kept apart from it, on another disk if possible.

When a journal is lost and an older copy is put back, two things would otherwise be forgotten: who was erased
since, and which case was opened for which contact. So both are noted here as well. The lines hold case numbers
and keyed hashes; without the hub's secrets they tell nothing about anybody.
"""

import os
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import structlog

from journal.database import StoreUnavailableError

log = structlog.get_logger()

_ERASURES = "erasures.log"


class Apart:
    """The files of one machine; those of other machines in the same folder are read along."""

    def __init__(self, folder: Path, machine: str) -> None:
        self._folder = folder
        self._machine = machine.replace("/", "-")

    def note_openings(self, openings: Mapping[str, Sequence[str]], now: datetime) -> None:
        """Under which hashes the contacts of new cases are recognised; after the commit that opened them.

        Never raises: the cases are there. A line that is missing costs something only when a journal is lost.
        """
        path = self._folder / f"openings-{now:%Y-%m}-{self._machine}.log"
        lines = "".join(f"{ref} {' '.join(hashes)}\n" for ref, hashes in openings.items())
        try:
            if _append(path, lines):
                self._forget_old_months(now)
        except OSError as error:
            log.error("apart_not_written", reason=error.strerror, openings=len(openings))  # noqa: TRY400 - the reason is all

    def note_erasure(self, ref: str, now: datetime) -> None:
        """A case is erased for good; *before* it is done. `StoreUnavailableError` when this can't be kept."""
        try:
            _append(self._folder / _ERASURES, f"{ref} {now:%Y-%m-%dT%H:%M:%SZ}\n", durable=True)
        except OSError as error:
            raise StoreUnavailableError(
                "the list of erasures can't be written: look at the disk of `apart` in [journal]",
                detail=str(error),
                retry_after=60,
            ) from error

    def openings(self, now: datetime) -> dict[str, str]:
        """The case that was opened, by each hash of its contact; of this month and the one before."""
        found: dict[str, str] = {}
        for path in self._recent(now):
            for line in path.read_text("utf-8").splitlines(keepends=True):
                ref, *hashes = line.split()
                if line.endswith("\n"):  # else it was cut off by a crash
                    found |= dict.fromkeys(hashes, ref)
        return found

    def newest(self, now: datetime) -> tuple[str, ...]:
        """The cases that were opened last, by each machine; cheap, however long the lists are."""
        return tuple(
            line.split()[0].decode()
            for path in self._recent(now)
            for line in _end_of(path).splitlines(keepends=True)
            if line.endswith(b"\n")
        )

    def erasures(self) -> tuple[str, ...]:
        """The cases that were erased, oldest first."""
        path = self._folder / _ERASURES
        lines = path.read_text("utf-8").splitlines() if path.exists() else []
        return tuple(dict.fromkeys(line.split()[0] for line in lines if line.strip()))

    def note_failure(self, what: str, began: datetime) -> None:
        """The journal's disk failed, and the journal itself can't be told. Never raises: the log has it too."""
        try:
            _append(self._failures, f"{began.isoformat()} {what}\n", durable=True)
        except OSError as error:
            log.error("apart_not_written", reason=error.strerror, failure=what)  # noqa: TRY400 - the reason is all

    def failures(self) -> tuple[tuple[datetime, str], ...]:
        """When the journal's disk failed, and how, as far as nobody has been told."""
        lines = self._failures.read_text("utf-8").splitlines() if self._failures.exists() else []
        told = (line.partition(" ") for line in lines if " " in line)
        return tuple((datetime.fromisoformat(began), what) for began, _, what in told)

    def forget_failures(self) -> None:
        """They are told now."""
        self._failures.unlink(missing_ok=True)

    @property
    def _failures(self) -> Path:
        return self._folder / f"failures-{self._machine}.log"

    def _forget_old_months(self, now: datetime) -> None:
        """Hashes of contacts have a term too: what is from before last month goes."""
        for path in self._all() - set(self._recent(now)):
            path.unlink(missing_ok=True)

    def _recent(self, now: datetime) -> list[Path]:
        """The lists of this month and the one before: what is older may have had its time in the journal."""
        oldest = f"openings-{now.replace(day=1) - timedelta(days=1):%Y-%m}"
        return sorted(path for path in self._all() if path.name >= oldest)

    def _all(self) -> set[Path]:
        return set(self._folder.glob("openings-*.log"))


def _end_of(path: Path, size: int = 65_536) -> bytes:
    """The last whole lines of a file, and perhaps a piece of one that was cut off by a crash."""
    with path.open("rb") as file:
        length = file.seek(0, os.SEEK_END)
        file.seek(max(0, length - size))
        end = file.read()
    return end if length <= size else end.partition(b"\n")[2]


def _append(path: Path, lines: str, *, durable: bool = False) -> bool:
    """Whether the file was begun with these lines."""
    began = False
    try:
        file = os.open(path, os.O_WRONLY | os.O_APPEND)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        began = True
    try:
        os.write(file, lines.encode())
        if durable:
            os.fsync(file)
    finally:
        os.close(file)
    return began
