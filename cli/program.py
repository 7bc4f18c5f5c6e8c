"""What every command works with: the configuration file, a hub of it, and its journal."""

import asyncio
import sys
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Iterable, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import click
import uvloop

from cli.complaints import Complaint
from console.letters import deciding
from journal.journal import Journal
from journal.migrate import bring_up_to_date
from ports.adapter import Adapter
from ports.clock import Clock
from ports.errors import HubError
from ports.products import Catalogue
from routes.router import CityRoutes
from settings import Configuration, load
from telemetry.logs import configure_logging

T = TypeVar("T")


class Hub(Protocol):
    """One process of Wegwijzer: `hub.Hub`, which hands itself to the command line."""

    @property
    def journal(self) -> Journal: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def catalogue(self) -> Catalogue: ...
    @property
    def adapters(self) -> Mapping[str, Adapter]: ...
    @property
    def quarantined(self) -> Mapping[str, str]: ...

    async def run(self, once_begun: Callable[[], None]) -> None: ...
    async def start(self) -> None: ...
    async def serve(self) -> None: ...
    def stop(self) -> None: ...
    def ask_to_reload(self) -> None: ...
    async def close(self) -> None: ...


class BuildHub(Protocol):
    """Builds a hub; without roles, one with all of them."""

    def __call__(
        self, configuration: Configuration, roles: Iterable[str] = ..., *, listen: str = ""
    ) -> Hub: ...


BuildJournal = Callable[[Configuration, str], Journal]
"""The journal of a configuration, not started yet; the second word keeps its numbers apart from other processes'."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """One call of `wegwijzer`; `file` is the configuration file that it names."""

    file: Path
    build_hub: BuildHub
    build_journal: BuildJournal

    def configuration(self) -> Configuration:
        """What the file says; a fault in it ends the command."""
        with in_plain_words():
            return load(self.file)

    @asynccontextmanager
    async def journal(self) -> AsyncGenerator[Journal]:
        """The journal, up to date and open."""
        configuration = self.configuration()
        configure_logging(as_json=False, stream=sys.stderr)
        journal = self.build_journal(configuration, "cli")
        await asyncio.to_thread(bring_up_to_date, configuration.journal_url)
        await journal.start()
        routes = deciding(configuration.routes, await journal.letter_texts.in_force())
        journal.follow(CityRoutes(routes), routes.version)
        try:
            yield journal
        finally:
            await journal.close()


def called() -> Program:
    """The call of `wegwijzer` that is being answered."""
    program: Program = click.get_current_context().find_root().obj
    return program


@contextmanager
def in_plain_words() -> Generator[None]:
    """What is wrong, in Dutch words instead of a traceback."""
    try:
        yield
    except HubError as error:
        raise Complaint(error) from error


def run_loop(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run until the coroutine ends; Ctrl-C ends the command."""
    try:
        with in_plain_words():
            return uvloop.run(coroutine)
    except KeyboardInterrupt:
        sys.exit(130)


@asynccontextmanager
async def idle(build_hub: BuildHub, configuration: Configuration) -> AsyncGenerator[Hub]:
    """A hub whose journal is open and whose adapters may be asked, while nothing of it runs."""
    hub = build_hub(configuration)
    await asyncio.to_thread(bring_up_to_date, configuration.journal_url)
    await hub.journal.start()
    try:
        yield hub
    finally:
        for adapter in hub.adapters.values():
            await adapter.close()
        await hub.journal.close()
