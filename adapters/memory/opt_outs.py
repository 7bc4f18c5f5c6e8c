"""Who does not want notifications, in memory."""

from collections.abc import Iterable, Sequence

from canonical_model.decision import Reference


class MemoryOptOuts:
    """All promises of `ports.opt_outs.OptOuts`; names are compared whatever their case."""

    def __init__(self) -> None:
        self.out: set[tuple[str, str]] = set()

    async def opt_out(self, names: Sequence[Reference]) -> None:
        self.out |= _keys(names)

    async def opt_in(self, names: Sequence[Reference]) -> None:
        self.out -= _keys(names)

    async def opted_out(self, names: Sequence[Reference]) -> bool:
        return bool(self.out & _keys(names))


def _keys(names: Iterable[Reference]) -> set[tuple[str, str]]:
    return {(name.system, name.value.strip().casefold()) for name in names}
