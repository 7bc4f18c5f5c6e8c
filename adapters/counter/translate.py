"""A registration, or a visit that nobody registered, as a canonical contact. Pure: the same in, the same out."""

from datetime import datetime

from adapters.counter.registration import Registration
from adapters.counter.settings import Settings
from adapters.counter.visits import Visit
from canonical_model.contact import NEW_THREAD, Channel, Contact, Thread
from canonical_model.events import ContactReceived
from canonical_model.identifiers import insz
from canonical_model.location import NOWHERE, Location
from canonical_model.party import ANONYMOUS, Party, PartyKind
from canonical_model.product import marked_source


def to_event(given: Registration, settings: Settings, *, at: datetime, joins: str = "") -> ContactReceived:
    """What a clerk registered. `joins`: the case that reminded of this visit."""
    product = settings.products.get(given.product)
    return ContactReceived(
        contact=Contact(
            channel=Channel.COUNTER,
            subject=given.subject,
            text=given.text or given.subject,
            kind=given.kind or (product.kind if product else None),
            category=product.category if product else "",
            product=given.product,
            language=given.language,
            party=_party(given, allow_test_numbers=settings.allow_test_numbers),
            location=_location(given),
            thread=Thread(verified_case=joins) if joins else NEW_THREAD,
            occurred_at=at,
            answered=given.answered,
            answer=given.answer,
            answer_source=marked_source(given.source),
        )
    )


def reminder(visit: Visit, product_code: str, settings: Settings) -> ContactReceived:
    """A visit for this product that ended, and that nobody registered."""
    product = settings.products[product_code]
    branch = settings.queue.branches.get(visit.branch, visit.branch) if settings.queue else visit.branch
    return ContactReceived(
        contact=Contact(
            channel=Channel.COUNTER,
            subject=f"Niet geregistreerd bezoek: {product.name}, ticket {visit.ticket}",
            text=(
                f"Een bezoek aan het loket ({branch}) voor '{product.name}' is niet geregistreerd. Ticket: "
                f"{visit.ticket}. Registreer het alsnog met dit ticket, of sluit deze zaak als er niets te doen is."
            ),
            kind=product.kind,
            category=product.category,
            product=product_code,
            occurred_at=visit.ended,
        )
    )


def _party(given: Registration, *, allow_test_numbers: bool) -> Party:
    if not (given.name or given.email or given.phone or given.insz):
        return ANONYMOUS
    return Party(
        kind=PartyKind.PERSON,
        name=given.name,
        email=given.email,
        phone=given.phone,
        identifiers=(insz(given.insz, allow_test_numbers=allow_test_numbers),) if given.insz else (),
    )


def _location(given: Registration) -> Location:
    if not (given.address or given.postcode):
        return NOWHERE
    return Location(address=given.address, postcode=given.postcode)
