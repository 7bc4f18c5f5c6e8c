"""Nobody who holds the database without its keys learns who wrote what; and what was erased is gone."""

import json
from pathlib import Path

import pytest
import structlog
from msgspec.structs import replace
from sqlalchemy import update

from canonical_model.case import CaseRef
from canonical_model.commands import WithdrawStatus
from canonical_model.contact import Thread
from canonical_model.decision import Decision, Fate, Intent
from canonical_model.identifiers import insz
from canonical_model.location import Location
from canonical_model.party import Party, PartyKind
from canonical_model.standing import Standing
from journal.effects import Outcome
from journal.schema import bodies, cases, data_keys, effects, files, metadata
from ports.errors import NotUnderstoodError, RejectedError
from ports.intake import Inbound
from tests.journal.scene import (
    apply_all,
    attached,
    claim,
    contact,
    contact_message,
    open_with,
    record,
    recount,
    rows,
)

FIRST = "LEU-2026-000001"
NAME, MAIL, PHONE, INSZ = "Zefirien Wagemakers", "zefirien@wagemakers.example", "+32499887766", "85073003328"
SUBJECT, TEXT, STREET = "Rattenplaag in kelder", "Mijn buurman kweekt ratten", "Onvindbaarstraat 777"
PHOTO = b"\xff\xd8 the face of Zefirien"
PLANTED = [NAME, "Wagemakers", MAIL, PHONE, INSZ, SUBJECT, TEXT, STREET, "the face of"]


def personal(**fields):
    party = Party(kind=PartyKind.PERSON, name=NAME, email=MAIL, phone=PHONE, identifiers=(insz(INSZ),))
    return contact(
        TEXT,
        subject=SUBJECT,
        full_text=f"{TEXT}\n> {NAME}",
        party=party,
        location=Location(address=STREET),
        **fields,
    )


async def lived(journal) -> None:
    """A case with everything that can happen to it, about one recognisable person."""
    photo = attached(PHOTO, name=f"{NAME}.jpg")
    first = personal(
        attachments=(photo.attachment,), fingerprint="f", thread=Thread(message_id="1@mail.example")
    )
    raw = json.dumps({"name": NAME, "mail": MAIL, "insz": INSZ, "text": TEXT}).encode()
    accepted = await journal.accept(contact_message("1", first, raw=raw, files=(photo,)))
    await journal.accept(contact_message("copy", first, raw=raw, source="other"))
    await apply_all(journal, accepted.effects)
    reply = personal(thread=Thread(message_id="2@mail.example", in_reply_to=("1@mail.example",)))
    more = await journal.accept(contact_message("2", reply, raw=raw))
    (held,) = (await claim(journal, *more.effects)).effects
    await record(journal, held, Outcome.REJECTED, what="the group does not exist")
    await journal.accept(contact_message("3", personal(suspicions=("link_farm",)), raw=raw))
    odd = Inbound(
        source="web",
        source_ref="4",
        raw=raw,
        media_type="application/json",
        problem=NotUnderstoodError("field 'kind' is unknown"),
    )
    await journal.accept(odd)
    await journal.reveal(FIRST, "kcc", "the customer called")


async def test_nothing_personal_is_readable_in_any_table(journal):
    await lived(journal)

    found = []
    for table in metadata.tables.values():
        for row in await rows(journal, table):
            seen = " ".join(
                value.decode("latin-1") if isinstance(value, bytes) else str(value) for value in row
            ).casefold()
            found += [(table.name, planted) for planted in PLANTED if planted.casefold() in seen]
    assert found == []
    assert len(await rows(journal, files)) == 1


async def test_nothing_personal_is_readable_in_the_file(open_sqlite_journal, sqlite_url):
    journal = await open_sqlite_journal()
    await lived(journal)
    await journal.close()

    assert found_in(sqlite_url, [text.encode() for text in PLANTED]) == []
    assert found_in(sqlite_url, [FIRST.encode()])


async def test_nothing_personal_is_logged_whatever_happens(journal):
    with structlog.testing.capture_logs() as logs:
        await lived(journal)

    written = repr([{name: value for name, value in log.items() if name != "exc_info"} for log in logs])
    assert [planted for planted in PLANTED if planted in written] == []


async def test_not_even_sealed_pieces_are_left_in_the_file_after_erasure(open_sqlite_journal, sqlite_url):
    journal = await open_sqlite_journal()
    await lived(journal)
    keys = [row for row in await rows(journal, data_keys) if row.case_ref == FIRST]
    ids = [row.message_id for row in keys]
    sealed = [row.wrapped for row in keys]
    for row in await rows(journal, bodies, bodies.c.key_id.in_(ids)):
        sealed += [part for part in (row.raw, row.canonical) if part]
    sealed += [row.data for row in await rows(journal, files, files.c.message_id.in_(ids))]
    sealed += [row.card for row in await rows(journal, cases)]
    pieces = [one[:24] for one in sealed]
    assert found_in(sqlite_url, pieces) == pieces

    await journal.erase_case(FIRST, "dpo", "asked by the customer")
    await journal.close()
    assert found_in(sqlite_url, pieces + [text.encode() for text in PLANTED]) == []


async def test_what_others_show_of_an_erased_case_is_withdrawn_after_it(planned, plan, clock):
    shown = Standing(system="dosis", state="received", at=clock.now())
    plan.decide_with = lambda message, known: replace(open_with()(message, known), standings=(shown,))
    await planned.accept(contact_message("1", personal()))
    withdraw = Intent(target="dosis", command=WithdrawStatus(case=CaseRef(FIRST), reason="erased"))
    plan.decide_with = lambda _message, known: Decision(
        fate=Fate.ROUTED, reason="", case=known.matches[0].case, intents=(withdraw,), outlives_case=True
    )
    await planned.erase_case(FIRST, "dpo", "asked by the customer")

    (effect,) = await rows(planned, effects)
    (taken,) = (await claim(planned, effect.id)).effects
    assert taken.command == withdraw.command
    await record(planned, taken, Outcome.APPLIED)
    assert [row.state for row in await rows(planned, effects)] == ["applied"]
    await recount(planned)


async def test_equal_texts_do_not_look_equal_when_sealed(journal):
    for number in range(2):
        await journal.accept(contact_message(f"{number}", personal(), raw=b"the same bytes"))

    sealed = [row.raw for row in await rows(journal, bodies) if row.raw]
    assert len(set(sealed)) == len(sealed) == 2


async def test_a_sealed_body_does_not_open_in_another_row(journal):
    one = (await journal.accept(contact_message("1", personal()))).receipt.message_id
    other = (await journal.accept(contact_message("2", personal()))).receipt.message_id
    (moved,) = await rows(journal, bodies, bodies.c.owner == other)

    def move(tx, arguments):
        tx.connection.execute(update(bodies).where(bodies.c.owner == one).values(raw=moved.raw))
        return [None] * len(arguments)

    await journal.database.write(move, None)
    with pytest.raises(RejectedError, match="does not open"):
        await journal.reveal(one, "kcc", "to see")


def found_in(url: str, pieces: list[bytes]) -> list[bytes]:
    """Which of these occur in the database's files (itself, its journal, its log)."""
    path = Path(url.removeprefix("sqlite:///"))
    content = b"\0".join(file.read_bytes() for file in sorted(path.parent.glob(f"{path.name}*")))
    return [piece for piece in pieces if piece in content]
