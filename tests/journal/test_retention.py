"""Retention: sixty simulated days with traffic every day, and nothing over its term anywhere; nothing unfinished lost."""

import dataclasses
from collections.abc import Sequence
from datetime import timedelta

import pytest
from msgspec.structs import replace
from pydantic import ValidationError
from sqlalchemy import BigInteger, func, select

from canonical_model.case import CaseRef
from canonical_model.events import Answer, CaseChanged, ContactReceived
from canonical_model.message import MessageId
from canonical_model.status import CaseStatus
from journal.effects import Outcome, SweepRequest
from journal.feeds import Appended, append_entries
from journal.instants import DAY, micros, new_id
from journal.journal import Custody
from journal.operations import Health
from journal.replay_ledger import Selection
from journal.retention import KEPT_FOR_GOOD, RULES, Rule
from journal.schema import (
    attempts,
    audit,
    bodies,
    cases,
    checkpoints,
    data_keys,
    effects,
    files,
    incidents,
    leases,
    messages,
    metadata,
    references,
    retention,
    sessions,
    standings,
    tally,
    target_tally,
    timers,
    work_items,
)
from journal.terms import RetentionTerms
from ports.errors import NotUnderstoodError
from ports.intake import Inbound
from tests.journal.scene import (
    apply_all,
    attached,
    claim,
    contact,
    contact_message,
    effect_states,
    inbound,
    record,
    rows,
)
from tests.journal.test_privacy import found_in
from worker.retention import Housekeeping

SHORT = RetentionTerms.model_construct(  # shorter than a city may set: nobody waits two months
    raw=3,
    canonical=6,
    attempts=4,
    messages=12,
    references=14,
    cases=20,
    sessions=1,
    leases=2,
    checkpoints=5,
    incidents=9,
    tallies=30,
    audit=25,
    replays=16,
)
INSZ = "85073003328"
DAYS = 60


@pytest.fixture
async def kept(open_journal):
    """A journal with short terms."""
    return await open_journal(custody=Custody(terms=SHORT))


async def day_of_traffic(journal, name: str) -> None:
    """A whole day in a city: everything that begins on it also ends on it."""
    photo = attached(f"photo of {INSZ} {name}".encode())
    what = contact(f"Mijn nummer is {INSZ}.", attachments=(photo.attachment,), fingerprint=f"print-{name}")
    raw = f"mail from {INSZ} on {name}".encode()
    accepted = await journal.accept(
        Inbound(
            source="mail",
            source_ref=name,
            raw=raw,
            media_type="message/rfc822",
            event=ContactReceived(contact=what),
            files=(photo,),
        )
    )
    await stumble_once(journal, accepted.effects)
    await apply_all(journal, await journal.sweep(SweepRequest()))
    ref = (await rows(journal, messages, messages.c.id == accepted.receipt.message_id))[0].case_ref
    closed = await journal.accept(closing(journal, ref, name))
    await apply_all(journal, closed.effects)
    await journal.accept(
        contact_message(f"auto-{name}", contact("Ik ben er niet", automatic="auto_reply"), source="mail")
    )
    broken = await journal.accept(
        Inbound(source="web", source_ref=name, raw=b"?", media_type="", problem=NotUnderstoodError("broken"))
    )
    await journal.drop_message(broken.receipt.message_id, "piet", "nonsense")
    await journal.report(Health("tracker", ok=False, what="away", failures=3, open_for=1))
    await journal.report(Health("tracker", ok=True))
    await journal.lease(f"source/of-{name}", "w/1", 10)
    await journal.save_checkpoint(f"gone-{name}", "at", "1")
    await journal.save_checkpoint("other-crew", f"order/{ref}", "planned")
    await leave_behind(journal, name)


async def replay_of(journal, name: str, *, cancelled: bool) -> None:
    """A step is refused and sent again by a plan, or by hand after somebody cancelled the plan; then its case is closed."""
    what = contact("Een boom is omgevallen.", fingerprint=f"print-{name}")
    accepted = await journal.accept(contact_message(name, what, source="mail"))
    taken = {one.target: one for one in (await claim(journal, *accepted.effects)).effects}
    refused = taken.pop("tracker")
    await record(journal, refused, Outcome.REJECTED, error="RejectedError", what="no such group")
    for one in taken.values():
        await record(journal, one, Outcome.APPLIED)
    plan = await journal.replays.plan(Selection(ids=(refused.id,)), "an", "the group exists now")
    while await journal.replays.freeze(plan):
        pass
    if cancelled:
        await journal.replays.cancel(plan, "an", "by hand instead")
        again = await journal.replay_effect(refused.id, "an", "the group exists now")
    else:
        await journal.replays.start(plan, "an")
        again = await journal.replays.release(plan)
    assert again == (refused.id,)
    await apply_all(journal, again)
    await journal.replays.follow(plan)
    ref = (await rows(journal, messages, messages.c.id == accepted.receipt.message_id))[0].case_ref
    await apply_all(journal, (await journal.accept(closing(journal, ref, name))).effects)


async def told(journal, name: str) -> None:
    """A piece of news for an existing system; the newest one of a system stays, as the next is counted from it."""
    await journal.database.write(append_entries, Appended("permits", f"key-{name}"))


async def stumble_once(journal, ids: Sequence[str]) -> None:
    """The first try of one effect fails; time passes until it may be tried again."""
    taken = await claim(journal, *ids)
    for number, one in enumerate(taken.effects):
        await record(journal, one, Outcome.APPLIED if number else Outcome.AGAIN, wait=1, what="busy")
    journal.clock.advance(timedelta(minutes=2))


def closing(journal, ref: str, name: str):
    event = CaseChanged(
        case=CaseRef(ref),
        tracker_id="T1",
        version=5,
        status=CaseStatus.CLOSED,
        group="kcc",
        answers=(Answer(key=f"a-{name}", text="Hersteld.", at=journal.clock.now()),),
        changed_at=journal.clock.now(),
    )
    return inbound(f"closed-{name}", event, source="tracker")


async def leave_behind(journal, name: str) -> None:
    """Rows that others usually clear away themselves: a session, and what belongs to a case that is gone."""
    now = micros(journal.clock.now())
    session = {"token_hash": name, "user_name": "piet", "csrf": "c", "started_at": now, "seen_at": now}
    timer = {"case_ref": name, "name": "chase", "due_at": now, "round": 0}
    standing = {
        "case_ref": name,
        "system": "dosis",
        "state": "closed",
        "outside_id": "",
        "trip": 0,
        "at": now,
    }
    item = {"case_ref": name, "name": "silence", "what": "stil", "opened_at": now, "closed_at": now}

    def insert(tx, arguments):
        tx.connection.execute(sessions.insert(), session)
        tx.connection.execute(timers.insert(), timer)
        tx.connection.execute(standings.insert(), standing)
        tx.connection.execute(work_items.insert(), item)
        return [None] * len(arguments)

    await journal.database.write(insert, None)


async def clean(journal) -> None:
    """Everything that has had its time goes, as the scheduler does it."""
    keeping = Housekeeping(journal, owner="test")
    await keeping.work()
    while keeping.busy:
        await keeping.work()


async def over_age(journal, slack: timedelta = timedelta(days=1)) -> list[str]:
    """What is older than its term, in any table, by whatever column of it tells a time.

    Looks at the newest time of each row (it is needed until then). Tables without times are judged by the
    moment in their ids. Every table is either judged or kept for good with a reason.
    """
    found: list[str] = []
    for name, table in metadata.tables.items():
        terms = [rule.term for rule in RULES if rule.table is table]
        assert terms or name in KEPT_FOR_GOOD, f"{name} has no rule of retention: add one, or say why not"
        if terms:
            days = max(getattr(SHORT, term) for term in terms)
            cutoff = micros(journal.clock.now() - timedelta(days=days) - slack)
            found += [f"{name}: {row}" for row in await rows(journal, table) if newest(table, row) < cutoff]
    return found


def newest(table, row) -> int:
    """The newest time in a row, in microseconds."""
    values = row._mapping
    times = [values[c.name] for c in table.columns if isinstance(c.type, BigInteger) and is_time(c.name)]
    if table in (tally, target_tally):
        times = [row.day * DAY]
    if not times:
        ids = [values[c.name] for c in table.primary_key if c.type.python_type is str]
        times = [int(ids[0][:12], 16) * 1000]
    return max(time or 0 for time in times)


def is_time(name: str) -> bool:
    return name in ("at", "until") or name.endswith("_at")


async def test_after_sixty_days_nothing_is_over_its_term_and_nothing_unfinished_is_gone(kept, clock):
    await kept.know_systems(["tracker"])
    open_ones = await unfinished(kept)

    for day in range(DAYS):
        await day_of_traffic(kept, f"day-{day}")
        await told(kept, f"day-{day}")
        if day % 7 == 0:
            await replay_of(kept, f"replay-{day}", cancelled=day % 2 == 1)
        clock.advance(timedelta(days=1))
        await clean(kept)
        if day == 30:
            assert await kept.verify_audit() is None

    await still_there(kept, open_ones)
    await finish(kept, open_ones)
    clock.advance(timedelta(days=SHORT.tallies + 1))
    await day_of_traffic(kept, "the last day")
    await told(kept, "the last day")
    await clean(kept)

    assert await over_age(kept) == []
    assert await kept.verify_audit() is None
    assert await books_differ(kept) == []
    assert [row.name for row in await rows(kept, retention) if not row.total] == []


async def unfinished(journal) -> list[str]:
    """An open case with a step that waits, a message that nobody understood, mail in quarantine, an outage."""
    case = await journal.accept(contact_message("open", contact(fingerprint="open"), source="mail"))
    await apply_all(journal, case.effects[:1])
    broken = await journal.accept(
        Inbound(
            source="web", source_ref="broken", raw=b"?", media_type="", problem=NotUnderstoodError("broken")
        )
    )
    spam = await journal.accept(contact_message("spam", contact("Win!", suspicions=("bulk",)), source="mail"))
    await journal.know_systems(["mail"])
    await journal.report(Health("mail", ok=False, what="away", failures=3, open_for=10**15))
    return [one.receipt.message_id for one in (case, broken, spam)]


async def still_there(journal, ids: list[str]) -> None:
    there = {row.id: row for row in await rows(journal, messages, messages.c.id.in_(ids))}
    assert list(there) == sorted(ids)
    for id_ in ids:
        assert (await journal.reveal(id_, "piet", "to see")).raw is not None
    case = there[ids[0]].case_ref
    assert len(await rows(journal, cases, cases.c.ref == case)) == 1
    assert await rows(journal, references, references.c.case_ref == case)
    assert len(await rows(journal, incidents, incidents.c.closed_at.is_(None))) == 1


async def finish(journal, ids: list[str]) -> None:
    case, broken, spam = ids
    ref = (await rows(journal, messages, messages.c.id == case))[0].case_ref
    closed = await journal.accept(closing(journal, ref, "open"))
    await apply_all(journal, [*(await journal.sweep(SweepRequest())), *closed.effects])
    for id_ in (broken, spam):
        await journal.drop_message(id_, "piet", "nonsense")
    await journal.report(Health("mail", ok=True))


async def books_differ(journal) -> list[str]:
    """Days and sources of which not every message that was received is somewhere."""
    total = func.sum(tally.c.count)
    query = select(tally.c.day, tally.c.source, tally.c.state, total).group_by(
        tally.c.day, tally.c.source, tally.c.state
    )
    found = await journal.database.read(lambda connection: connection.execute(query).all())
    left: dict[tuple[int, str], int] = {}
    for day, source, state, count in found:
        sign = 1 if state == "received" else -1
        left[day, source] = left.get((day, source), 0) + sign * int(count)
    return [f"{day} {source}" for (day, source), difference in left.items() if difference]


async def test_raw_bodies_go_first_and_what_was_understood_stays_for_its_own_term(kept, clock):
    await day_of_traffic(kept, "one")
    clock.advance(timedelta(days=4))
    await clean(kept)

    assert [row.raw for row in await rows(kept, bodies)] == [None] * len(await rows(kept, bodies))
    assert any(row.canonical for row in await rows(kept, bodies))
    assert await rows(kept, files) == []
    clock.advance(timedelta(days=3))
    await clean(kept)
    assert await rows(kept, bodies) == []
    assert len(await rows(kept, cases)) == 1


async def test_a_case_that_changed_lately_keeps_its_old_messages(kept, clock):
    await day_of_traffic(kept, "one")
    (case,) = await rows(kept, cases)
    clock.advance(timedelta(days=10))
    later = replace(closing(kept, case.ref, "one").event, version=6, answers=())
    await kept.accept(inbound("later", later, source="tracker"))
    await kept.accept(inbound("again", replace(later, version=7, group="groen"), source="tracker"))
    clock.advance(timedelta(days=2))
    await clean(kept)

    old = [row for row in await rows(kept, messages) if row.source == "mail" and row.case_ref]
    assert len(old) == 1
    assert (await kept.reveal(old[0].id, "piet", "to see")).raw


async def test_several_schedulers_remove_nothing_twice_and_nothing_wrong(open_journal, clock):
    one, other = (
        await open_journal(custody=Custody(terms=SHORT)),
        await open_journal(custody=Custody(terms=SHORT), shard="2"),
    )
    await day_of_traffic(one, "one")
    clock.advance(timedelta(days=40))
    first, second = Housekeeping(one, owner="1"), Housekeeping(other, owner="2")
    for _ in range(60):
        await first.work()
        await second.work()

    assert await over_age(one) == []
    assert await one.verify_audit() is None


async def test_a_walk_goes_on_where_another_scheduler_stopped(open_journal, clock):
    journal = await open_journal(custody=Custody(terms=SHORT))
    for number in range(7):
        await day_of_traffic(journal, f"{number}")
    clock.advance(timedelta(days=40))
    (rule,) = [dataclasses.replace(one, window=2) for one in RULES if one.table is files]

    removed = [await journal.retain(rule) for _ in range(5)]
    assert [one.removed for one in removed] == [2, 2, 2, 1, 0]
    assert [one.more for one in removed] == [True, True, True, True, False]
    assert await rows(journal, files) == []


async def test_an_audit_trail_whose_beginning_somebody_else_removed_does_not_hold(kept, clock):
    for number in range(4):
        await kept.audit("piet", "revealed", f"message {number}")
    clock.advance(timedelta(days=SHORT.audit + 1))
    await kept.audit("piet", "revealed", "message 4")
    await clean(kept)
    assert (await rows(kept, audit))[0].seq == 5
    assert await kept.verify_audit() is None

    def forge(tx, arguments):
        tx.connection.execute(audit.delete().where(audit.c.seq == 5))
        return [None] * len(arguments)

    await kept.database.write(forge, None)
    assert await kept.verify_audit() is not None


async def test_a_forged_beginning_of_the_audit_trail_does_not_hold(kept):
    for number in range(4):
        await kept.audit("piet", "revealed", f"message {number}")
    (third,) = await rows(kept, audit, audit.c.seq == 3)

    def forge(tx, arguments):
        tx.connection.execute(audit.delete().where(audit.c.seq <= 3))
        row = {"owner": "journal", "name": "audit_anchor", "value": f"3 {third.hash} {'0' * 64}"}
        tx.connection.execute(checkpoints.insert(), row)
        return [None] * len(arguments)

    await kept.database.write(forge, None)
    assert await kept.verify_audit() == 1


async def test_the_bytes_of_what_had_its_time_are_in_no_file_any_more(open_sqlite_journal, sqlite_url, clock):
    journal = await open_sqlite_journal()
    await day_of_traffic(journal, "one")
    sealed = [row.wrapped for row in await rows(journal, data_keys)]
    for row in await rows(journal, bodies):
        sealed += [part for part in (row.raw, row.canonical) if part]
    sealed += [row.data for row in await rows(journal, files)]
    pieces = [one[:24] for one in sealed]
    assert found_in(sqlite_url, pieces) == pieces

    clock.advance(timedelta(days=731))
    await clean(journal)
    assert await rows(journal, data_keys) == []
    assert found_in(sqlite_url, pieces) == []


async def test_the_bytes_of_an_erased_case_are_not_in_the_write_ahead_log(
    open_sqlite_journal, sqlite_url, monkeypatch
):
    monkeypatch.setattr("journal.database.WAL_SAFE", (3, 0, 0))
    journal = await open_sqlite_journal()
    await day_of_traffic(journal, "one")
    (case,) = await rows(journal, cases)
    sealed = [row.wrapped[:24] for row in await rows(journal, data_keys) if row.case_ref == case.ref]
    assert found_in(sqlite_url, sealed) == sealed
    await journal.erase_case(case.ref, "dpo", "asked")

    assert found_in(sqlite_url, sealed) == []


async def test_a_source_that_somebody_listens_to_keeps_its_place_however_long_it_is_silent(kept, clock):
    await kept.save_checkpoint("tracker", "cursor", "12")
    await kept.save_checkpoint("old-tracker", "cursor", "7")
    clock.advance(timedelta(days=100))
    await kept.lease("source/tracker", "w/1", 15)
    await clean(kept)

    assert [row.owner for row in await rows(kept, checkpoints)] == ["tracker"]
    assert [row.name for row in await rows(kept, leases, leases.c.name != "retention")] == ["source/tracker"]


async def test_what_an_adapter_remembers_of_an_order_goes_with_its_case_also_while_it_is_listened_to(
    kept, clock
):
    await day_of_traffic(kept, "one")
    (case,) = await rows(kept, cases)
    for name in (f"sent/{case.ref}.01", f"there/{case.ref}.01-02", "token"):
        await kept.save_checkpoint("crew", name, "x")
    assert await kept.replace_checkpoint("crew", f"heard/{case.ref}", None, "1")
    for days in (6, 100):
        clock.advance(timedelta(days=days))
        await kept.lease("source/crew/orders", "w/1", 15)
        await clean(kept)
        left = {row.name for row in await rows(kept, checkpoints) if row.owner == "crew"}
        assert left == {"token"} if days == 100 else len(left) == 4


async def test_the_overview_tells_how_much_is_due_and_what_is_held_and_what_goes_next(kept, clock):
    await day_of_traffic(kept, "one")
    await unfinished(kept)
    clock.advance(timedelta(days=4))

    before = {(one.term, one.table): one for one in await kept.kept()}
    assert (before["raw", "files"].due, before["raw", "files"].held, before["raw", "files"].rows) == (1, 0, 1)
    assert before["raw", "bodies"].held == 3
    await clean(kept)
    after = {(one.term, one.table): one for one in await kept.kept()}
    assert (after["raw", "files"].due, after["raw", "files"].rows, after["raw", "files"].removed) == (0, 0, 1)
    assert after["raw", "bodies"].held == 3
    assert after["raw", "bodies"].last_walk == clock.now()
    assert after["raw", "bodies"].next_before == clock.now() - timedelta(days=3)


def test_what_belongs_to_something_is_kept_no_longer_than_that():
    with pytest.raises(ValidationError, match="raw may not be kept longer than canonical"):
        RetentionTerms(raw=200)


def test_a_case_may_not_go_while_the_list_of_opened_cases_still_names_it():
    with pytest.raises(ValidationError, match=r"cases\s+Input should be greater than or equal to 62"):
        RetentionTerms(raw=3, canonical=6, attempts=4, messages=12, references=14, cases=61)


def test_every_term_has_a_rule():
    assert {rule.term for rule in RULES} == set(RetentionTerms.model_fields)
    assert len({rule.name for rule in RULES}) == len(RULES)
    assert all(isinstance(rule, Rule) for rule in RULES)


def test_the_ids_of_these_tables_tell_their_time(clock):
    now = micros(clock.now())
    assert new_id(now) > f"{now // 1000:012x}"
    assert MessageId(new_id(now - DAY)) < f"{now // 1000:012x}"


async def test_settled_steps_of_a_case_with_work_left_stay(kept, clock):
    accepted = await kept.accept(contact_message("1", contact(), source="mail"))
    await apply_all(kept, accepted.effects[:1])
    ref = (await rows(kept, messages))[0].case_ref
    await kept.accept(closing(kept, ref, "1"))
    clock.advance(timedelta(days=100))
    await clean(kept)

    assert "applied" in (await effect_states(kept)).values()
    assert len(await rows(kept, cases)) == 1
    assert await rows(kept, attempts)
    assert await rows(kept, effects)
    assert await rows(kept, sessions) == []
