"""The journal in safe keeping: `wegwijzer backup`, `restore`, `restore-check`, `migrate`, `database-roles`."""

import asyncio
import json
import sys
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from pathlib import Path

import click

from cli.program import Program, in_plain_words
from cli.terminal import actor_here
from journal.backup import back_up, put_back
from journal.migrate import bring_up_to_date
from journal.restoring import Standing
from journal.rights import statements
from ports.clock import SystemClock
from ports.errors import MisconfiguredError
from settings import Configuration
from telemetry.logs import configure_logging
from worker.places import alone_on
from worker.presence import present


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--json", "as_json", is_flag=True, help="Eén JSON-object in plaats van regels.")
@click.pass_obj
def backup(program: Program, folder: Path, as_json: bool) -> None:  # noqa: FBT001 - click passes by name
    """Een volledige kopie van het journaal in FOLDER, terwijl Wegwijzer voortwerkt."""
    with in_plain_words():
        copy = back_up(program.configuration().journal_url, folder, SystemClock().now())
    click.echo(
        json.dumps(asdict(copy)) if as_json else f"{copy.file}: {copy.bytes} bytes, sha256 {copy.sha256}"
    )


@click.command()
@click.argument("copy", required=False, type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--days", default=7, show_default=True, help="Zo lang wordt voor oude zaken eerst nagekeken.")
@click.option(
    "--actor", default="", help="Voor wie u dit doet; uw account op deze machine komt er altijd bij."
)
@click.option("--json", "as_json", is_flag=True, help="Eén JSON-object in plaats van regels.")
@click.pass_obj
def restore(program: Program, copy: Path | None, days: int, actor: str, as_json: bool) -> None:  # noqa: FBT001 - click passes by name
    """Een kopie van het journaal (COPY) terugzetten en klaarmaken, zodat niets dubbel gebeurt. Wegwijzer moet stilstaan.

    Zonder COPY: klaarmaken wat met de middelen van PostgreSQL al teruggezet is.
    """
    configure_logging(as_json=False, stream=sys.stderr)
    with in_plain_words():
        found = asyncio.run(_restored(program, copy, actor_here(actor), days))
    _show(found, as_json=as_json)


@click.command("restore-check")
@click.option("--json", "as_json", is_flag=True, help="Eén JSON-object in plaats van regels.")
@click.pass_obj
def restore_check(program: Program, as_json: bool) -> None:  # noqa: FBT001 - click passes by name
    """Is dit journaal een oudere kopie, en wat ontbreekt er dan? Verandert niets. Uitgang 1: `wegwijzer restore` is nodig."""

    async def look() -> Standing:
        async with program.journal() as journal:
            return await journal.standing()

    with in_plain_words():
        found = asyncio.run(look())
    _show(found, as_json=as_json)
    sys.exit(found.older)


@click.command("migrate")
@click.pass_obj
def migrate_tables(program: Program) -> None:
    """De tabellen bijwerken, als eigenaar van de databank; elk proces doet het ook zelf als het dat mag."""
    configure_logging(as_json=False, stream=sys.stderr)
    configuration = program.configuration()
    configuration.data.mkdir(parents=True, exist_ok=True)
    with in_plain_words():
        bring_up_to_date(configuration.journal_url)
    click.echo("De tabellen zijn bij.")


@click.command("database-roles")
@click.option("--prefix", default="wegwijzer", show_default=True, help="Begin van de namen.")
def database_roles(prefix: str) -> None:
    """De SQL die in PostgreSQL elke rol geeft wat zij nodig heeft en niet meer; voor psql, als eigenaar."""
    if not prefix.isidentifier() or not prefix.islower():
        raise click.BadParameter("letters, cijfers en _ in kleine letters", param_hint="--prefix")
    for statement in statements(prefix):
        click.echo(f"{statement};")


async def _restored(program: Program, copy: Path | None, actor: str, days: int) -> Standing:
    configuration = program.configuration()
    with _nobody_else(configuration):
        if any(present(configuration.processes)):
            raise MisconfiguredError("the hub still runs on this machine: stop it first")
        if copy:
            put_back(configuration.journal_url, copy, SystemClock().now())
        async with program.journal() as journal:
            return await journal.restored(actor, days)


def _nobody_else(configuration: Configuration) -> AbstractContextManager[object]:
    """Held while the journal is put back, where it belongs to one process."""
    return alone_on(configuration.data) if configuration.embedded else nullcontext()


def _show(found: Standing, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(asdict(found)))
        return
    unfinished = ", ".join(f"{name} {count}" for name, count in sorted(found.unfinished.items())) or "geen"
    click.echo(f"Ouder dan wat al gebeurd is: {'ja' if found.older else 'nee'}")
    click.echo(f"Stappen die eerst nagekeken worden: {unfinished}")
    click.echo(f"Opnieuw te wissen: {', '.join(found.to_erase) or 'geen'}")
    click.echo(f"Zaken die dit journaal niet kent: {len(found.missing)}")
    for ref in found.missing[:50]:
        click.echo(f"  {ref}")
    if found.missing:
        click.echo(
            "Bied hun berichten opnieuw aan (mail: terug naar het postvak IN); ze krijgen hetzelfde nummer."
        )
