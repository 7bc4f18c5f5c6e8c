"""Mail to customers and handler groups."""

from typing import Protocol

from canonical_model.commands import SendMail
from ports.target import Idempotency


class MailOut(Protocol):
    """Hands mail to a relay."""

    @property
    def idempotency(self) -> Idempotency:
        """`PROBE` when a copy of every mail can be looked up afterwards, else `NONE`."""
        ...

    async def send(self, mail: SendMail) -> None:
        """Return when the relay took responsibility. With `opt_out` it names the way out of `Tools.ways_out`.

        Raises `TransientError` (nothing was taken), `RejectedError` (the relay refuses this recipient or
        mail), `UncertainError` (the answer was lost after the mail was handed over), `MisconfiguredError`.
        """
        ...

    def shown(self, mail: SendMail) -> str:
        """The text that the recipient reads: the mail's own, with what this way out puts around it."""
        ...

    async def find(self, message_id: str) -> bool:
        """Whether the relay took the mail with this Message-ID. Only when idempotency is `PROBE`."""
        ...
