"""The world around a hub that dies and is put back: a tracker, a relay with a sent mailbox, and a group mailbox.

An adapter for `hub.toml` (`system = "tests.flows.outside:build"`); all hubs of a test see the same world.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from adapters.memory import MemoryChanges, MemoryMail, MemoryTracker
from canonical_model.contact import Channel, Contact, Thread
from canonical_model.events import ContactReceived
from canonical_model.party import Party, PartyKind
from ports.adapter import Adapter, Tools
from ports.clock import SystemClock
from ports.intake import Accept, Inbound


@dataclass
class World:
    """What goes on outside. Mail that was taken over lies in `done`; whoever drags it back gives it a new uid."""

    tracker: MemoryTracker = field(default_factory=lambda: MemoryTracker(None, SystemClock()))
    mail: MemoryMail = field(default_factory=MemoryMail)
    inbox: dict[int, int] = field(default_factory=dict)
    done: list[int] = field(default_factory=list)
    uid: int = 0

    def receive(self, number: int) -> None:
        """A citizen's mail."""
        self.uid += 1
        self.inbox[self.uid] = number

    def drag_back(self) -> None:
        """Everything that was taken over lies in the inbox again."""
        numbers, self.done = self.done, []
        for number in numbers:
            self.receive(number)


WORLD = World()


class Mailbox:
    """A group mailbox as a source."""

    name = "outside/mailbox"

    def __init__(self, accept: Accept) -> None:
        self._accept = accept

    async def poll(self) -> int:
        for uid, number in list(WORLD.inbox.items()):
            await self._accept(
                Inbound(
                    source=self.name,
                    source_ref=f"7/{uid}",
                    raw=f"mail {number}".encode(),
                    media_type="message/rfc822",
                    event=ContactReceived(contact=mail(number)),
                )
            )
            del WORLD.inbox[uid]
            WORLD.done.append(number)
        return 0

    async def wait(self, seconds: float) -> None:
        await asyncio.sleep(0.05)

    async def close(self) -> None:
        """Nothing is open."""


def mail(number: int) -> Contact:
    """The same mail, however often it is read."""
    return Contact(
        channel=Channel.MAIL,
        subject=f"Vraag {number}",
        text=f"Dit is vraag {number}.",
        party=Party(kind=PartyKind.PERSON, name="", email=f"citizen-{number}@voorbeeld.be"),
        thread=Thread(message_id=f"{number}@voorbeeld.be"),
        fingerprint=f"fingerprint-{number}",
    )


def build(_settings: Mapping[str, Any], tools: Tools) -> Adapter:
    """The adapter's factory."""

    async def fine() -> tuple[str, ...]:
        return ()

    return Adapter(
        check=fine,
        sources=(Mailbox(tools.accept), MemoryChanges(WORLD.tracker, tools)),
        tracker=WORLD.tracker,
        mail=WORLD.mail,
    )
