"""Puts the website together: settings, keys, doors."""

from collections.abc import Mapping
from typing import Any

from adapters.website.settings import Settings
from adapters.website.signature import secret_key
from adapters.website.webhook import Website
from ports.adapter import Adapter, Tools
from ports.errors import MisconfiguredError
from ports.settings import parsed


def build(settings: Mapping[str, Any], tools: Tools) -> Adapter:
    """The website with its doors. Raises `MisconfiguredError` that names the setting, never its value."""
    checked = parsed(Settings, settings, tools.name)
    website = Website(checked, _keys(checked, tools.name), tools)

    async def check() -> tuple[str, ...]:
        return findings(checked)

    return Adapter(check=check, webhook=website.router())


def findings(settings: Settings) -> tuple[str, ...]:
    """What an administrator should look at; nothing outside is asked, the website comes to us."""
    found: list[str] = []
    if not settings.secrets and not settings.senders:
        found.append("nobody can post: set `secrets` for /json or `senders` for the other doors")
    tokens = [token.get_secret_value() for sender in settings.senders.values() for token in sender.tokens]
    if len(set(tokens)) < len(tokens):
        found.append("two senders share a token: give each its own")
    return tuple(found)


def _keys(settings: Settings, name: str) -> tuple[bytes, ...]:
    try:
        return tuple(secret_key(secret.get_secret_value()) for secret in settings.secrets)
    except ValueError as error:
        raise MisconfiguredError(f"{name}: secrets: {error}") from None
