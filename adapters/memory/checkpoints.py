"""Checkpoints in memory: they outlive the adapter that is given them, as the journal's do."""

from collections.abc import Iterable, Mapping


class SuddenDeathError(BaseException):
    """The process is no more: nothing after this happens in it."""


class MemoryCheckpoints:
    """Implements `ports.intake.Checkpoints`. `failure` is raised instead of remembering anything."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}
        self.failure: Exception | None = None
        self._writes_left: int | None = None

    def die_after(self, writes: int | None) -> None:
        """So many writes are kept; then the process dies, before the next. None = it lives."""
        self._writes_left = writes

    async def load(self, name: str) -> str | None:
        return self.kept.get(name)

    async def save(self, name: str, value: str) -> None:
        self._write()
        self.kept[name] = value

    async def replace(self, name: str, known: str | None, value: str) -> bool:
        self._write()
        if self.kept.get(name) != known:
            return False
        self.kept[name] = value
        return True

    async def saved(self, prefix: str) -> Mapping[str, str]:
        return {name: value for name, value in self.kept.items() if value and name.startswith(prefix)}

    async def forget(self, names: Iterable[str]) -> None:
        self._write()
        for name in names:
            self.kept.pop(name, None)

    def _write(self) -> None:
        if self.failure:
            raise self.failure
        if self._writes_left is not None:
            self._writes_left -= 1
            if self._writes_left < 0:
                raise SuddenDeathError
