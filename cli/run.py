"""`wegwijzer run` and `wegwijzer reload`: the hub itself, and telling it to read its files again."""

import asyncio
import gc
import json
import re
import signal
import sys
from dataclasses import asdict

import click

from cli.program import Program, in_plain_words, run_loop
from settings import ROLES, reloadable
from settings.sections import ADDRESS
from telemetry.logs import configure_logging, log_the_unforeseen
from worker.presence import Told, ask_to_reload


def _address(_context: click.Context, _option: click.Parameter, value: str) -> str:
    if value and not re.fullmatch(ADDRESS, value):
        raise click.BadParameter(f"{value!r} is geen ADRES:POORT, zoals 127.0.0.1:8080")
    return value


@click.command()
@click.option(
    "--role", "roles", multiple=True, type=click.Choice(ROLES), help="Alleen deze onderdelen; standaard alle."
)
@click.option(
    "--listen",
    metavar="ADRES:POORT",
    default="",
    callback=_address,
    help="In plaats van `listen` in het configuratiebestand.",
)
@click.option("--log-json/--log-text", default=False, help="Logregels als JSON, zoals in productie.")
@click.pass_obj
def run(program: Program, roles: tuple[str, ...], listen: str, log_json: bool) -> None:  # noqa: FBT001 - click passes by name
    """Wegwijzer laten draaien tot SIGTERM of Ctrl-C."""
    configure_logging(as_json=log_json, stream=sys.stderr)
    log_the_unforeseen()
    run_loop(_run(program, roles or ROLES, listen))


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Eén JSON-object in plaats van regels.")
@click.pass_obj
def reload(program: Program, as_json: bool) -> None:  # noqa: FBT001 - click passes by name
    """De verdeeltabel en de teksten opnieuw inlezen, in elk proces op deze machine; bij een fout blijft alles zoals het was."""
    with in_plain_words():
        fresh = reloadable(program.file)
    told = asyncio.run(ask_to_reload(fresh.processes, patience=10))
    if as_json:
        click.echo(json.dumps([asdict(one) for one in told]))
    else:
        _show(told)
    sys.exit(any(one.refused or one.version != fresh.routes.version for one in told))


async def _run(program: Program, roles: tuple[str, ...], listen: str) -> None:
    hub = program.build_hub(program.configuration(), roles, listen=listen)
    loop = asyncio.get_running_loop()
    for wish in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(wish, hub.stop)
    loop.add_signal_handler(signal.SIGHUP, hub.ask_to_reload)
    await hub.run(once_begun=_settle_memory)


def _settle_memory() -> None:
    """What was loaded stays for good: the garbage collector need not look at it again with every round."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def _show(told: list[Told]) -> None:
    for one in told:
        click.echo(f"{'FOUT' if one.refused else 'ok':5} {one.pid} {one.version} {one.refused}".rstrip())
    if not told:
        click.echo("Hier draait geen Wegwijzer met deze configuratie.")
