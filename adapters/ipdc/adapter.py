"""Implements the product catalogue, the source that fills it, and an enricher that turns a product's address or name into its number."""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import msgspec
import structlog
from msgspec.structs import replace

from adapters.ipdc.client import IpdcClient
from adapters.ipdc.settings import Settings
from adapters.ipdc.store import Read, Store
from adapters.ipdc.translate import (
    Page,
    Reading,
    Unreadable,
    Version,
    page_of,
    resolved_number,
    version_of,
)
from canonical_model.contact import Contact, Language
from canonical_model.identifiers import InvalidIdentifierError, ipdc
from canonical_model.product import Product
from ports.adapter import Adapter, Tools
from ports.clock import Clock
from ports.errors import (
    AdapterError,
    HubError,
    MisconfiguredError,
    NotUnderstoodError,
    RejectedError,
    TransientError,
)
from ports.intake import Inbound
from ports.products import folded
from ports.settings import parsed

log = structlog.get_logger()

PAGES_PER_ROUND = 20
"""Pages after which what was read is saved, at the latest."""
REMEMBERED = 1_000
"""Products that were asked for by their number and that are not in the catalogue, in memory."""


def build(settings: Mapping[str, Any], tools: Tools) -> Adapter:
    """The catalogue. Raises `MisconfiguredError` that names the setting and what to do."""
    checked = parsed(Settings, settings, tools.name)
    client = IpdcClient(checked, tools.clock)
    store = Store(tools.checkpoints, tools.clock, f"{checked.url.rstrip('/')}{checked.feed}")
    catalogue = Ipdc(tools.name, checked, client, store, tools.clock)
    return Adapter(
        check=catalogue.check,
        close=client.close,
        sources=(CatalogueSource(checked, client, store, tools),),
        products=catalogue,
        enricher=catalogue,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _LookedUp:
    product: Product | None
    etag: str
    until: datetime


class Ipdc:
    """Implements `ports.products.Products` and `ports.enricher.Enricher` from what is kept; asks IPDC for a number only."""

    def __init__(self, name: str, settings: Settings, client: IpdcClient, store: Store, clock: Clock) -> None:
        self.name = name
        self._settings = settings
        self._client = client
        self._store = store
        self._clock = clock
        self._reading = Reading(formal=settings.form == "formal", area=settings.area)
        self._looked_up: OrderedDict[str, _LookedUp] = OrderedDict()

    @property
    def available(self) -> bool:
        return True

    async def search(
        self, text: str, language: Language = Language.NL, limit: int = 20
    ) -> tuple[Product, ...]:
        await self._store.look()
        return self._store.index.search(text, language, limit, self._clock.now())

    async def get(self, number: str) -> Product | None:
        await self._store.look()
        if not _is_number(number):
            return None
        return self._store.index.get(number) or await self._look_up(number)

    async def enrich(self, contact: Contact) -> Contact:
        """A product that was named by its address or its name gets its number."""
        if not contact.product or _is_number(contact.product):
            return contact
        number = resolved_number(contact.product) or await self._named(contact.product)
        return replace(contact, product=number) if number else contact

    async def check(self) -> tuple[str, ...]:
        """Whether IPDC answers us, and what we read from it."""
        try:
            if self._settings.feed:
                page = await self._client.page(self._client.start, "")
                if page.content is None:
                    return ("IPDC has no such feed: look at `feed`",)
                _page(page.content, self._reading)
            for number in self._settings.numbers:
                if await self.get(number) is None:
                    return (f"IPDC has no product {number}: look at `numbers`",)
        except HubError as error:
            return (error.what,)
        return ()

    async def _named(self, name: str) -> str:
        wanted = folded(name)
        found = [
            product.id
            for product in await self.search(name)
            if wanted in {folded(text.name) for text in product.texts.values()}
        ]
        return found[0] if len(found) == 1 else ""

    async def _look_up(self, number: str) -> Product | None:
        """A product that is not in the catalogue: asked once, and after a while whether it still holds."""
        now, known = self._clock.now(), self._looked_up.get(number)
        if known and now < known.until:
            return known.product
        try:
            answer = await self._client.product(number, known.etag if known else "")
        except TransientError:
            if known is None:
                raise
            return known.product
        product = known.product if known and answer.unchanged else None
        if answer.content is not None:
            product = _version(answer.content, number, self._reading).product
        until = now + timedelta(hours=self._settings.refresh_hours)
        self._looked_up[number] = _LookedUp(product=product, etag=answer.etag, until=until)
        while len(self._looked_up) > REMEMBERED:
            self._looked_up.popitem(last=False)
        return product


class CatalogueSource:
    """Reads the feed on, and the products that are read by their number. Implements `ports.source.Source`.

    A round may be cut off anywhere: what was not saved is read again, to the same end.
    """

    def __init__(self, settings: Settings, client: IpdcClient, store: Store, tools: Tools) -> None:
        self._settings = settings
        self._client = client
        self._store = store
        self._tools = tools
        self._reading = Reading(formal=settings.form == "formal", area=settings.area)
        self._read_with = msgspec.json.encode(self._reading).decode()
        self._next_look = 0.0

    @property
    def name(self) -> str:
        return self._tools.name

    async def poll(self) -> int:
        if self._tools.clock.monotonic() < self._next_look:
            return 0
        handed_over = 0
        async with self._store.writing():
            if self._store.state.read_with != self._read_with:
                self._store.begin_again(self._read_with)
            at_end = not self._settings.feed
            for _ in range(PAGES_PER_ROUND):
                if at_end or self._client.pause():
                    break
                at_end, unreadable = await self._read_page()
                handed_over += unreadable
            await self._read_numbers()
        rest = self._settings.poll_seconds if at_end else self._client.pause()
        self._next_look = self._tools.clock.monotonic() + rest
        return handed_over

    async def wait(self, seconds: float) -> None:
        due = self._next_look - self._tools.clock.monotonic()
        await asyncio.sleep(min(seconds, max(0.05, due)))

    async def close(self) -> None:
        await self._client.close()

    async def _read_page(self) -> tuple[bool, int]:
        """Read the page at which we are, and move on; whether it was the last, and how many versions went to people."""
        place = self._store.state.place or self._client.start
        answer = await self._client.page(place, self._store.state.etag)
        if answer.unchanged:
            return True, 0
        if answer.content is None:
            raise self._page_is_gone(place)
        page = _page(answer.content, self._reading)
        following = self._client.next_page(page.next) if page.next else place
        if page.next and following == place:
            raise RejectedError("IPDC: a page of the feed is its own next page")
        handed_over = await self._hand_over(page.unreadable)
        if news := self._store.apply(page.versions):
            log.info("catalogue_read", source=self.name, versions=len(page.versions), news=news)
        self._store.move(following, "" if page.next else answer.etag)
        return not page.next, handed_over

    def _page_is_gone(self, place: str) -> AdapterError:
        if place == self._client.start:
            return MisconfiguredError("IPDC has no such feed: look at `feed`")
        self._store.begin_again(self._read_with)
        return TransientError("IPDC: the page at which we were is gone: the feed is read from its beginning")

    async def _hand_over(self, unreadable: tuple[Unreadable, ...]) -> int:
        """To the Invalid Message Channel, before the place moves on; how many were new."""
        receipts = [
            await self._tools.accept(
                Inbound(
                    source=self.name,
                    source_ref=f"version/{sha256(one.raw).hexdigest()}",
                    raw=one.raw,
                    media_type="application/ld+json",
                    problem=one.problem,
                )
            )
            for one in unreadable
        ]
        return sum(not receipt.duplicate for receipt in receipts)

    async def _read_numbers(self) -> None:
        """The products of `numbers` whose time has come, as far as questions are left."""
        now = self._tools.clock.now()
        for number in self._settings.numbers:
            read = self._store.state.read.get(number, Read())
            if now.timestamp() - read.at < self._settings.refresh_hours * 3600:
                continue
            if self._client.pause():
                return
            answer = await self._client.product(number, read.etag)
            if answer.content is not None:
                self._store.apply([_version(answer.content, number, self._reading)])
            elif not answer.unchanged:
                log.warning("product_not_in_catalogue", source=self.name, product=number)
                self._store.withdraw(number, now)
            self._store.note(number, Read(etag=answer.etag, at=now.timestamp()))


def _page(content: bytes, reading: Reading) -> Page:
    try:
        return page_of(content, reading)
    except NotUnderstoodError as problem:
        raise _not_understood(content, problem) from None


def _version(content: bytes, number: str, reading: Reading) -> Version:
    try:
        version = version_of(content, reading)
    except NotUnderstoodError as problem:
        raise _not_understood(content, problem) from None
    if version.product and version.product.id != number:
        raise RejectedError(
            f"IPDC gives another product than the {number} that was asked for: look at `product_path`"
        )
    return version


def _not_understood(content: bytes, problem: NotUnderstoodError) -> AdapterError:
    """A page that was cut off, or HTML in its place, is a bad day; another shape is for people to look at."""
    if content.lstrip()[:1] != b"{" or content.rstrip()[-1:] != b"}":
        return TransientError("IPDC answers with something else than a whole page", detail=problem.what)
    return RejectedError(f"IPDC: did its format change? {problem.what}")


def _is_number(text: str) -> bool:
    try:
        return ipdc(text).value == text
    except InvalidIdentifierError:
        return False
