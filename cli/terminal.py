"""What all commands of the console share: how they answer, how they fail, and how they open the journal."""

import asyncio
import os
import pwd
import sys
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn, TypeVar

import click
import msgspec
from sqlalchemy.exc import OperationalError

from cli.complaints import complaint
from console.accounts import PasswordError
from console.wording import LANGUAGES, Wording
from journal.actors import at_terminal
from journal.journal import Journal
from ports.errors import HubError, RejectedError

T = TypeVar("T")

OpenJournal = Callable[[], AbstractAsyncContextManager[Journal]]

_LOGIN: Final = Path("/proc/self/loginuid")
_NOBODY: Final = 2**32 - 1
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


def account() -> str:
    """The account of the operating system that this runs under; no variable of the environment can say otherwise."""
    return _name_of(os.getuid())


def logged_in() -> str:
    """Who logged in before `sudo` made them another, as the kernel's audit knows (loginuid); "" where it does not."""
    try:
        uid = int(_LOGIN.read_text())
    except (OSError, ValueError):
        return ""
    return "" if uid == _NOBODY else _name_of(uid)


def actor_here(told: str) -> str:
    """Who is at the keyboard, for the audit trail: the account, and before it whom `--actor` names or who logged in."""
    return at_terminal(account(), told or logged_in())


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid-{uid}"


class Shop:
    """Makes commands; each opens the journal for itself."""

    def __init__(self, open_journal: OpenJournal, wordings: dict[str, Wording], language: str) -> None:
        self._open = open_journal
        self._wordings = wordings
        self._language = language

    def _command(
        self, name: str, run: Callable[..., None], *parameters: click.Parameter, help_key: str = ""
    ) -> click.Command:
        def callback(*, as_json: bool, lang: str, actor: str, **values: object) -> None:
            terminal = Terminal(json=as_json, wording=self._wordings[lang], actor=actor_here(actor))
            try:
                run(terminal, **values)
            except (RejectedError, PasswordError) as error:
                self._leave(terminal.wording.said(str(error)))
            except HubError as error:
                click.echo(complaint(error, terminal.wording), err=True)
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

    def _leave(self, text: str) -> NoReturn:
        click.echo(text, err=True)
        sys.exit(NOT_FOUND)


def table(rows: Sequence[Sequence[str]]) -> list[str]:
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


def entered_password(terminal: Terminal, *, from_stdin: bool, again: bool = True) -> str:
    """A password, typed (twice when it is a new one) or read from the standard input."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\n")
    return str(click.prompt(terminal.text("login.password"), hide_input=True, confirmation_prompt=again))
