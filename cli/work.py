"""The work list in a terminal, and erasing a case for good: `wegwijzer work` and `wegwijzer erase`."""

from collections.abc import Iterable

import click

from cli.terminal import Shop, Terminal, table
from journal.erasures import Erasure, erasure_of
from journal.journal import Journal
from journal.work_items import PAGE, ItemPage, open_items
from ports.errors import RejectedError


class WorkShop(Shop):
    """What asks for a person; and what a citizen may ask for."""

    def work(self) -> click.Command:
        """Open work items, the oldest first."""

        def run(terminal: Terminal, limit: int, after: str) -> None:
            page = self._with(
                lambda journal: journal.database.read(
                    lambda connection: open_items(connection, after=after, size=limit)
                )
            )
            terminal.answer(page, _lines(terminal, page))

        return self._command(
            "work",
            run,
            click.Option(
                ["--limit"],
                type=click.IntRange(1, 500),
                default=PAGE,
                show_default=True,
                help=self._help("limit"),
            ),
            click.Option(["--after"], default="", help=self._help("after")),
        )

    def erase(self) -> click.Command:
        """Destroy what is known of a case, here and where others show it."""

        def run(terminal: Terminal, ref: str, reason: str, *, yes: bool) -> None:
            ref = ref.strip().upper()
            if not yes:
                click.confirm(terminal.text("erase.sure", ref=ref), abort=True, err=True)
            try:
                erased, found = self._with(lambda journal: _erased(journal, ref, terminal.actor, reason))
            except RejectedError:
                self._leave(terminal.text("search.nothing"))
            answer = {"case": ref, "erased": erased, "asked": found.steps, "by_hand": found.by_hand}
            terminal.answer(answer, _erasure_lines(terminal, erased, found))

        return self._command(
            "erase",
            run,
            click.Argument(["ref"]),
            self._reason(),
            click.Option(["--yes"], is_flag=True, help=self._help("yes")),
        )


async def _erased(journal: Journal, ref: str, actor: str, reason: str) -> tuple[int, Erasure]:
    """May be repeated: then nothing more is erased, and the report is that of now."""
    erased = await journal.erase_case(ref, actor, reason)
    return erased, await journal.database.read(lambda connection: erasure_of(connection, ref))


def _erasure_lines(terminal: Terminal, erased: int, found: Erasure) -> Iterable[str]:
    yield terminal.text("erase.done", count=erased)
    if found.steps:
        yield terminal.text("erase.asked")
        yield from table(
            [
                (
                    one.system,
                    terminal.wording.known("action", one.action),
                    terminal.state("effect_state", one.state),
                    one.reason,
                )
                for one in found.steps
            ]
        )
    if waiting := [one for one in found.by_hand if one.closed_at is None]:
        yield terminal.text("erase.by_hand")
        yield from (f"- {one.what}" for one in waiting)


def _lines(terminal: Terminal, page: ItemPage) -> Iterable[str]:
    if not page.rows:
        yield terminal.text("work.none")
    yield from table(
        [(row.case_ref, terminal.wording.time(row.opened_at), row.group, row.what) for row in page.rows]
    )
    if page.newer:
        yield f"--after {page.newer}"
