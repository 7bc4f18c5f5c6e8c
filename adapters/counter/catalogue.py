"""Products as clerks see them: the city's own short list first, then everything in the product catalogue."""

import re

import structlog

from adapters.counter.registration import product_code
from adapters.counter.settings import Settings
from canonical_model.contact import Language
from canonical_model.product import Product
from ports.errors import AdapterError
from ports.products import Offer, Products, folded, offer

log = structlog.get_logger()

SHOWN = 8
"""Products in one answer: who has a customer in front of them can't read more."""
_NUMBER = re.compile(r"(?:.*\()?([0-9]{1,12})\)?\s*")


class Shelf:
    """What a clerk can choose from. Without a catalogue: the products of the settings."""

    def __init__(self, settings: Settings, products: Products) -> None:
        self._settings = settings
        self._products = products

    @property
    def has_catalogue(self) -> bool:
        """Whether there is anything to search."""
        return self._products.available

    async def search(self, text: str, language: Language) -> list[Offer]:
        """What fits, best first. Raises the errors of `ports.errors`."""
        found = await self._products.search(text, language, SHOWN)
        return [offer(product, language) for product in found]

    async def offer(self, number: str, language: Language) -> Offer | None:
        """One product; None when the catalogue knows none. Raises the errors of `ports.errors`."""
        product = await self._products.get(number)
        return offer(product, language) if product else None

    async def code(self, text: str) -> str | None:
        """Which product a clerk means; "" for none, None when there is no such product.

        A catalogue that is away holds nobody up: a number is then taken as it is.
        """
        known = product_code(text, self._settings.products)
        if known is not None:
            return known
        number = _NUMBER.fullmatch(text)
        try:
            product = await (self._products.get(number[1]) if number else self._named(text))
        except AdapterError as error:
            log.warning("counter_product_not_checked", reason=error.what)
            return number[1] if number else None
        return product.id if product else None

    async def _named(self, text: str) -> Product | None:
        wanted = folded(text)
        found = await self._products.search(text)
        exact = [one for one in found if wanted in {folded(text.name) for text in one.texts.values()}]
        return exact[0] if len(exact) == 1 else None
