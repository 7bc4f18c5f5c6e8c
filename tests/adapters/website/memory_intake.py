"""An intake that behaves like the journal's, in memory: dedupes, and refuses other content under a known id."""

from hashlib import sha256

from ports.errors import HubError, RejectedError
from ports.intake import Inbound, Receipt


class MemoryIntake:
    """`stored` holds what came in, in order; `failure` is raised instead of storing, as long as it is set."""

    def __init__(self) -> None:
        self.stored: list[Inbound] = []
        self.failure: HubError | None = None
        self._known: dict[tuple[str, str], tuple[str, bytes]] = {}

    async def __call__(self, inbound: Inbound) -> Receipt:
        if self.failure:
            raise self.failure
        key, content = (inbound.source, inbound.source_ref), sha256(inbound.raw).digest()
        if key not in self._known:
            self._known[key] = (f"{len(self._known) + 1:032x}", content)
            self.stored.append(inbound)
            return Receipt(message_id=self._known[key][0])
        id_, first = self._known[key]
        if first != content:
            raise RejectedError("this id was used before for another content: the first one is kept")
        return Receipt(message_id=id_, duplicate=True)
