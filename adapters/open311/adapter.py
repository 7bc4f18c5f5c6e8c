"""Puts the report apps' server together: settings, doors, and the source that fetches photos."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from adapters.open311.client import PhotoClient
from adapters.open311.photos import PhotoRules
from adapters.open311.settings import Settings
from adapters.open311.source import PhotoSource
from adapters.open311.waiting import WaitingRoom
from adapters.open311.webhook import Open311
from ports.adapter import Adapter, Tools
from ports.settings import parsed


def build(settings: Mapping[str, Any], tools: Tools) -> Adapter:
    """The server with its photo source. Raises `MisconfiguredError` that names the setting, never its value."""
    checked = parsed(Settings, settings, tools.name)
    client = PhotoClient(
        checked.media_origins, max_bytes=checked.max_file_bytes, seconds=checked.media_seconds
    )
    room = WaitingRoom(tools.checkpoints, checked.apps)
    photos = PhotoSource(
        tools,
        room,
        client,
        apps=tuple(checked.apps),
        rules=PhotoRules(max_files=checked.max_files, max_bytes=checked.max_file_bytes),
        patience=timedelta(hours=checked.media_hours),
    )
    server = Open311(checked, tools, room, client, photos)

    async def check() -> tuple[str, ...]:
        return findings(checked)

    return Adapter(
        check=check,
        close=client.close,
        webhook=server.router(),
        sources=(photos,) if checked.media_origins else (),
    )


def findings(settings: Settings) -> tuple[str, ...]:
    """What an administrator should look at; nothing outside is asked, the apps come to us."""
    found: list[str] = []
    if not settings.apps:
        found.append("nobody can report: set `apps`, each with its own `keys`")
    if not settings.services:
        found.append("nothing can be reported: set `services`")
    keys = [key.get_secret_value() for app in settings.apps.values() for key in app.keys]
    if len(set(keys)) < len(keys):
        found.append("two apps share a key: give each its own, or they see each other's reports")
    found += [
        f"photos from {origin} travel unprotected: use https"
        for origin in settings.media_origins
        if origin.startswith("http://") and not origin.startswith(("http://127.", "http://localhost"))
    ]
    return tuple(found)
