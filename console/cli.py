"""The console in a terminal: the same looks and the same acts, for administrators and scripts.

Exit codes: 0 done, 1 not found or refused, 2 wrong use, 3 the journal is not available, 4 something needs a
person (`status`) or is not accounted for (`balance`).
"""

import asyncio
import getpass
import sys
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final, NoReturn, TypeVar

import click
import msgspec
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from console.access import Role
from console.accounts import Accounts, PasswordError
from console.api.credentials import Credential, Credentials, Scope
from console.exports import balance_csv
from console.remedies import by_remedy
from console.wording import LANGUAGES, Wording, load
from journal import reading
from journal.balance import BalanceSheet, balance_sheet
from journal.journal import Journal
from journal.operations import Verdict
from journal.retention import Keeping
from ports.errors import HubError, RejectedError

T = TypeVar("T")

OpenJournal = Callable[[], AbstractAsyncContextManager[Journal]]

NOT_FOUND: Final = 1
UNAVAILABLE: Final = 3
NEEDS_SOMEBODY: Final = 4
_COLOURS: Final = {
    "done": "green",
    "applied": "green",
    "settled": "green",
    "up": "green",
    "answered": "green",
    "parked": "red",
    "down": "red",
    "rejected": "red",
    "unknown": "yellow",
    "waiting": "yellow",
    "paused": "yellow",
    "quarantined": "yellow",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Terminal:
    """How one command answers: in words or in JSON, in which language, on whose behalf."""

    json: bool
    wording: Wording
    actor: str

    def answer(self, value: object, lines: Iterable[str]) -> None:
        """The value as JSON, or the lines that say it for people."""
        if self.json:
            click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2))
            return
        for line in lines:
            click.echo(line)

    def state(self, group: str, value: str) -> str:
        """A state in words; coloured when a person looks on."""
        return click.style(self.wording.known(group, value), fg=_COLOURS.get(value))

    def text(self, key: str, **words: object) -> str:
        """A text of the catalogue."""
        return self.wording.text(key, **words)


def commands(
    open_journal: OpenJournal, *, language: str = "nl", time_zone: str = "Europe/Brussels"
) -> list[click.Command]:
    """The commands over a journal that `open_journal` opens, starts and closes; for a click group."""
    wordings = load(time_zone)
    shop = _Shop(open_journal, wordings, language)
    return [
        shop.status(),
        shop.messages(),
        shop.case(),
        shop.explain(),
        shop.balance(),
        shop.failures(),
        shop.replay(),
        shop.pause(),
        shop.resume(),
        shop.retention(),
        shop.user(),
        shop.credential(),
    ]


class _Shop:
    """Makes the commands; each opens the journal for itself."""

    def __init__(self, open_journal: OpenJournal, wordings: dict[str, Wording], language: str) -> None:
        self._open = open_journal
        self._wordings = wordings
        self._language = language

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
                    lambda connection: reading.newest_messages(
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
            self._one_or_leave(terminal, found)
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
            found = self._with(lambda journal: journal.database.read(reading.failures))
            terminal.answer(found, _failure_lines(terminal, found))

        return self._command("failures", run)

    def replay(self) -> click.Command:
        def run(terminal: Terminal, subject: str, reason: str, *, yes: bool) -> None:
            plan = self._with(lambda journal: _plan(journal, subject))
            if plan is None:
                self._leave(terminal.text("search.nothing"))
            if not terminal.json:
                terminal.answer(plan, _plan_lines(terminal, plan))
            if not plan.useful:
                self._leave(terminal.text("replay.nothing"))
            if not yes:
                click.confirm(terminal.text("cli.sure"), abort=True, err=True)
            started = self._with(lambda journal: _carry_out(journal, plan, terminal.actor, reason))
            terminal.answer({"plan": plan, "started": started}, [terminal.text("done.replayed")])

        return self._command(
            "replay",
            run,
            click.Argument(["subject"]),
            self._reason(),
            click.Option(["--yes"], is_flag=True, help=self._help("yes")),
        )

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
            password = _password(terminal, from_stdin=password_stdin)
            roles = frozenset(Role(one) for one in role)
            self._with(
                lambda journal: _add_user(journal, terminal, name=name, password=password, roles=roles)
            )
            terminal.answer(
                {"name": name, "roles": sorted(roles)}, [terminal.text("cli.user_added", name=name)]
            )

        def names(terminal: Terminal) -> None:
            users = self._with(lambda journal: Accounts(journal.database, journal.clock).names())
            terminal.answer(users, _table([(user.name, " ".join(sorted(user.roles))) for user in users]))

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

    def credential(self) -> click.Command:
        def add(terminal: Terminal, system: str, scope: Sequence[str], days: int) -> None:
            scopes = [Scope(one) for one in scope]
            issued, token = self._with(
                lambda journal: _issue(journal, terminal, system, scopes, timedelta(days=days))
            )
            terminal.answer(
                {"credential": issued, "token": token},
                [terminal.text("cli.credential_added", id=issued.id, token=token)],
            )

        def names(terminal: Terminal) -> None:
            found = self._with(lambda journal: Credentials(journal.database, journal.clock).all())
            terminal.answer(found, _table([_credential_cells(one) for one in found]))

        def revoke(terminal: Terminal, id_: str) -> None:
            if not self._with(lambda journal: _revoke(journal, terminal, id_)):
                self._leave(terminal.text("search.nothing"))
            terminal.answer({"id": id_}, [terminal.text("cli.credential_revoked", id=id_)])

        group = click.Group("credential", help=self._help("credential"))
        group.add_command(
            self._command(
                "add",
                add,
                click.Argument(["system"]),
                click.Option(
                    ["--scope"],
                    type=click.Choice([scope.value for scope in Scope]),
                    multiple=True,
                    default=[scope.value for scope in Scope],
                    help=self._help("scope"),
                ),
                click.Option(
                    ["--days"],
                    type=click.IntRange(1, 1100),
                    default=365,
                    show_default=True,
                    help=self._help("days"),
                ),
                help_key="credential_add",
            )
        )
        group.add_command(self._command("list", names, help_key="credential_list"))
        group.add_command(
            self._command(
                "revoke", revoke, click.Argument(["id_"], metavar="ID"), help_key="credential_revoke"
            )
        )
        return group

    def _command(
        self, name: str, run: Callable[..., None], *parameters: click.Parameter, help_key: str = ""
    ) -> click.Command:
        def callback(*, as_json: bool, lang: str, actor: str, **values: object) -> None:
            terminal = Terminal(json=as_json, wording=self._wordings[lang], actor=actor or getpass.getuser())
            try:
                run(terminal, **values)
            except (RejectedError, PasswordError) as error:
                self._leave(str(error))
            except HubError as error:
                click.echo(error.what, err=True)
                sys.exit(UNAVAILABLE)
            except OperationalError as error:
                click.echo(terminal.text("cli.no_journal", reason=str(error.orig)), err=True)
                sys.exit(UNAVAILABLE)

        shared = [
            click.Option(["--json", "as_json"], is_flag=True, help=self._help("json")),
            click.Option(
                ["--lang"],
                type=click.Choice(list(LANGUAGES)),
                default=self._language,
                show_default=True,
                help=self._help("lang"),
            ),
            click.Option(["--actor"], default="", help=self._help("actor")),
        ]
        return click.Command(
            name, callback=callback, params=[*parameters, *shared], help=self._help(help_key or name)
        )

    def _reason(self) -> click.Option:
        return click.Option(
            ["--reason"],
            prompt=self._wordings[self._language].text("common.reason"),
            help=self._help("reason"),
        )

    def _help(self, name: str) -> str:
        return self._wordings[self._language].text(f"cli_help.{name}")

    def _with(self, use: Callable[[Journal], Awaitable[T]]) -> T:
        async def run() -> T:
            async with self._open() as journal:
                return await use(journal)

        return asyncio.run(run())

    def _one_or_leave(self, terminal: Terminal, found: Sequence[reading.Passport]) -> None:
        if not found:
            self._leave(terminal.text("search.nothing"))
        if len(found) > 1:
            refs = ", ".join(one.case.ref for one in found)
            self._leave(terminal.text("cli.several", refs=refs))

    def _leave(self, text: str) -> NoReturn:
        click.echo(text, err=True)
        sys.exit(NOT_FOUND)


# --- what the commands look up ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """The morning check: is anything lost, down, stuck or late?"""

    needing: reading.Needing
    systems: tuple[reading.SystemRow, ...]
    late: tuple[reading.LateCase, ...]
    balance_difference: int
    needs_somebody: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """One message: what came in, which rule decided, and every step that followed."""

    message: reading.MessageDetail


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a replay will do: for each parked effect, or deciding again about a message."""

    subject: str
    verdicts: tuple[Verdict, ...]
    decide_again: bool

    @property
    def useful(self) -> bool:
        """Whether carrying it out changes anything."""
        return self.decide_again or any(one.verdict not in ("skip", "erased") for one in self.verdicts)


async def _overview(journal: Journal) -> Overview:
    now = journal.clock.now()

    def look(connection: Connection) -> Overview:
        needing = reading.needing(connection)
        systems = reading.systems_board(connection, now)
        late = reading.late_cases(connection, now)
        difference = balance_sheet(connection, now).difference
        stuck = needing.effects + needing.messages + needing.quarantined + len(late) + difference
        return Overview(
            needing=needing,
            systems=systems,
            late=late,
            balance_difference=difference,
            needs_somebody=bool(stuck) or any(system.state != "up" for system in systems),
        )

    return await journal.database.read(look)


async def _sheet(journal: Journal, day: date | None) -> BalanceSheet:
    return await journal.database.read(
        lambda connection: balance_sheet(connection, journal.clock.now(), day=day)
    )


async def _hits(journal: Journal, reference: str) -> tuple[reading.Hit, ...]:
    return await journal.database.read(
        lambda connection: reading.search(connection, journal.keyring, reference)
    )


async def _passports(journal: Journal, reference: str) -> tuple[reading.Passport, ...]:
    refs = [hit.case.ref for hit in await _hits(journal, reference) if hit.case]

    def look(connection: Connection) -> tuple[reading.Passport, ...]:
        found = (reading.passport(connection, journal.keyring, ref, journal.clock.now()) for ref in refs)
        return tuple(one for one in found if one)

    return await journal.database.read(look)


async def _explanations(journal: Journal, reference: str) -> tuple[Explanation, ...]:
    exact = await journal.database.read(lambda connection: reading.one_message(connection, reference.lower()))
    if exact:
        return (Explanation(message=exact),)
    ids = [row.id for passport in await _passports(journal, reference) for row in passport.messages]

    def look(connection: Connection) -> tuple[Explanation, ...]:
        found = (reading.one_message(connection, id_) for id_ in ids)
        return tuple(Explanation(message=one) for one in found if one)

    return await journal.database.read(look)


async def _plan(journal: Journal, subject: str) -> Plan | None:
    effect = await journal.database.read(lambda connection: reading.one_effect(connection, subject))
    if effect:
        verdict = await journal.preview_replay(subject)
        return Plan(subject=subject, verdicts=(verdict,), decide_again=False)
    message = await journal.database.read(lambda connection: reading.one_message(connection, subject))
    if message is None:
        return None
    parked = [one for one in message.effects if one.state == "parked"]
    verdicts = [await journal.preview_replay(one.id) for one in parked]
    stuck = message.row.state in ("parked", "quarantined")
    again = stuck and not message.row.case_ref and message.understood
    return Plan(subject=subject, verdicts=tuple(verdicts), decide_again=again)


async def _carry_out(journal: Journal, plan: Plan, actor: str, reason: str) -> tuple[str, ...]:
    if plan.decide_again:
        return await journal.replay_message(plan.subject, actor, reason)
    started = [await journal.replay_effect(one.effect_id, actor, reason) for one in plan.verdicts]
    return tuple(id_ for ids in started for id_ in ids)


async def _add_user(
    journal: Journal, terminal: Terminal, *, name: str, password: str, roles: frozenset[Role]
) -> None:
    accounts = Accounts(journal.database, journal.clock)
    await accounts.add(name, password, roles, terminal.wording.language)
    await journal.audit(terminal.actor, "user_changed", name.strip().lower(), " ".join(sorted(roles)))


def _password(terminal: Terminal, *, from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\n")
    return str(click.prompt(terminal.text("login.password"), hide_input=True, confirmation_prompt=True))


# --- how they say it --------------------------------------------------------------------------------------


async def _issue(
    journal: Journal, terminal: Terminal, system: str, scopes: Sequence[Scope], valid: timedelta
) -> tuple[Credential, str]:
    issued, token = await Credentials(journal.database, journal.clock).issue(system, scopes, valid)
    detail = f"{' '.join(sorted(issued.scopes))} until {issued.expires_at:%Y-%m-%d}"
    await journal.audit(terminal.actor, "credential_issued", f"{system}/{issued.id}", detail)
    return issued, token


async def _revoke(journal: Journal, terminal: Terminal, id_: str) -> bool:
    found = await Credentials(journal.database, journal.clock).revoke(id_)
    if found:
        await journal.audit(terminal.actor, "credential_revoked", id_)
    return found


def _credential_cells(one: Credential) -> tuple[str, ...]:
    end = f"revoked {one.revoked_at:%Y-%m-%d}" if one.revoked_at else f"until {one.expires_at:%Y-%m-%d}"
    return (one.id, one.system, " ".join(sorted(one.scopes)), end)


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns under each other, whatever the colours in them."""
    widths = [
        max((len(click.unstyle(cell)) for cell in column), default=0) for column in zip(*rows, strict=True)
    ]
    return [
        "  ".join(
            cell + " " * (width - len(click.unstyle(cell))) for cell, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in rows
    ]


def _overview_lines(terminal: Terminal, overview: Overview) -> Iterable[str]:
    wording = terminal.wording
    difference = overview.balance_difference
    yield wording.text("balance.wrong", n=difference) if difference else wording.text("balance.right")
    needing = overview.needing
    yield from _table(
        [
            (wording.bounded(len(overview.late), reading.PAGE), wording.text("start.late_tile")),
            (
                wording.bounded(needing.effects + needing.messages, reading.MOST),
                wording.text("start.failures_tile"),
            ),
            (wording.bounded(needing.quarantined, reading.MOST), wording.text("start.quarantine_tile")),
        ]
    )
    yield from _table(
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
    yield from _table(
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
    yield from _table(
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


def _message_lines(terminal: Terminal, page: reading.MessagePage) -> Iterable[str]:
    wording = terminal.wording
    yield from _table(
        [
            (
                wording.time(row.received_at),
                row.id,
                row.source,
                terminal.state("state", row.state),
                row.case_ref or "-",
                row.reason,
            )
            for row in page.rows
        ]
    )
    if page.older:
        yield f"--before {page.older}"


def _passport_lines(terminal: Terminal, passport: reading.Passport) -> Iterable[str]:
    wording, case = terminal.wording, passport.case
    yield f"{case.ref}  {wording.known('kind', case.kind)}  {terminal.state('case_status', case.status)}"
    yield wording.text("case.is_with" if case.open else "case.was_with", group=case.group)
    yield f"{wording.text('case.due')}: {wording.time(case.due)}"
    citizen = passport.citizen
    yield wording.text("case.erased") if citizen.erased else f"{citizen.name}  {citizen.email}"
    yield ""
    yield from _table(
        [
            (one.system, terminal.state("standing", one.state), wording.time(one.last_at), one.outside_id)
            for one in passport.standings
        ]
    )
    yield ""
    yield from _table(
        [
            (wording.time(step.at), wording.known("lane", step.lane), step_words(wording, step), step.detail)
            for step in passport.timeline
        ]
    )


def step_words(wording: Wording, step: reading.Step) -> str:
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
        yield f"  {wording.text('messages.decided')}: {row.reason or '-'}"
        yield f"  {wording.text('message.config')}: {row.config_version or '-'}"
        yield f"  {wording.text('messages.state')}: {terminal.state('state', row.state)}"
        for effect in explanation.message.effects:
            yield from _effect_lines(terminal, effect)
        yield ""


def _effect_lines(terminal: Terminal, effect: reading.EffectRow) -> Iterable[str]:
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


def _failure_lines(terminal: Terminal, found: reading.Failures) -> Iterable[str]:
    wording = terminal.wording
    if not found.cards:
        yield wording.text("failures.none")
    for remedy, cards in by_remedy(found.cards):
        yield click.style(wording.text(f"remedy.{remedy.code}.title"), bold=True)
        yield f"  {wording.text('failures.who')}: {wording.text(f'party.{remedy.who}')}"
        yield f"  {wording.text('failures.todo')}: {wording.text(f'remedy.{remedy.code}.todo')}"
        for card in cards:
            yield f"  {card.count} x {card.where}: {card.reason}"
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
    yield from _table([head, *rows])
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


def _plan_lines(terminal: Terminal, plan: Plan) -> Iterable[str]:
    wording = terminal.wording
    if plan.decide_again:
        yield wording.text("replay.decide_again")
    yield from _table(
        [
            (
                one.target,
                wording.known("action", one.action),
                wording.text(f"verdict.{one.verdict}.title"),
                wording.text(f"verdict.{one.verdict}.words", system=one.target),
            )
            for one in plan.verdicts
        ]
    )
