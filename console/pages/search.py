"""One box for every reference of a thing. Who types a customer's number or address is asked what for, and why."""

from fastapi import APIRouter
from starlette.responses import Response

from canonical_model.customer import looks_like
from console.access import Right, requires
from console.desk import Visiting
from console.pages.customers import customer_form
from journal.reading.search import find

router = APIRouter()


@router.get("/search")
@requires(Right.LOOK)
async def search(visit: Visiting) -> Response:
    """One hit leads straight to it. What was asked is written down as a hash, never in words."""
    words = visit.query("q").strip()[:300]
    if not words:
        return visit.page("search.html", words="", hits=(), customer=None)
    keyring = visit.desk.journal.keyring
    hits = await visit.desk.read(lambda connection: find(connection, keyring, words))
    asked = keyring.find_hash("search", words)
    await visit.desk.journal.audit(visit.actor, "searched", asked, f"{len(hits)} found")
    if len(hits) == 1:
        hit = hits[0]
        if hit.case:
            return visit.go(f"/cases/{hit.case.ref}")
        if hit.message:
            return visit.go(f"/messages/{hit.message.id}")
    customer = looks_like(words) if not hits else None
    if customer and visit.may(Right.CUSTOMER):
        return customer_form(visit, {"key": customer, "number": words}, asked=True)
    return visit.page("search.html", words=words, hits=hits, customer=customer)
