"""Puts Mijn Burgerprofiel together: settings, pages, the door for reports."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter

from adapters.acmidm.assembly import assembled
from adapters.mijn_burgerprofiel.settings import Settings
from adapters.mijn_burgerprofiel.webhook import ReportDoor, site_of
from ports.adapter import Adapter, Tools
from ports.settings import parsed


def build(settings: Mapping[str, Any], tools: Tools) -> Adapter:
    """The portal with its pages and doors. Raises `MisconfiguredError` that names the setting, never its value."""
    set_up = parsed(Settings, settings, tools.name)
    router = APIRouter()
    site = site_of(set_up.pages, set_up, tools) if set_up.pages else None
    reports = ReportDoor(set_up, tools) if set_up.reports else None
    for part in (site, reports):
        if part:
            part.add_to(router)
    return assembled(router=router, site=site, doors=[reports.door] if reports else [])
