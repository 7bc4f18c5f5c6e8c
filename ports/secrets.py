"""Where secrets come from: files or the environment, never the configuration file."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from ports.errors import MisconfiguredError


class Secrets(Protocol):
    """Looks secrets up by name (lower case, `_` between words)."""

    def get(self, name: str) -> str:
        """The secret; `MisconfiguredError` names what is missing and where it was looked for."""
        ...


class FileAndEnvironmentSecrets:
    """`<folder>/<name>` first, then `WEGWIJZER_<NAME>`; a trailing newline in a file is not part of the secret."""

    def __init__(self, folder: Path | None = None, environ: Mapping[str, str] | None = None) -> None:
        self._folder = folder
        self._environ = os.environ if environ is None else environ

    def get(self, name: str) -> str:
        variable = f"WEGWIJZER_{name.upper()}"
        file = self._folder / name if self._folder else None
        if file and file.is_file():
            return _content(file, name)
        if variable in self._environ:
            return self._environ[variable]
        raise MisconfiguredError(
            f"secret {name!r} is missing: put it in {file or 'a secrets folder'} or {variable}"
        )


def _content(file: Path, name: str) -> str:
    try:
        return file.read_text("utf-8").rstrip("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise MisconfiguredError(
            f"secret {name!r} can't be read from {file}", detail=type(error).__name__
        ) from None


class MemorySecrets:
    """Secrets from a mapping; for tests."""

    def __init__(self, secrets: Mapping[str, str]) -> None:
        self._secrets = dict(secrets)

    def get(self, name: str) -> str:
        try:
            return self._secrets[name]
        except KeyError:
            raise MisconfiguredError(f"secret {name!r} is missing") from None
