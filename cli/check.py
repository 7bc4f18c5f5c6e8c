"""`wegwijzer check` and `wegwijzer products`: is everything set up right, and what does the catalogue offer?"""

import asyncio
import json
import sys
from contextlib import AsyncExitStack

import click
from sqlalchemy.exc import SQLAlchemyError

from canonical_model.contact import Language
from canonical_model.product import Product
from cli.complaints import dutch
from cli.program import BuildHub, Hub, Program, idle, in_plain_words
from console.letters import left_out
from ports.adapter import Adapter
from ports.errors import HubError, MisconfiguredError
from ports.products import Products
from routes.configuration import Dispatch
from routes.dispatch import wrong_examples
from routes.letter_check import wrong_texts
from settings import Configuration, in_words
from telemetry.logs import configure_logging

Result = tuple[str, tuple[str, ...]]
"""A part, and what is wrong with it; () = nothing."""


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Eén JSON-object in plaats van regels.")
@click.pass_obj
def check(program: Program, as_json: bool) -> None:  # noqa: FBT001 - click passes by name
    """Nakijken of alles klopt: instellingen, voorbeelden van de verdeeltabel, journaal, elke adapter."""
    configure_logging(as_json=False, stream=sys.stderr)
    results = asyncio.run(run_checks(program.build_hub, program.configuration()))
    if as_json:
        click.echo(json.dumps({name: list(wrong) for name, wrong in results}))
    else:
        said = dutch().said
        for name, wrong in results:
            click.echo(
                f"{'FOUT' if wrong else 'ok':5} {name}" + "".join(f"\n      - {said(one)}" for one in wrong)
            )
    sys.exit(any(wrong for _, wrong in results))


@click.command()
@click.argument("words", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="Eén JSON-object in plaats van regels.")
@click.pass_obj
def products(program: Program, words: tuple[str, ...], as_json: bool) -> None:  # noqa: FBT001 - click passes by name
    """In de productencatalogus zoeken, zoals het loket: nummer, naam en versie, voor de verdeeltabel."""
    configure_logging(as_json=False, stream=sys.stderr)
    with in_plain_words():
        found = asyncio.run(_found_products(program, " ".join(words)))
    rows = [
        {
            "product": one.id,
            "name": one.text(Language.NL).name,
            "version": one.version,
            "modified": one.modified.isoformat(),
        }
        for one in found
    ]
    if as_json:
        click.echo(json.dumps(rows))
        return
    for row in rows:
        click.echo("{product:>8} {name} ({version}, {modified:.10})".format(**row))
    if not rows:
        click.echo("Niets gevonden.")


async def run_checks(build_hub: BuildHub, configuration: Configuration) -> list[Result]:
    """Every part with what is wrong with it; changes nothing outside."""
    routes = configuration.routes
    found: list[Result] = [
        ("dispatch", wrong_examples(routes.dispatch)),
        ("texts", wrong_texts(routes.texts)),
    ]
    async with AsyncExitStack() as opened:
        try:
            hub = await opened.enter_async_context(idle(build_hub, configuration))
        except (HubError, SQLAlchemyError, OSError, RuntimeError) as error:
            return [*found, ("journal", (in_words(error),))]
        found += [("journal", ()), await _checked_letters(hub)]
        found += [(name, (reason,)) for name, reason in hub.quarantined.items()]
        for name, adapter in hub.adapters.items():
            found.append((name, await _checked_adapter(adapter, routes.dispatch)))
            if adapter.products:
                wrong = await _checked_products(adapter.products, routes.dispatch)
                found.append((f"dispatch, products of {name}", wrong))
    return found


async def _checked_letters(hub: Hub) -> Result:
    useless = left_out(await hub.journal.letter_texts.in_force())
    return "letters", tuple(f"{one}: saved in the console, but of no use any more" for one in useless)


async def _checked_adapter(adapter: Adapter, dispatch: Dispatch) -> tuple[str, ...]:
    try:
        wrong = await adapter.check()
        if adapter.tracker:
            wrong += await adapter.tracker.ensure_ready([group.name for group in dispatch.group])
    except HubError as error:
        return (error.what,)
    known = {area.name for area in dispatch.area}
    wrong += tuple(
        f"area {name!r} is not in [[area]] of the dispatch table"
        for name in adapter.areas
        if name not in known
    )
    return tuple(dict.fromkeys(wrong))


async def _checked_products(products: Products, dispatch: Dispatch) -> tuple[str, ...]:
    """Whether the catalogue knows the products that the dispatch table names, and still offers them."""
    wrong: list[str] = []
    for rule in dispatch.rule:
        for number in rule.product:
            try:
                product = await products.get(number)
            except HubError as error:
                return (*wrong, error.what)
            if product is None:
                wrong.append(f"rule {rule.name!r} names product {number}, which the catalogue does not know")
            elif product.withdrawn:
                name = product.text(Language.NL).name
                wrong.append(f"rule {rule.name!r} names product {number} ({name}), which was withdrawn")
    return tuple(wrong)


async def _found_products(program: Program, text: str) -> tuple[Product, ...]:
    async with idle(program.build_hub, program.configuration()) as hub:
        if not hub.catalogue.available:
            raise MisconfiguredError("this hub has no product catalogue: add [adapters.ipdc] to hub.toml")
        return await hub.catalogue.search(text)
