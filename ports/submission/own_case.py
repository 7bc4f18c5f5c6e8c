"""A system that names a case means one of its own: then what it sends joins that case."""

from msgspec.structs import replace

from canonical_model.case import CaseRef
from canonical_model.contact import Contact
from ports.cases import Cases


async def with_own_case(contact: Contact, source: str, cases: Cases) -> Contact:
    """The contact with its claimed case verified, when this very source brought that case.

    Raises `TransientError` when the journal can't be read now.
    """
    claimed = contact.thread.claimed_case
    view = await cases.view(CaseRef(claimed)) if claimed else None
    if view is None or view.summary.origin != source:
        return contact
    return replace(contact, thread=replace(contact.thread, verified_case=claimed))
