"""How submissions of the Verenigingsloket are read: an OSLO-Melding of a association, known by its vCode. Pure."""

from adapters.acmidm.oslo_door import OsloReader
from adapters.acmidm.settings import Door
from canonical_model.contact import Channel
from canonical_model.identifiers import Scheme

CUSTOMER = Scheme.VCODE
"""The number by which customers of this portal are known."""


def reader(door: Door, event_types: tuple[str, ...]) -> OsloReader:
    """From the bytes of a CloudEvent to a submission."""
    return OsloReader(channel=Channel.VERENIGINGSLOKET, scheme=CUSTOMER, door=door, event_types=event_types)
