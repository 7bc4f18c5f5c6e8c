"""Customer history in a terminal: `wegwijzer customer`. The number or address is never on the command line."""

import sys
from collections.abc import Iterable

import click

from canonical_model.customer import CustomerKey
from cli.terminal import Shop, Terminal, table
from console.customer_look import PURPOSES, CustomerLookError, Look, look_for, turn_page, why
from journal.customer_history import PAGE, HistoryPage, HistoryRow
from journal.journal import Journal
from ports.errors import RejectedError


class CustomerShop(Shop):
    """What the page of the console does, with the same gate."""

    def customer(self) -> click.Command:
        def run(terminal: Terminal, by: str, purpose: str, reason: str, limit: int, before: str) -> None:
            number = _entered(terminal)
            look, page = self._with(
                lambda journal: _looked(journal, terminal, by, number, (purpose, reason), (limit, before))
            )
            answer = {"key": look.key, "shown": look.shown, "rows": page.rows, "older": page.older}
            terminal.answer(answer, _lines(terminal, look, page))
            if not page.rows:
                sys.exit(1)

        return self._command(
            "customer",
            run,
            click.Option(
                ["--by"],
                type=click.Choice([key.value for key in CustomerKey]),
                required=True,
                help=self._help("by"),
            ),
            click.Option(
                ["--purpose"], type=click.Choice(PURPOSES), required=True, help=self._help("purpose")
            ),
            click.Option(["--reason"], required=True, help=self._help("reason")),
            click.Option(
                ["--limit"],
                type=click.IntRange(1, 200),
                default=PAGE,
                show_default=True,
                help=self._help("limit"),
            ),
            click.Option(["--before"], default="", help=self._help("before_key")),
        )


async def _looked(
    journal: Journal,
    terminal: Terminal,
    by: str,
    number: str,
    reasons: tuple[str, str],
    place: tuple[int, str],
) -> tuple[Look, HistoryPage]:
    try:
        look = look_for(journal.keyring, by, number, why(*reasons))
    except CustomerLookError as error:
        raise RejectedError(terminal.text(f"customer_wrong.{error.code}")) from None
    size, before = place
    return look, await turn_page(journal, look, terminal.actor, before=before, size=size)


def _entered(terminal: Terminal) -> str:
    """From a pipe, or asked for without showing it; so it stands in no history of commands."""
    if sys.stdin.isatty():
        return str(click.prompt(terminal.text("customer.number"), hide_input=True, err=True))
    return sys.stdin.readline().strip()


def _lines(terminal: Terminal, look: Look, page: HistoryPage) -> Iterable[str]:
    yield f"{terminal.wording.known('customer_key', look.key)} {look.shown}"
    yield ""
    if not page.rows:
        yield terminal.text("customer.nothing")
    yield from table([_cells(terminal, row) for row in page.rows])
    if page.older:
        yield f"--before {page.older}"


def _cells(terminal: Terminal, row: HistoryRow) -> tuple[str, ...]:
    wording, case, citizen = terminal.wording, row.case, row.citizen
    answered = terminal.text("customer.yes") if row.answered else terminal.text("customer.no")
    first_line = f" ({terminal.text('customer.first_line')})" if row.first_line else ""
    acted = f" ({terminal.text('citizen.represented')})" if citizen.represented else ""
    return (
        case.ref,
        wording.time(case.opened_at),
        wording.known("channel", case.channel),
        wording.known("kind", case.kind),
        case.group,
        terminal.state("case_status", case.status),
        f"{terminal.text('customer.answered')}: {answered}{first_line}",
        terminal.text("customer.erased") if citizen.erased else f"{citizen.name}{acted}",
    )
