"""A product catalogue in memory."""

from collections.abc import Iterable

from canonical_model.contact import Language
from canonical_model.product import Product
from ports.clock import Clock
from ports.products import Index


class MemoryProducts:
    """Answers from what a test or a training put in."""

    def __init__(self, clock: Clock, products: Iterable[Product] = ()) -> None:
        self._clock = clock
        self._index = Index(tuple(products))

    @property
    def available(self) -> bool:
        return True

    async def search(
        self, text: str, language: Language = Language.NL, limit: int = 20
    ) -> tuple[Product, ...]:
        return self._index.search(text, language, limit, self._clock.now())

    async def get(self, number: str) -> Product | None:
        return self._index.get(number)
