"""The console in a terminal: the same looks and the same acts, for administrators and scripts.

Exit codes: 0 done, 1 not found or refused, 2 wrong use, 3 the journal is not available, 4 something needs a
person (`status`) or is not accounted for (`balance`).
"""

import sys
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import click
from sqlalchemy import Connection

from canonical_model.customer import looks_like
from cli.credential import CredentialShop
from cli.customer import CustomerShop
from cli.replay import ReplayShop
from cli.terminal import NEEDS_SOMEBODY, OpenJournal, Shop, Terminal, entered_password, table
from cli.work import WorkShop
from console.access import Role
from console.accounts import Accounts
from console.exports import balance_csv
from console.remedies import by_remedy
from console.wording import Wording, load
from journal.balance import BalanceSheet, balance_sheet
from journal.first_line import DAYS, GOAL, FirstLine, first_line, together
from journal.journal import Journal
from journal.reading.bounds import MOST, PAGE
from journal.reading.cases import LateCase, late_cases
from journal.reading.effects import EffectRow
from journal.reading.failures import Failures, Needing, failure_cards, needing_somebody
from journal.reading.messages import MessageDetail, MessagePage, newest_messages, one_message
from journal.reading.passports import Passport, passport_of
from journal.reading.search import Hit, find
from journal.reading.systems import SystemRow, systems_board
from journal.reading.timelines import Step
from journal.retention import Keeping


def commands(
    open_journal: OpenJournal,
    api_systems: Callable[[], Collection[str]],
    *,
    language: str = "nl",
    time_zone: str = "Europe/Brussels",
) -> list[click.Command]:
    """The commands over a journal that `open_journal` opens, starts and closes; for a click group.

    `api_systems` are the systems that may have a token for the API.
    """
    wordings = load(time_zone)
    shop = _Shop(open_journal, wordings, language)
    return [
        shop.status(),
        shop.messages(),
        shop.case(),
        CustomerShop(open_journal, wordings, language).customer(),
        shop.explain(),
        shop.balance(),
        shop.failures(),
        ReplayShop(open_journal, wordings, language).replay(),
        shop.pause(),
        shop.resume(),
        shop.retention(),
        WorkShop(open_journal, wordings, language).work(),
        WorkShop(open_journal, wordings, language).erase(),
        shop.user(),
        CredentialShop(open_journal, wordings, language, api_systems).credential(),
    ]


class _Shop(Shop):
    """Makes the commands."""

    def status(self) -> click.Command:
        def run(terminal: Terminal) -> None:
            overview = self._with(_overview)
            terminal.answer(overview, _overview_lines(terminal, overview))
            if overview.needs_somebody:
                sys.exit(NEEDS_SOMEBODY)

        return self._command("status", run)

    def messages(self) -> click.Command:
        def run(terminal: Terminal, state: str | None, source: str, limit: int, before: str) -> None:
            page = self._with(
                lambda journal: journal.database.read(
                    lambda connection: newest_messages(
                        connection, state=state or "", source=source, size=limit, before=before
                    )
                )
            )
            terminal.answer(page, _message_lines(terminal, page))

        states = click.Choice(["waiting", "done", "parked", "quarantined", "dropped"])
        return self._command(
            "messages",
            run,
            click.Option(["--state"], type=states, help=self._help("state")),
            click.Option(["--source"], default="", help=self._help("source")),
            click.Option(
                ["--limit"],
                type=click.IntRange(1, 500),
                default=20,
                show_default=True,
                help=self._help("limit"),
            ),
            click.Option(["--before"], default="", help=self._help("before")),
        )

    def case(self) -> click.Command:
        def run(terminal: Terminal, reference: str) -> None:
            found = self._with(lambda journal: _passports(journal, reference))
            self._one_or_leave(terminal, found, reference)
            terminal.answer(found[0], _passport_lines(terminal, found[0]))

        return self._command("case", run, click.Argument(["reference"]))

    def explain(self) -> click.Command:
        def run(terminal: Terminal, reference: str) -> None:
            found = self._with(lambda journal: _explanations(journal, reference))
            if not found:
                self._leave(terminal.text("search.nothing"))
            terminal.answer(found, _explain_lines(terminal, found))

        return self._command("explain", run, click.Argument(["reference"]))

    def balance(self) -> click.Command:
        def run(terminal: Terminal, day: datetime | None, *, as_csv: bool) -> None:
            sheet = self._with(lambda journal: _sheet(journal, day.date() if day else None))
            if as_csv:
                click.echo(balance_csv(sheet), nl=False)
            else:
                terminal.answer(sheet, _balance_lines(terminal, sheet))
            if sheet.difference:
                sys.exit(NEEDS_SOMEBODY)

        return self._command(
            "balance",
            run,
            click.Option(["--day"], type=click.DateTime(["%Y-%m-%d"]), help=self._help("day")),
            click.Option(["--csv", "as_csv"], is_flag=True, help=self._help("csv")),
        )

    def failures(self) -> click.Command:
        def run(terminal: Terminal) -> None:
            found = self._with(lambda journal: journal.database.read(failure_cards))
            terminal.answer(found, _failure_lines(terminal, found))

        return self._command("failures", run)

    def pause(self) -> click.Command:
        def run(terminal: Terminal, system: str, reason: str) -> None:
            self._with(lambda journal: journal.pause(system, terminal.actor, reason))
            terminal.answer({"system": system, "paused": True}, [terminal.text("done.paused")])

        return self._command("pause", run, click.Argument(["system"]), self._reason())

    def resume(self) -> click.Command:
        def run(terminal: Terminal, system: str) -> None:
            self._with(lambda journal: journal.resume(system, terminal.actor))
            terminal.answer({"system": system, "paused": False}, [terminal.text("done.resumed")])

        return self._command("resume", run, click.Argument(["system"]))

    def retention(self) -> click.Command:
        def run(terminal: Terminal) -> None:
            found = self._with(lambda journal: journal.kept())
            terminal.answer(found, _keeping_lines(terminal, found))

        return self._command("retention", run)

    def user(self) -> click.Command:
        def add(terminal: Terminal, name: str, role: Sequence[str], *, password_stdin: bool) -> None:
            password = entered_password(terminal, from_stdin=password_stdin)
            roles = frozenset(Role(one) for one in role)
            self._with(
                lambda journal: _add_user(journal, terminal, name=name, password=password, roles=roles)
            )
            terminal.answer(
                {"name": name, "roles": sorted(roles)}, [terminal.text("cli.user_added", name=name)]
            )

        def names(terminal: Terminal) -> None:
            users = self._with(lambda journal: Accounts(journal.database, journal.clock).names())
            terminal.answer(users, table([(user.name, " ".join(sorted(user.roles))) for user in users]))

        group = click.Group("user", help=self._help("user"))
        group.add_command(
            self._command(
                "add",
                add,
                click.Argument(["name"]),
                click.Option(
                    ["--role"],
                    type=click.Choice([role.value for role in Role]),
                    multiple=True,
                    required=True,
                    help=self._help("role"),
                ),
                click.Option(["--password-stdin"], is_flag=True, help=self._help("password_stdin")),
                help_key="user_add",
            )
        )
        group.add_command(self._command("list", names, help_key="user_list"))
        return group

    def _one_or_leave(self, terminal: Terminal, found: Sequence[Passport], reference: str) -> None:
        if not found and looks_like(reference):
            self._leave(terminal.text("cli.customer"))
        if not found:
            self._leave(terminal.text("search.nothing"))
        if len(found) > 1:
            refs = ", ".join(one.case.ref for one in found)
            self._leave(terminal.text("cli.several", refs=refs))


# --- what the commands look up ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """The morning check: is anything lost, down, stuck or late?"""

    needing: Needing
    systems: tuple[SystemRow, ...]
    late: tuple[LateCase, ...]
    balance_difference: int
    needs_somebody: bool
    first_line: FirstLine


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """One message: what came in, which rule decided, and every step that followed."""

    message: MessageDetail


async def _overview(journal: Journal) -> Overview:
    now = journal.clock.now()

    def look(connection: Connection) -> Overview:
        needing = needing_somebody(connection)
        systems = systems_board(connection, now)
        late = late_cases(connection, now)
        difference = balance_sheet(connection, now).difference
        stuck = needing.effects + needing.messages + needing.quarantined + len(late) + difference
        return Overview(
            needing=needing,
            systems=systems,
            late=late,
            balance_difference=difference,
            needs_somebody=bool(stuck) or not all(system.is_well for system in systems),
            first_line=together(first_line(connection, now)),
        )

    return await journal.database.read(look)


async def _sheet(journal: Journal, day: date | None) -> BalanceSheet:
    return await journal.database.read(
        lambda connection: balance_sheet(connection, journal.clock.now(), day=day)
    )


async def _hits(journal: Journal, reference: str) -> tuple[Hit, ...]:
    return await journal.database.read(lambda connection: find(connection, journal.keyring, reference))


async def _passports(journal: Journal, reference: str) -> tuple[Passport, ...]:
    refs = [hit.case.ref for hit in await _hits(journal, reference) if hit.case]

    def look(connection: Connection) -> tuple[Passport, ...]:
        found = (passport_of(connection, journal.keyring, ref, journal.clock.now()) for ref in refs)
        return tuple(one for one in found if one)

    return await journal.database.read(look)


async def _explanations(journal: Journal, reference: str) -> tuple[Explanation, ...]:
    exact = await journal.database.read(lambda connection: one_message(connection, reference.lower()))
    if exact:
        return (Explanation(message=exact),)
    ids = [row.id for passport in await _passports(journal, reference) for row in passport.messages]

    def look(connection: Connection) -> tuple[Explanation, ...]:
        found = (one_message(connection, id_) for id_ in ids)
        return tuple(Explanation(message=one) for one in found if one)

    return await journal.database.read(look)


async def _add_user(
    journal: Journal, terminal: Terminal, *, name: str, password: str, roles: frozenset[Role]
) -> None:
    accounts = Accounts(journal.database, journal.clock)
    await accounts.add(name, password, roles, terminal.wording.language)
    await journal.audit(terminal.actor, "user_changed", name.strip().lower(), " ".join(sorted(roles)))


# --- how they say it --------------------------------------------------------------------------------------


def _overview_lines(terminal: Terminal, overview: Overview) -> Iterable[str]:
    wording = terminal.wording
    difference = overview.balance_difference
    yield wording.text("balance.wrong", n=difference) if difference else wording.text("balance.right")
    needing = overview.needing
    yield from table(
        [
            (wording.bounded(len(overview.late), PAGE), wording.text("start.late_tile")),
            (
                wording.bounded(needing.effects + needing.messages, MOST),
                wording.text("start.failures_tile"),
            ),
            (wording.bounded(needing.quarantined, MOST), wording.text("start.quarantine_tile")),
        ]
    )
    line = overview.first_line
    if line.cases:
        yield wording.text("first_line.line", share=line.share, cases=line.cases, days=DAYS, goal=GOAL)
    yield from table(
        [
            (
                system.name,
                terminal.state("system_state", system.state),
                wording.count("start.down_waiting", system.waiting) if system.waiting else "",
                system.paused_reason if system.state == "paused" else "",
            )
            for system in overview.systems
        ]
    )


def _balance_lines(terminal: Terminal, sheet: BalanceSheet) -> Iterable[str]:
    wording, difference = terminal.wording, sheet.difference
    day, unexplained = wording.text("balance.day"), wording.text("balance.difference")
    fates = [wording.known("state", name) for name in ("done", "waiting", "parked", "quarantined", "dropped")]
    ends = [wording.known("effect_state", name) for name in ("applied", "parked", "skipped")]
    came, had_to_go = wording.text("balance.received"), wording.text("balance.written")
    yield wording.text("balance.wrong", n=difference) if difference else wording.text("balance.right")
    yield ""
    yield from table(
        [
            (day, wording.text("messages.source"), came, *fates, unexplained),
            *(
                _cells(row.day, row.source, row.received, row.done, row.waiting, row.parked)
                + _cells(row.quarantined, row.dropped, row.difference)
                for row in sheet.sources
            ),
        ]
    )
    yield ""
    yield from table(
        [
            (day, wording.text("balance.target"), had_to_go, ends[0], fates[1], *ends[1:], unexplained),
            *(
                _cells(row.day, row.target, row.written, row.applied, row.waiting, row.parked)
                + _cells(row.skipped, row.difference)
                for row in sheet.targets
            ),
        ]
    )


def _cells(*cells: object) -> tuple[str, ...]:
    return tuple(str(cell) for cell in cells)


def _message_lines(terminal: Terminal, page: MessagePage) -> Iterable[str]:
    wording = terminal.wording
    yield from table(
        [
            (
                wording.time(row.received_at),
                row.id,
                row.source,
                terminal.state("state", row.state),
                row.case_ref or "-",
                wording.said(row.reason),
            )
            for row in page.rows
        ]
    )
    if page.older:
        yield f"--before {page.older}"


def _passport_lines(terminal: Terminal, passport: Passport) -> Iterable[str]:
    wording, case = terminal.wording, passport.case
    yield f"{case.ref}  {wording.known('kind', case.kind)}  {terminal.state('case_status', case.status)}"
    yield wording.text("case.is_with" if case.open else "case.was_with", group=case.group)
    yield f"{wording.text('case.due')}: {wording.time(case.due)}"
    citizen = passport.citizen
    yield wording.text("case.erased") if citizen.erased else f"{citizen.name}  {citizen.email}"
    yield ""
    yield from table(
        [
            (one.system, terminal.state("standing", one.state), wording.time(one.last_at), one.outside_id)
            for one in passport.standings
        ]
    )
    yield ""
    yield from table(
        [
            (
                wording.time(step.at),
                wording.known("lane", step.lane),
                step_words(wording, step),
                wording.said(step.detail),
            )
            for step in passport.timeline
        ]
    )


def step_words(wording: Wording, step: Step) -> str:
    """A step of a timeline in plain words."""
    groups = {"arrived": "event", "status": "case_status", "group": "group", "timer": "timer"}
    return wording.text(
        f"step.{step.what}", subject=wording.known(groups.get(step.what, "action"), step.subject)
    )


def _explain_lines(terminal: Terminal, found: Sequence[Explanation]) -> Iterable[str]:
    wording = terminal.wording
    for explanation in found:
        row = explanation.message.row
        yield f"{wording.text('message.title')} {row.id}"
        yield "  " + wording.text("message.sentence", source=row.source, at=wording.time(row.received_at))
        yield f"  {wording.text('messages.kind')}: {wording.known('event', row.kind)}"
        yield f"  {wording.text('message.rule')}: {row.rule or wording.text('message.no_rule')}"
        yield f"  {wording.text('messages.decided')}: {wording.said(row.reason) or '-'}"
        yield f"  {wording.text('message.config')}: {row.config_version or '-'}"
        yield f"  {wording.text('messages.state')}: {terminal.state('state', row.state)}"
        for effect in explanation.message.effects:
            yield from _effect_lines(terminal, effect)
        yield ""


def _effect_lines(terminal: Terminal, effect: EffectRow) -> Iterable[str]:
    wording = terminal.wording
    action, state = wording.known("action", effect.action), terminal.state("effect_state", effect.state)
    yield f"  {effect.target}: {action}: {state} {effect.outside_id}".rstrip()
    for attempt in effect.attempts:
        outcome = terminal.state("outcome", attempt.outcome)
        number = wording.text("effect.attempt", number=attempt.number)
        what = f" ({attempt.what})" if attempt.what else ""
        yield f"    {wording.time(attempt.started_at)} {number}: {outcome}{what}"
    if effect.state == "parked":
        yield f"    {effect.reason}"


def _failure_lines(terminal: Terminal, found: Failures) -> Iterable[str]:
    wording = terminal.wording
    if not found.cards:
        yield wording.text("failures.none")
    for remedy, cards in by_remedy(found.cards):
        yield click.style(wording.text(f"remedy.{remedy.code}.title"), bold=True)
        yield f"  {wording.text('failures.who')}: {wording.text(f'party.{remedy.who}')}"
        yield f"  {wording.text('failures.todo')}: {wording.text(f'remedy.{remedy.code}.todo')}"
        for card in cards:
            yield f"  {card.count} x {card.where}: {wording.said(card.reason)}"
            yield f"      {' '.join(card.samples)}"
    if not found.complete:
        yield wording.text("failures.cut")


def _keeping_lines(terminal: Terminal, found: Sequence[Keeping]) -> Iterable[str]:
    """A line per kind of data; what is held by something unfinished is named, as it may surprise."""
    head = [terminal.text(f"keeping.{name}") for name in ("what", "days", "rows", "oldest", "due", "held")]
    rows = [
        (
            f"{terminal.state('kept', one.term)} ({one.table})",
            str(one.days),
            str(one.rows),
            terminal.wording.time(one.oldest),
            str(one.due),
            str(one.held),
        )
        for one in found
    ]
    yield from table([head, *rows])
    yield ""
    for one in found:
        if one.due:
            yield terminal.text(
                "keeping.next",
                what=terminal.state("kept", one.term),
                count=one.due,
                table=one.table,
                day=terminal.wording.local_day(one.next_before),
            )
