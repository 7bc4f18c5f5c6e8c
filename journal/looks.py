"""Looks at customers in the audit trail: `ports.looks.Looks`."""

from journal.journal import Journal
from ports.looks import LONGEST

LOOKED = "customer_looked_up"
"""The action under which looks stand in the audit trail."""


class JournalLooks:
    """Adds each look to the chain of the audit trail."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    async def note(self, actor: str, subject: str, purpose: str) -> None:
        await self._journal.audit(actor[:100], LOOKED, subject[:LONGEST], purpose)
