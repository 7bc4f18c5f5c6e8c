"""Checkpoints in memory: they outlive the adapter that is given them, as the journal's do."""

from collections.abc import Iterable, Mapping


class MemoryCheckpoints:
    """Implements `ports.intake.Checkpoints`. `failure` is raised instead of remembering anything."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}
        self.failure: Exception | None = None

    async def load(self, name: str) -> str | None:
        return self.kept.get(name)

    async def save(self, name: str, value: str) -> None:
        self._fail()
        self.kept[name] = value

    async def replace(self, name: str, known: str | None, value: str) -> bool:
        self._fail()
        if self.kept.get(name) != known:
            return False
        self.kept[name] = value
        return True

    async def saved(self, prefix: str) -> Mapping[str, str]:
        return {name: value for name, value in self.kept.items() if value and name.startswith(prefix)}

    async def forget(self, names: Iterable[str]) -> None:
        self._fail()
        for name in names:
            self.kept.pop(name, None)

    def _fail(self) -> None:
        if self.failure:
            raise self.failure
