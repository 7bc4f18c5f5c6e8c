"""Content Enricher: completes a contact on its way in (address to point and area, company number to name)."""

from typing import Protocol

from canonical_model.contact import Contact


class Enricher(Protocol):
    """Asks another source for what a contact does not tell itself."""

    @property
    def name(self) -> str:
        """For the log and the metrics."""
        ...

    async def enrich(self, contact: Contact) -> Contact:
        """The contact with more in it; what the customer said himself is never overruled.

        May be repeated. Returns the contact as it is when there is nothing to add. May raise the errors of
        `ports.errors`, or take too long: the contact then goes on without.
        """
        ...
