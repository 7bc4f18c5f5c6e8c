"""A second process on the same journal: accepts the same messages as its rivals, at the same moment.

Usage: python -m tests.journal.rival <url> <name> <count>. Waits for a line on its input, then writes one JSON
line: the receipts of its forms, and how often it had to come back because the journal was not available.
"""

import asyncio
import json
import sys

from journal.journal import Journal
from ports.clock import SystemClock
from ports.errors import TransientError
from tests.journal.scene import KEYS, apply_all, city_routes, contact, contact_message


class Rival:
    """One process."""

    def __init__(self, journal: Journal, name: str) -> None:
        self._journal = journal
        self._name = name
        self.retries = 0

    async def accept(self, message):
        """Accept as an adapter does: come back when told so."""
        for _ in range(20):
            try:
                return await self._journal.accept(message)
            except TransientError:
                self.retries += 1
                await asyncio.sleep(0.05)
        raise RuntimeError("never got through")

    async def compete(self, count: int) -> dict:
        """The same forms as the rivals, the same mails through another mailbox, and what follows from them."""
        forms = [contact_message(f"form-{n}", _form(n), raw=f"form {n}".encode()) for n in range(count)]
        mails = [
            contact_message(
                f"{self._name}-{n}", contact(f"Mail {n}", fingerprint=f"mail-{n}"), source=self._name
            )
            for n in range(count)
        ]
        accepted = await asyncio.gather(*(self.accept(one) for one in [*forms, *mails]))
        ids = [id_ for one in accepted for id_ in one.effects]
        applied = await apply_all(self._journal, ids)
        return {
            "forms": [one.receipt.message_id for one in accepted[:count]],
            "applied": applied,
            "retries": self.retries,
        }


def _form(number: int):
    return contact(f"Form {number}")


async def main(url: str, name: str, count: int) -> None:
    journal = Journal(url, router=city_routes(), keys=KEYS, clock=SystemClock(), shard=name)
    await journal.start()
    rival = Rival(journal, name)
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    result = await rival.compete(count)
    await journal.close()
    print(json.dumps(result), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
