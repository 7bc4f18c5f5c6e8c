"""What waited for its case after a restore goes on by itself, in the scheduler's rounds."""

import structlog

from broker.port import Broker
from journal.journal import Journal
from ports.errors import RejectedError

log = structlog.get_logger()

LEASE = 10.0
"""Seconds after which another scheduler goes on for one that died."""


class Awaiting:
    """One process at a time; a message that can't be decided about stays for a person."""

    def __init__(self, journal: Journal, broker: Broker, owner: str) -> None:
        self._journal = journal
        self._broker = broker
        self._owner = owner
        self._given_up: set[str] = set()

    async def go_on(self) -> None:
        """Decide about all whose case is here now; nothing but after a restore."""
        ready = [id_ for id_ in await self._journal.need_wait_no_more() if id_ not in self._given_up]
        if not ready or not await self._journal.lease("awaiting", self._owner, LEASE):
            return
        for id_ in ready:
            try:
                await self._broker.hand_out(
                    await self._journal.replay_message(id_, self._owner, "its case is here again")
                )
            except RejectedError as error:
                self._given_up.add(id_)
                log.warning("news_still_waits", message_id=id_, reason=error.what)
