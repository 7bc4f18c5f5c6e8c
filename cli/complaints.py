"""What goes wrong at a command line, in the words of who sits at it.

Dutch first: what the catalogue knows is said in Dutch; of the rest the sort of failure is, with the English detail
behind it, which an administrator hands on as it is.
"""

from collections.abc import Generator
from contextlib import contextmanager
from functools import cache
from typing import IO, Any

import click

from console.wording import Wording, load
from ports.errors import HubError, MisconfiguredError, RejectedError, TransientError


def complaint(error: HubError, wording: Wording) -> str:
    """What is wrong, in this language."""
    said = wording.said(error.what)
    if said != error.what or wording.language == "en":
        return said
    match error:
        case MisconfiguredError():
            return wording.text("complaint.misconfigured", detail=error.what)
        case TransientError():
            return wording.text("complaint.transient", detail=error.what)
        case RejectedError():
            return wording.text("complaint.rejected", detail=error.what)
        case _:
            return wording.text("complaint.failed", detail=error.what)


class Complaint(click.ClickException):
    """A failure of the hub, for commands that speak one language."""

    def __init__(self, error: HubError) -> None:
        super().__init__(complaint(error, dutch()))

    def show(self, file: IO[Any] | None = None) -> None:
        _tell(self.message, file)


class Misuse(click.UsageError):
    """A command line that can't be understood. Click would say so in English."""

    def __init__(self, error: click.UsageError) -> None:
        super().__init__(_misuse(error), error.ctx)

    def show(self, file: IO[Any] | None = None) -> None:
        if self.ctx:
            usage = self.ctx.get_usage().partition(" ")[2]
            click.echo(dutch().text("complaint.usage", usage=usage), file=file, err=True)
            click.echo(dutch().text("complaint.help", command=self.ctx.command_path), file=file, err=True)
        _tell(self.message, file)


class DutchGroup(click.Group):
    """The group of all commands: who misuses one of them hears so in Dutch."""

    def make_context(self, *args: Any, **more: Any) -> click.Context:
        with _in_dutch():
            return super().make_context(*args, **more)

    def invoke(self, ctx: click.Context) -> Any:
        with _in_dutch():
            return super().invoke(ctx)


@cache
def dutch() -> Wording:
    """The language of who administers the hub."""
    return load("Europe/Brussels")["nl"]


@contextmanager
def _in_dutch() -> Generator[None]:
    try:
        yield
    except Misuse:
        raise
    except click.UsageError as error:
        raise Misuse(error) from error


def _misuse(error: click.UsageError) -> str:
    words = dutch()
    match error:
        case click.NoSuchOption():
            return words.text("complaint.no_option", name=error.option_name)
        case click.MissingParameter():
            return words.text("complaint.missing", name=_name_of(error))
        case click.BadParameter():
            return words.text("complaint.bad_value", name=_name_of(error), detail=error.message)
        case _ if error.message.startswith("No such command"):  # a class of its own from click 8.4 on
            return words.text("complaint.no_command", name=error.message.split("'")[1])
        case _:
            return words.text("complaint.misused", detail=error.format_message())


def _name_of(error: click.BadParameter) -> str:
    hint = error.param_hint or (error.param.get_error_hint(error.ctx) if error.param and error.ctx else "")
    return hint if isinstance(hint, str) else " / ".join(hint)


def _tell(message: str, file: IO[Any] | None) -> None:
    click.echo(dutch().text("complaint.error", message=message), file=file, err=True)
