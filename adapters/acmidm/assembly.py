"""Puts a portal together from its parts: pages, doors, an enricher; and settings from what stands in `hub.toml`."""

from collections.abc import Sequence

from fastapi import APIRouter

from adapters.acmidm.api import PostDoor
from adapters.acmidm.register import NameEnricher
from adapters.acmidm.site import Site
from ports.adapter import Adapter


def assembled(
    *, router: APIRouter, site: Site | None, doors: Sequence[PostDoor], enricher: NameEnricher | None = None
) -> Adapter:
    """The adapter: its check asks the providers for what they publish, its close lets go of connections."""

    async def check() -> tuple[str, ...]:
        found: list[str] = []
        if site:
            found += await site.provider.findings(site.scopes)
        for door in doors:
            found += await door.provider.findings(())
        if not site and not doors:
            found.append("nobody can come in: set `pages`, a door, or both")
        return tuple(found)

    async def close() -> None:
        for one in (site.provider if site else None, *[door.provider for door in doors], enricher):
            if one:
                await one.close()

    return Adapter(check=check, close=close, webhook=router, enricher=enricher)
