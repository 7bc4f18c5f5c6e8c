"""Replays in a terminal: one effect or message at once, or a plan that is looked at before it goes."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click

from cli.terminal import Shop, Terminal, actor_here, entered_password, table
from console.access import Right, rights_of
from console.accounts import Accounts, Refusal
from console.replay_words import (
    by_result,
    by_verdict,
    citizens_got,
    citizens_will_get,
    has_done,
    selected,
    will_do,
)
from console.selections import CARDS, FIELDS, SelectionError, selection_from
from journal.journal import Journal
from journal.reading.effects import one_effect
from journal.reading.messages import one_message
from journal.replay_ledger import ROW_STATES
from journal.replay_reading import PlanRow, PlanView, ReplayRow, newest_plans, one_plan, plan_rows
from journal.verdicts import VERDICTS, Verdict
from ports.errors import RejectedError

LOOK_EVERY: Final = 1.0
"""Seconds between two looks of `run --follow`."""


class _Replay(click.Group):
    """`replay <id>` stays what it was: the command `one`, for whatever is not the name of another command."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in (*self.commands, *ctx.help_option_names):
            args = ["one", *args]
        return super().parse_args(ctx, args)


@dataclass(frozen=True, slots=True, kw_only=True)
class OneReplay:
    """What replaying one effect or message will do: for each parked effect, or deciding again about a message."""

    subject: str
    verdicts: tuple[Verdict, ...]
    decide_again: bool

    @property
    def useful(self) -> bool:
        """Whether carrying it out changes anything."""
        return self.decide_again or any(one.verdict in ("send", "probe", "decide") for one in self.verdicts)


class ReplayShop(Shop):
    """Makes `replay` and what is under it."""

    def replay(self) -> click.Group:
        group = _Replay("replay", help=self._help("replay"))
        for command in (
            self._one(),
            self._plan(),
            self._show(),
            self._decide(),
            self._approve(),
            self._run(),
            self._pause(),
            self._resume(),
            self._cancel(),
            self._list(),
        ):
            group.add_command(command)
        return group

    def _one(self) -> click.Command:
        def run(terminal: Terminal, subject: str, reason: str, *, yes: bool) -> None:
            plan = self._with(lambda journal: _one_replay(journal, subject))
            if plan is None:
                self._leave(terminal.text("search.nothing"))
            if not terminal.json:
                terminal.answer(plan, _one_lines(terminal, plan))
            if not plan.useful:
                self._leave(terminal.text("replay.nothing"))
            if not yes:
                click.confirm(terminal.text("cli.sure"), abort=True, err=True)
            started = self._with(lambda journal: _carry_out(journal, plan, terminal.actor, reason))
            terminal.answer({"plan": plan, "started": started}, [terminal.text("done.replayed")])

        subject = click.Argument(["subject"])
        yes = click.Option(["--yes"], is_flag=True, help=self._help("yes"))
        return self._command("one", run, subject, self._reason(), yes, help_key="replay_one")

    def _plan(self) -> click.Command:
        def run(
            terminal: Terminal, reason: str, ids_from: Path | None, ids: Sequence[str], **asked: Any
        ) -> None:
            named = [*ids, *(ids_from.read_text("utf-8").split() if ids_from else ())]
            texts = {name: str(asked.get(name) or "") for name in FIELDS}
            texts |= {"ids": " ".join(named), "done": "yes" if asked["done"] else ""}
            try:
                selection = selection_from(texts, terminal.wording.zone)
            except SelectionError as error:
                self._leave(terminal.text(f"selection_wrong.{error.field}"))

            async def make(journal: Journal) -> PlanView:
                plan_id = await journal.replays.plan(selection, terminal.actor, reason)
                while await journal.replays.freeze(plan_id):
                    pass
                return await _view(journal, plan_id)

            self._show_plan(terminal, self._with(make))

        return self._command("plan", run, *self._filters(), self._reason(), help_key="replay_plan")

    def _filters(self) -> list[click.Parameter]:
        texts = [
            click.Option([f"--{name}"], default="", help=self._help(f"replay_{name}"))
            for name in ("target", "error", "like", "source", "since", "until", "case")
        ]
        return [
            *texts,
            click.Option(["--remedy"], type=click.Choice(CARDS), help=self._help("replay_remedy")),
            click.Option(["--id", "ids"], multiple=True, help=self._help("replay_ids")),
            click.Option(
                ["--ids-from"],
                type=click.Path(path_type=Path, exists=True, dir_okay=False, allow_dash=False),
                help=self._help("replay_ids_from"),
            ),
            click.Option(["--done"], is_flag=True, help=self._help("replay_done")),
        ]

    def _show(self) -> click.Command:
        def run(
            terminal: Terminal, plan: str, *, rows: bool, limit: int, after: int, **only: str | None
        ) -> None:
            verdict, state = only["verdict"] or "", only["state"] or ""
            if not rows:
                self._show_plan(terminal, self._with(lambda journal: _view(journal, plan)))
                return
            page = self._with(
                lambda journal: journal.database.read(
                    lambda connection: plan_rows(
                        connection, plan, after=after, verdict=verdict, state=state, size=limit
                    )
                )
            )
            more = [f"--after {page.after}"] if page.after else []
            terminal.answer(page, [*_row_lines(terminal, page.rows), *more])

        return self._command(
            "show",
            run,
            click.Argument(["plan"]),
            click.Option(["--rows"], is_flag=True, help=self._help("replay_rows")),
            click.Option(["--verdict"], type=click.Choice(VERDICTS), help=self._help("replay_verdict")),
            click.Option(["--state"], type=click.Choice(ROW_STATES), help=self._help("replay_state")),
            click.Option(["--after"], type=click.IntRange(0), default=0, help=self._help("replay_after")),
            click.Option(
                ["--limit"],
                type=click.IntRange(1, 500),
                default=50,
                show_default=True,
                help=self._help("limit"),
            ),
            help_key="replay_show",
        )

    def _decide(self) -> click.Command:
        def run(terminal: Terminal, plan: str, number: int, reason: str) -> None:
            self._act(terminal, plan, lambda one: one.replays.decide(plan, number, terminal.actor, reason))

        number = click.Argument(["number"], type=int)
        return self._command(
            "decide", run, click.Argument(["plan"]), number, self._reason(), help_key="replay_decide"
        )

    def _approve(self) -> click.Command:
        def run(terminal: Terminal, plan: str, user: str, *, password_stdin: bool) -> None:
            password = entered_password(terminal, from_stdin=password_stdin, again=False)

            async def approve(journal: Journal) -> None:
                name = await _signed_in(journal, terminal, user, password)
                await journal.replays.approve(plan, actor_here(name))

            self._act(terminal, plan, approve)

        return self._command(
            "approve",
            run,
            click.Argument(["plan"]),
            click.Option(["--user"], prompt=True, help=self._help("replay_user")),
            click.Option(["--password-stdin"], is_flag=True, help=self._help("password_stdin")),
            help_key="replay_approve",
        )

    def _run(self) -> click.Command:
        def run(terminal: Terminal, plan: str, canary: int, pace: int, *, follow: bool, yes: bool) -> None:
            if not yes:
                self._show_plan(terminal, self._with(lambda journal: _view(journal, plan)))
                click.confirm(terminal.text("cli.sure"), abort=True, err=True)
            start = {"canary": canary, "pace": pace}
            self._with(lambda journal: journal.replays.start(plan, terminal.actor, **start))
            view = self._with(lambda journal: _watched(journal, terminal, plan, follow=follow))
            self._show_plan(terminal, view)

        whole = click.IntRange(0)
        return self._command(
            "run",
            run,
            click.Argument(["plan"]),
            click.Option(["--canary"], type=whole, default=0, help=self._help("replay_canary")),
            click.Option(["--pace"], type=whole, default=0, help=self._help("replay_pace")),
            click.Option(["--follow"], is_flag=True, help=self._help("replay_follow")),
            click.Option(["--yes"], is_flag=True, help=self._help("yes")),
            help_key="replay_run",
        )

    def _pause(self) -> click.Command:
        def run(terminal: Terminal, plan: str, reason: str) -> None:
            self._act(terminal, plan, lambda one: one.replays.pause(plan, terminal.actor, reason))

        return self._command("pause", run, click.Argument(["plan"]), self._reason(), help_key="replay_pause")

    def _resume(self) -> click.Command:
        def run(terminal: Terminal, plan: str) -> None:
            self._act(terminal, plan, lambda one: one.replays.resume(plan, terminal.actor))

        return self._command("resume", run, click.Argument(["plan"]), help_key="replay_resume")

    def _cancel(self) -> click.Command:
        def run(terminal: Terminal, plan: str, reason: str) -> None:
            self._act(terminal, plan, lambda one: one.replays.cancel(plan, terminal.actor, reason))

        return self._command(
            "cancel", run, click.Argument(["plan"]), self._reason(), help_key="replay_cancel"
        )

    def _list(self) -> click.Command:
        def run(terminal: Terminal, limit: int, before: str) -> None:
            plans = self._with(
                lambda journal: journal.database.read(
                    lambda connection: newest_plans(connection, before=before, size=limit)
                )
            )
            terminal.answer(plans, _plan_list(terminal, plans))

        size = click.IntRange(1, 500)
        return self._command(
            "list",
            run,
            click.Option(["--limit"], type=size, default=20, show_default=True, help=self._help("limit")),
            click.Option(["--before"], default="", help=self._help("replay_before")),
            help_key="replay_list",
        )

    def _act(self, terminal: Terminal, plan: str, act: Callable[[Journal], Awaitable[None]]) -> None:
        async def done(journal: Journal) -> PlanView:
            await act(journal)
            return await _view(journal, plan)

        self._show_plan(terminal, self._with(done))

    @staticmethod
    def _show_plan(terminal: Terminal, view: PlanView) -> None:
        terminal.answer(view, _view_lines(terminal, view))


# --- what they look up ------------------------------------------------------------------------------------


async def _view(journal: Journal, plan_id: str) -> PlanView:
    view = await journal.database.read(lambda connection: one_plan(connection, plan_id))
    if view is None:
        raise RejectedError(f"no replay plan has id {plan_id}")
    return view


async def _watched(journal: Journal, terminal: Terminal, plan_id: str, *, follow: bool) -> PlanView:
    """The plan; when it is followed, as soon as it stops by itself."""
    view = await _view(journal, plan_id)
    while follow and view.plan.state == "running":
        if not terminal.json:
            click.echo(_progress(terminal, view), err=True)
        await asyncio.sleep(LOOK_EVERY)
        view = await _view(journal, plan_id)
    return view


async def _signed_in(journal: Journal, terminal: Terminal, user: str, password: str) -> str:
    """The name of an account of the console that may approve, proven by its password."""
    accounts = Accounts(journal.database, journal.clock)
    token = await accounts.log_in(user, password)
    if isinstance(token, Refusal):
        await journal.audit(user.strip().lower()[:100] or "-", "log_in_refused", token.value)
        raise RejectedError(terminal.text(f"login.{token}"))
    session = await accounts.session(token, use=False)
    if session is None:
        raise RejectedError(terminal.text("login.wrong"))
    await accounts.log_out(session)
    if Right.APPROVE not in rights_of(session.user.roles):
        raise RejectedError(terminal.text("problem.forbidden.text"))
    return session.user.name


async def _one_replay(journal: Journal, subject: str) -> OneReplay | None:
    effect = await journal.database.read(lambda connection: one_effect(connection, subject))
    if effect:
        verdict = await journal.preview_replay(subject)
        return OneReplay(subject=subject, verdicts=(verdict,), decide_again=False)
    message = await journal.database.read(lambda connection: one_message(connection, subject))
    if message is None:
        return None
    parked = [one for one in message.effects if one.state == "parked"]
    verdicts = [await journal.preview_replay(one.id) for one in parked]
    stuck = message.row.state in ("parked", "quarantined")
    again = stuck and not message.row.case_ref and message.understood
    return OneReplay(subject=subject, verdicts=tuple(verdicts), decide_again=again)


async def _carry_out(journal: Journal, plan: OneReplay, actor: str, reason: str) -> tuple[str, ...]:
    if plan.decide_again:
        return await journal.replay_message(plan.subject, actor, reason)
    started = [await journal.replay_effect(one.effect_id, actor, reason) for one in plan.verdicts]
    return tuple(id_ for ids in started for id_ in ids)


# --- how they say it --------------------------------------------------------------------------------------


def _one_lines(terminal: Terminal, plan: OneReplay) -> Iterable[str]:
    wording = terminal.wording
    if plan.decide_again:
        yield wording.text("replay.decide_again")
    yield from table(
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


def _view_lines(terminal: Terminal, view: PlanView) -> Iterable[str]:
    wording, plan = terminal.wording, view.plan
    yield f"{plan.id}  {terminal.state('plan_state', plan.state)}"
    yield wording.text("plan.made", who=plan.made_by, at=wording.time(plan.made_at), reason=plan.reason)
    yield from (f"  {name}: {value}" for name, value in selected(plan.selection, wording))
    yield wording.count("plan.rows", plan.rows)
    yield from table([(f"  {n}", wording.text(f"verdict.{name}.title")) for name, n in by_verdict(view)])
    yield f"{wording.text('plan.will')}:"
    yield from (f"  {target}: {words}" for target, words in will_do(view, wording))
    yield f"  {citizens_will_get(view, wording)}"
    if plan.started_by:
        yield f"{wording.text('plan.result')}:"
        yield from table([(f"  {n}", wording.known("row_state", name)) for name, n in by_result(view)])
        yield from (f"  {target}: {words}" for target, words in has_done(view, wording))
        yield f"  {citizens_got(view, wording)}"
    yield from _next_step(terminal, view)


def _next_step(terminal: Terminal, view: PlanView) -> Iterable[str]:
    wording, plan = terminal.wording, view.plan
    if plan.note:
        yield plan.note
    if plan.approved_by:
        yield wording.text("plan.approved", who=plan.approved_by)
    if plan.state == "ready" and view.to_decide:
        yield wording.count("plan.to_decide", view.to_decide)
    if plan.needs_approval:
        yield wording.text("plan.needs_approval")
    if plan.state == "canary":
        yield wording.text("plan.canary_over")


def _progress(terminal: Terminal, view: PlanView) -> str:
    return "  ".join(f"{terminal.wording.known('row_state', name)}: {n}" for name, n in by_result(view))


def _row_lines(terminal: Terminal, rows: Sequence[ReplayRow]) -> list[str]:
    wording = terminal.wording
    return table(
        [
            (
                str(row.number),
                row.case_ref or "-",
                row.target or wording.text("case.hub"),
                wording.known("event" if row.kind == "message" else "action", row.action),
                wording.text(f"verdict.{row.verdict}.title"),
                terminal.state("row_state", row.state),
                row.subject,
                row.what,
            )
            for row in rows
        ]
    )


def _plan_list(terminal: Terminal, plans: Sequence[PlanRow]) -> list[str]:
    wording = terminal.wording
    return table(
        [
            (
                wording.time(plan.made_at),
                plan.id,
                terminal.state("plan_state", plan.state),
                plan.made_by,
                wording.count("plan.rows", plan.rows),
                plan.reason,
            )
            for plan in plans
        ]
    )
