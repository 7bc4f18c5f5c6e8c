"""Reads `hub.toml` and what it names."""

import hmac
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Final, TypedDict

from pydantic import ValidationError

from adapters.discovery import manifest
from ports.errors import HubError, MisconfiguredError
from ports.lines import broker_line, journal_line, refuse_password
from ports.secrets import FileAndEnvironmentSecrets, Secrets
from ports.settings import complaints
from routes.configuration import (
    Dispatch,
    DispatchError,
    RouteConfiguration,
    parse_dispatch,
    parse_texts,
    version_of,
)
from routes.dispatch import wrong_examples
from routes.letter_check import wrong_texts
from settings.sections import LONGEST_SYSTEM, Settings

ROLES: Final = ("intake", "worker", "listener", "scheduler", "console")
"""What a process of the hub may do; `hub.py` says what each runs."""
_API: Final = "api"
"""What the sources and targets of the API for existing systems begin with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """Everything that was read, and where from."""

    settings: Settings
    file: Path
    folder: Path
    secrets: Secrets = field(repr=False)
    routes: RouteConfiguration

    @property
    def data(self) -> Path:
        """The data folder."""
        return self.folder / self.settings.hub.data

    @property
    def processes(self) -> Path:
        """The folder in which the processes on this machine say that they live."""
        return self.data / "processes"

    @property
    def apart(self) -> Path:
        """The folder of what must outlive the journal."""
        named = self.settings.journal.apart
        return self.folder / named if named else self.data / "apart"

    @property
    def embedded(self) -> bool:
        """Whether the journal is a file of one process: SQLite."""
        return self.journal_url.startswith("sqlite")

    @property
    def journal_url(self) -> str:
        """Where the journal is."""
        journal = self.settings.journal
        if not journal.url:
            return f"sqlite:///{self.data / 'journal.db'}"
        url = _revealed(journal.url, "journal", self.secrets)
        return journal_line(url, ca_file=journal.ca_file, plaintext=journal.plaintext)

    @property
    def broker_url(self) -> str:
        """Where the broker is."""
        broker = self.settings.broker
        return broker_line(_revealed(broker.url, "broker", self.secrets), plaintext=broker.plaintext)

    def key(self, purpose: str) -> bytes:
        """The secret key of this hub for one purpose."""
        return _key(self.secrets, purpose)

    def filled_in(self, value: Any) -> Any:
        """Settings with "secret:<name>" replaced by that secret, and "file:<path>" by the path from this configuration."""
        if isinstance(value, dict):
            return {key: self.filled_in(one) for key, one in value.items()}  # pyright: ignore[reportUnknownVariableType]
        if isinstance(value, list):
            return [self.filled_in(one) for one in value]  # pyright: ignore[reportUnknownVariableType]
        if isinstance(value, str) and value.startswith("secret:"):
            return self.secrets.get(value.removeprefix("secret:"))
        if isinstance(value, str) and value.startswith("file:"):
            return str(self.folder / value.removeprefix("file:"))
        return value


def load(path: Path) -> Configuration:
    """Read `hub.toml` and what it names; `MisconfiguredError` says which setting is wrong and why."""
    text = _read(path)
    try:
        settings = Settings.model_validate(tomllib.loads(text))
    except (tomllib.TOMLDecodeError, ValidationError) as error:
        raise MisconfiguredError(f"{path.name}: {in_words(error)}") from error
    folder = path.parent.resolve()
    secrets = FileAndEnvironmentSecrets(folder / settings.hub.secrets)
    routes = _routes(settings, text, folder, secrets)
    found = Configuration(settings=settings, file=path, folder=folder, secrets=secrets, routes=routes)
    _ = found.journal_url, found.broker_url  # a line that is not safe is told now
    return found


def reloadable(path: Path) -> Configuration:
    """What `load` reads, when its dispatch table also does what its examples ask and no text says too much.

    `MisconfiguredError` if not.
    """
    fresh = load(path)
    if wrong := wrong_examples(fresh.routes.dispatch):
        raise MisconfiguredError(f"dispatch table: {'; '.join(wrong)}")
    if wrong := wrong_texts(fresh.routes.texts):
        raise MisconfiguredError(f"texts: {'; '.join(wrong)}")
    return fresh


def refuse_not_running(fresh: Configuration, running: Settings) -> None:
    """An adapter that came with the new file is not there before a restart: nothing may be sent to it.

    Raises `MisconfiguredError` that names where the new file does.
    """
    for where, name in _named_outside(fresh.settings, fresh.routes.dispatch).items():
        if name not in running.adapters:
            raise MisconfiguredError(f"{where} is {name!r}, which does not run yet: restart the hub first")


def shipped_texts() -> dict[str, str]:
    """The texts of mails that come along: TOML by language."""
    return texts_in(resources.files("routes") / "texts")


def texts_in(folder: Traversable) -> dict[str, str]:
    """The texts of mails in a folder: TOML by language."""
    return {
        file.name.removesuffix(".toml"): file.read_text("utf-8")
        for file in folder.iterdir()
        if file.name.endswith(".toml")
    }


def in_words(error: Exception) -> str:
    """What is wrong, for whoever reads the log or the terminal; values of settings are not told."""
    if isinstance(error, ValidationError):
        return complaints(error)
    return error.what if isinstance(error, HubError) else str(error)


def _routes(settings: Settings, text: str, folder: Path, secrets: Secrets) -> RouteConfiguration:
    """All that decisions depend on, by a version that differs when any of it does."""
    dispatch_text = _read(folder / settings.hub.dispatch)
    shipped = shipped_texts()
    own = _own_texts(folder / settings.hub.texts) if settings.hub.texts else {}
    try:
        dispatch = parse_dispatch(dispatch_text)
        return RouteConfiguration(
            dispatch=dispatch,
            texts=parse_texts(own, parse_texts(shipped)),
            city=settings.hub.city,
            mail_domain=settings.hub.mail_domain,
            pseudonym_key=_key(secrets, "pseudonyms"),
            version=version_of(text, dispatch_text, *sorted(shipped.values()), *sorted(own.values())),
            informed=frozenset(_informed(settings)),
            **_outside(settings, dispatch),
        )
    except DispatchError as error:
        raise MisconfiguredError(str(error)) from error


class _Outside(TypedDict):
    board: str
    notices: str
    crews: frozenset[str]


def _outside(settings: Settings, dispatch: Dispatch) -> _Outside:
    """The adapters that tell customers and field teams; `MisconfiguredError` names one that hub.toml lacks.

    A field team that no rule names any more still is one: it may have orders from before.
    """
    for where, name in _named_outside(settings, dispatch).items():
        if name not in settings.adapters:
            raise MisconfiguredError(f"{where} is {name!r}: add [adapters.{name}] to hub.toml")
    crews = {rule.crew for rule in dispatch.rule if rule.crew}
    crews |= {name for name, section in settings.adapters.items() if _is_crew(section)}
    return _Outside(board=settings.answers.board, notices=settings.answers.notices, crews=frozenset(crews))


def _named_outside(settings: Settings, dispatch: Dispatch) -> dict[str, str]:
    """The adapters that the answers and the dispatch table name, by where they do."""
    named = {"[answers] board": settings.answers.board, "[answers] notices": settings.answers.notices}
    named |= {f"dispatch table: crew of rule {rule.name!r}": rule.crew for rule in dispatch.rule}
    return {where: name for where, name in named.items() if name}


def _is_crew(section: Mapping[str, Any]) -> bool:
    ours = manifest(str(section.get("system", "")))
    return ours is not None and "crew" in ours["ports"]


def _informed(settings: Settings) -> Iterable[str]:
    """The targets through which systems hear of the cases that they brought."""
    if _API in settings.adapters:
        raise MisconfiguredError(f"adapters.{_API}: this name belongs to the API for existing systems")
    yield from settings.api.told()
    for name, section in settings.adapters.items():
        for target in _informed_by(name, section):
            refuse_long(target)
            yield target


def refuse_long(system: str) -> None:
    """Raises `MisconfiguredError` for a name of a system that the journal has no room for."""
    if len(system) > LONGEST_SYSTEM:
        raise MisconfiguredError(
            f"{system!r} has {len(system)} signs, the journal takes {LONGEST_SYSTEM}: choose shorter names"
        )


def _informed_by(name: str, section: Mapping[str, Any]) -> tuple[str, ...]:
    """Who behind this adapter wants news: by its manifest, or as its section says.

    The manifest's `parts` names the setting whose entries are systems of their own, each told by itself.
    """
    ours = manifest(str(section.get("system", ""))) or {"ports": []}
    if not section.get("informed", "informed" in ours["ports"]):
        return ()
    parts = ours.get("parts", "")
    return tuple(f"{name}/{part}" for part in section.get(parts, {})) if parts else (name,)


def _revealed(url: str, section: str, secrets: Secrets) -> str:
    """An address, or the secret that holds it. A password to another machine may not stand in `hub.toml`."""
    if url.startswith("secret:"):
        return secrets.get(url.removeprefix("secret:"))
    refuse_password(url, section)
    return url


def _key(secrets: Secrets, purpose: str) -> bytes:
    return hmac.new(bytes.fromhex(secrets.get("hash_key")), purpose.encode(), sha256).digest()


def _own_texts(folder: Path) -> dict[str, str]:
    try:
        return texts_in(folder)
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(folder, error) from error


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError | UnicodeDecodeError) -> MisconfiguredError:
    why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
    return MisconfiguredError(f"can't read {path}: {why}")
