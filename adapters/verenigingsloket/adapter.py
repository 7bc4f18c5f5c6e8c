"""Puts the Verenigingsloket together: settings, pages, the door for submissions, names from the Verenigingsregister."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter

from adapters.acmidm.assembly import assembled
from adapters.acmidm.register import NameEnricher
from adapters.verenigingsloket.settings import Settings
from adapters.verenigingsloket.translate import CUSTOMER
from adapters.verenigingsloket.webhook import door_of, site_of
from ports.adapter import Adapter, Tools
from ports.settings import parsed


def build(settings: Mapping[str, Any], tools: Tools) -> Adapter:
    """The portal with its pages and door. Raises `MisconfiguredError` that names the setting, never its value."""
    set_up = parsed(Settings, settings, tools.name)
    router = APIRouter()
    site = site_of(set_up.pages, set_up, tools) if set_up.pages else None
    door = door_of(set_up.submissions, set_up, tools) if set_up.submissions else None
    for part in (site, door):
        if part:
            part.add_to(router)
    register = set_up.register_
    enricher = NameEnricher(f"{tools.name}/register", CUSTOMER, register, tools.clock) if register else None
    return assembled(router=router, site=site, doors=[door] if door else [], enricher=enricher)
