"""Between our orders and tasks: what apps make of them, and what nobody should believe."""

from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from adapters.caldav.settings import Settings
from adapters.caldav.translate import Sent, Work, order_in, to_cancelled, to_sent, to_task, to_work, told
from canonical_model.case import CaseRef
from canonical_model.work_order import OrderState
from ports.contracts.crew import BEFORE, a_photo, some_work
from ports.errors import MessageError, NotSupportedError, NotUnderstoodError
from ports.files import Upload

FIXTURES = Path(__file__).parent / "fixtures"
NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
UID = "LEU-2026-000123.01@wegwijzer"
SETTINGS = Settings.model_validate(
    {"url": "https://agenda.example.be/hub/wegen", "username": "hub", "password": "x"}
)


def fixture(name):
    return (FIXTURES / name).read_bytes()


def a_task(*lines):
    body = "\r\n".join(
        ("BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//t//t//", "BEGIN:VTODO", "UID:u", *lines, "END:VTODO")
    )
    return f"{body}\r\nEND:VCALENDAR\r\n".encode()


def test_an_order_as_a_task():
    work = replace(some_work(), case=CaseRef("LEU-2026-000123"), description="Los", urgent=True)
    task = to_task(work, [(a_photo(BEFORE, 'a"b;c.jpg'), BEFORE)], NOW).decode()

    lines = task.replace("\r\n ", "").split("\r\n")
    assert {
        f"UID:{UID}",
        "STATUS:NEEDS-ACTION",
        "SUMMARY:DRINGEND: Losse tegel",
        "PRIORITY:1",
        "DUE:20261204T160000Z",
        "GEO:50.8774;4.7003",
        "LOCATION:Naamsestraat 12\\, 3000 Leuven",
        "CATEGORIES:voetpad",
    } <= set(lines)
    (attached,) = [line for line in lines if line.startswith("ATTACH")]
    assert "X-FILENAME=a_b_c.jpg" in attached


def test_our_own_task_says_nothing_new():
    work = some_work()
    photos = [(a_photo(BEFORE), BEFORE)]

    read = to_work(to_task(work, photos, NOW), to_sent(work, photos), SETTINGS)

    assert read == Work(
        uid=f"{work.case}.01@wegwijzer",
        state=OrderState.ORDERED,
        planned=None,
        note="",
        changed_at=NOW,
        ours=(sha256(BEFORE).hexdigest(),),
    )


@pytest.mark.parametrize(
    ("name", "state", "planned", "note", "distant"),
    [
        (
            "phone_done.ics",
            OrderState.DONE,
            None,
            "Tegel opnieuw gelegd, voeg gevuld.",
            ("https://cloud.example.be/na.jpg",),
        ),
        ("thunderbird_planned.ics", OrderState.PLANNED, datetime(2026, 7, 2, 6, tzinfo=UTC), "", ()),
        (
            "reminder_whole_day.ics",
            OrderState.PLANNED,
            datetime(2026, 3, 4, 7, tzinfo=UTC),
            "Wachten op tegels",
            (),
        ),
        ("rfc5545_todo.ics", OrderState.PLANNED, datetime(1998, 4, 15, 21, 59, 59, tzinfo=UTC), "", ()),
    ],
)
def test_what_apps_make_of_it(name, state, planned, note, distant):
    work = to_work(fixture(name), Sent(), SETTINGS)

    assert (work.state, work.planned, work.note, work.distant) == (state, planned, note, distant)


def test_cancelling_leaves_what_the_crew_and_its_app_wrote():
    cancelled = to_cancelled(fixture("thunderbird_planned.ics"), "Dubbel", NOW).decode()

    assert "X-MOZ-GENERATION:2" in cancelled
    assert "DTSTART;TZID=Europe/Brussels:20260702T080000" in cancelled
    assert "STATUS:CANCELLED" in cancelled
    assert "COMMENT:Niet meer nodig: Dubbel" in cancelled
    assert to_work(cancelled.encode(), Sent(), SETTINGS).note == ""


@pytest.mark.parametrize(
    ("lines", "state"),
    [
        ((), OrderState.ORDERED),
        (("STATUS:in-process",), OrderState.IN_PROGRESS),
        (("COMPLETED:20260302T150500Z",), OrderState.DONE),
        (("PERCENT-COMPLETE:100",), OrderState.DONE),
        (("STATUS:CANCELLED",), OrderState.CANCELLED),
        (("STATUS:CANCELLED", "COMMENT:Onvindbaar!"), OrderState.NOT_FOUND),
        (("CATEGORIES:x,Niet Gevonden",), OrderState.NOT_FOUND),
        (("CATEGORIES:x", "CATEGORIES:niet gevonden"), OrderState.NOT_FOUND),
        (("DTSTART:20260303T080000",), OrderState.PLANNED),
        (("DTSTART:20260303T080000", "STATUS:IN-PROCESS"), OrderState.IN_PROGRESS),
    ],
)
def test_states(lines, state):
    assert to_work(a_task(*lines), Sent(), SETTINGS).state is state


def test_a_term_that_is_ours_is_no_plan():
    sent = Sent(due=datetime(2026, 3, 4, 11, tzinfo=UTC))

    assert to_work(a_task("DUE:20260304T110000Z"), sent, SETTINGS).planned is None
    assert to_work(a_task("DUE:20260305T110000Z"), sent, SETTINGS).planned == datetime(
        2026, 3, 5, 11, tzinfo=UTC
    )


def test_photos_in_the_task():
    task = a_task(
        "ATTACH;ENCODING=BASE64;VALUE=BINARY;FILENAME=na.jpg:/9g=", "ATTACH:data:image/jpeg;base64,/9g="
    )

    assert to_work(task, Sent(), SETTINGS).inline == (
        Upload("na.jpg", b"\xff\xd8"),
        Upload("foto.jpg", b"\xff\xd8"),
    )


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"geen agenda",
        b"BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n",
        b"BEGIN:VTODO\r\nUID:u\r\nEND:VTODO\r\n",
        b"\xff\xfe\x00",
        a_task("ATTACH;ENCODING=BASE64;VALUE=BINARY:x"),
    ],
)
def test_what_is_no_task_is_not_understood(content):
    with pytest.raises(NotUnderstoodError):
        to_work(content, Sent(), SETTINGS)


def test_a_status_of_nobodys_is_not_supported():
    with pytest.raises(NotSupportedError):
        to_work(a_task("STATUS:OPGEBLAZEN"), Sent(), SETTINGS)


@pytest.mark.parametrize(
    ("name", "order"),
    [
        ("LEU-2026-000123.02.ics", ("LEU-2026-000123", 2)),
        ("LEU-2026-000123.ics", None),
        ("eigen-taak.ics", None),
        ("LEU-2026-000123.02", None),
        ("", None),
    ],
)
def test_names(name, order):
    assert order_in(name) == order


def test_what_is_told_is_in_belgian_time():
    assert (
        told("Kom morgen", datetime(2026, 7, 2, 6, tzinfo=UTC)) == "Gepland op 02/07/2026 08:00\nKom morgen"
    )
    assert told("", None) == ""


@given(st.binary(max_size=300))
def test_bytes_are_read_or_not_understood(content):
    with pytest.raises(MessageError):
        to_work(content, Sent(), SETTINGS)


values = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=30)
lines = st.tuples(
    st.sampled_from(
        ["STATUS", "DUE", "DTSTART", "DTSTART;VALUE=DATE", "CATEGORIES", "COMMENT", "DESCRIPTION", "ATTACH", "GEO",
         "ATTACH;ENCODING=BASE64;VALUE=BINARY", "LAST-MODIFIED", "PERCENT-COMPLETE", "SEQUENCE", "RRULE"]
    ),
    values | st.sampled_from(["20260303T080000", "20260303", "COMPLETED", "CANCELLED", "1;2", "/9g="]),
)  # fmt: skip


@given(st.lists(lines, max_size=6))
def test_whatever_an_app_writes_is_read_or_not_understood(properties):
    content = a_task(*(f"{name}:{value}" for name, value in properties))
    try:
        to_work(content, Sent(), SETTINGS)
        to_cancelled(content, "x", NOW)
    except MessageError:
        pass
