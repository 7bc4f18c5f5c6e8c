"""Customer history: from a number or address, or from a case, to all contacts and cases of one customer."""

from collections.abc import Mapping

from fastapi import APIRouter
from sqlalchemy import Connection
from starlette.responses import Response

from canonical_model.customer import CustomerKey
from console.access import Right, requires
from console.customer_look import (
    PURPOSES,
    CustomerLookError,
    Look,
    look_for,
    look_from,
    opened_pass,
    sealed_pass,
    subjects,
    turn_page,
    why,
)
from console.desk import ProblemError, Visit, Visiting
from journal.customer_history import PAGE, customer_names_of
from journal.reading import bounds
from journal.reading.audit import AuditRow, audit_of
from journal.reading.cases import one_case

router = APIRouter()


@router.get("/customer")
@requires(Right.CUSTOMER)
async def ask(visit: Visiting) -> Response:
    """Who, what for, and why: nothing is shown before that is known."""
    return _form(visit)


@router.post("/customer")
@requires(Right.CUSTOMER)
async def look(visit: Visiting) -> Response:
    """From a number or an address to the history; it stands in the form only, never in an address."""
    form = visit.form
    try:
        because = why(form.get("purpose", ""), form.get("reason", ""))
        wanted = look_for(visit.desk.journal.keyring, form.get("key", ""), form.get("number", ""), because)
    except CustomerLookError as error:
        return _form(visit, wrong=error.code)
    return _to_history(visit, wanted)


@router.post("/cases/{ref}/customer")
@requires(Right.CUSTOMER)
async def others(ref: str, visit: Visiting) -> Response:
    """The other cases of the customer of a case, whose names stay sealed."""
    if await visit.desk.read(lambda connection: one_case(connection, ref)) is None:
        raise ProblemError(404, "not_found")
    names = await visit.desk.read(lambda connection: customer_names_of(connection, ref))
    try:
        because = why(visit.form.get("purpose", ""), visit.form.get("reason", ""))
        wanted = look_from(ref, names, because)
    except CustomerLookError as error:
        return _form(visit, wrong=error.code, case=ref)
    return _to_history(visit, wanted)


@router.get("/customer/history")
@requires(Right.CUSTOMER)
async def history(visit: Visiting) -> Response:
    """A page of the history. Each page is a look, written down before it is read."""
    journal = visit.desk.journal
    token, before = visit.query("pass"), visit.query("before")
    try:
        wanted = opened_pass(journal.keyring, token, visit.actor, visit.now)
    except CustomerLookError as error:
        return _form(visit, wrong=error.code) if token else visit.go("/customer")
    earlier: tuple[AuditRow, ...] = ()
    if visit.may(Right.AUDIT):
        earlier = await visit.desk.read(lambda connection: _looks_before(connection, visit, wanted))
    found = await turn_page(journal, wanted, visit.actor, before=before, size=PAGE)
    return visit.page(
        "customer_history.html", look=wanted, found=found, token=token, before=before, earlier=earlier
    )


def _looks_before(connection: Connection, visit: Visit, wanted: Look) -> tuple[AuditRow, ...]:
    keyring = visit.desk.journal.keyring
    rows = [row for subject in subjects(keyring, wanted)[:3] for row in audit_of(connection, subject)]
    return tuple(sorted({row.seq: row for row in rows}.values(), key=lambda row: -row.seq)[: bounds.PAGE])


def _to_history(visit: Visit, wanted: Look) -> Response:
    token = sealed_pass(visit.desk.journal.keyring, wanted, visit.actor, visit.now)
    return visit.go("/customer/history", **{"pass": token})


def customer_form(
    visit: Visit, given: Mapping[str, str], *, wrong: str = "", case: str = "", asked: bool = False
) -> Response:
    """Who, what for, and why. `asked`: somebody typed a customer's number into the search box."""
    return visit.page(
        "customer.html",
        status=422 if wrong else 200,
        keys=tuple(CustomerKey),
        purposes=PURPOSES,
        given=given,
        wrong=wrong,
        case=case,
        asked=asked,
    )


def _form(visit: Visit, *, wrong: str = "", case: str = "") -> Response:
    return customer_form(visit, visit.form, wrong=wrong, case=case)
