"""The doors of the e-loket for companies: pages for people, and one for the portal's own system."""

from adapters.acmidm.api import PostDoor
from adapters.acmidm.persona import Capacity
from adapters.acmidm.settings import Door, Pages
from adapters.acmidm.site import Portal, Site
from adapters.eloket.settings import Settings
from adapters.eloket.translate import reader
from canonical_model.contact import Channel
from ports.adapter import Tools

PORTAL = Portal(
    system="eloket",
    channel=Channel.ELOKET,
    capacities=frozenset({Capacity.COMPANY}),
    scopes=("openid", "profile", "rrn", "vo"),
)


def site_of(pages: Pages, settings: Settings, tools: Tools) -> Site:
    """The pages for people who act for companies."""
    return Site(PORTAL, pages, settings.limits, settings.categories, tools)


def door_of(door: Door, settings: Settings, tools: Tools) -> PostDoor:
    """`POST /meldingen`."""
    read = reader(door, settings.event_types)
    return PostDoor("/meldingen", door, PORTAL.capacities, settings.limits, read, tools)
