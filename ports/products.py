"""The product catalogue: what the city offers, and what it answers about that. One text for every channel."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from zoneinfo import ZoneInfo

from canonical_model.contact import Language
from canonical_model.product import Product, source_mark

MOST = 50
"""Products in one answer, at most."""
_BRUSSELS = ZoneInfo("Europe/Brussels")
_ACCENTS = re.compile("[\u0300-\u036f]")
_LONGEST = 200
_WORDS = 10


class Products(Protocol):
    """Questions about products. Nothing here changes anything."""

    @property
    def available(self) -> bool:
        """Whether there is a catalogue at all; where there is none, pages need not offer to search it."""
        ...

    async def search(
        self, text: str, language: Language = Language.NL, limit: int = 20
    ) -> tuple[Product, ...]:
        """What the city offers now that fits this number or all of these words, the best first.

        Case and accents do not matter, part of a word will do. () when nothing fits or nothing was asked. Raises
        `TransientError` when the catalogue can't be read now.
        """
        ...

    async def get(self, number: str) -> Product | None:
        """The product with this number, also when it is no longer offered; None when the catalogue knows none.

        Raises the errors of `ports.errors` when that can't be found out now.
        """
        ...


class Catalogue:
    """The catalogue of this hub, known to every adapter before it is there; without one, it has no products."""

    def __init__(self) -> None:
        self._products: Products | None = None

    def open(self, products: Products) -> None:
        """From now on, ask this one."""
        self._products = products

    @property
    def available(self) -> bool:
        return self._products is not None and self._products.available

    async def search(
        self, text: str, language: Language = Language.NL, limit: int = 20
    ) -> tuple[Product, ...]:
        return await self._products.search(text, language, limit) if self._products else ()

    async def get(self, number: str) -> Product | None:
        return await self._products.get(number) if self._products else None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    product: Product
    name: str
    keywords: str
    everything: str


class Index:
    """Products, ready to be searched as `Products.search` promises. `earlier` spares work for those that it holds too."""

    def __init__(self, products: Iterable[Product] = (), *, earlier: "Index | None" = None) -> None:
        self._entries = {one.id: (earlier.entry(one) if earlier else None) or _entry(one) for one in products}

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, number: str) -> Product | None:
        """The product with this number."""
        entry = self._entries.get(number)
        return entry.product if entry else None

    def entry(self, product: Product) -> "_Entry | None":
        """What this very product is found by."""
        entry = self._entries.get(product.id)
        return entry if entry and entry.product is product else None

    def search(self, text: str, language: Language, limit: int, at: datetime) -> tuple[Product, ...]:
        """What is offered at this moment and fits, the best first."""
        wanted = folded(text[:_LONGEST])
        words = wanted.split()[:_WORDS]
        if not words:
            return ()
        scored = [
            (rank, folded(entry.product.text(language).name), int(entry.product.id), entry.product)
            for entry in self._entries.values()
            if (rank := _rank(entry, wanted, words)) is not None and entry.product.is_offered(at)
        ]
        return tuple(product for *_, product in sorted(scored, key=lambda one: one[:3])[: min(limit, MOST)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A product as an employee sees it, in the customer's language.

    `answer` is what every channel tells; `modified` is in Brussels' time; `source` comes back with what was answered.
    """

    id: str
    name: str
    description: str
    answer: str
    version: str
    modified: str
    source: str


def offer(product: Product, language: Language) -> Offer:
    """A product to show; a language that it lacks is replaced by one that it has."""
    text = product.text(language)
    return Offer(
        id=product.id,
        name=text.name,
        description=text.description,
        answer=text.answer,
        version=product.version,
        modified=f"{product.modified.astimezone(_BRUSSELS):%d/%m/%Y %H:%M}",
        source=source_mark(product.source),
    )


def folded(text: str) -> str:
    """Lower case, without accents, with single spaces."""
    if not text.isascii():
        text = _ACCENTS.sub("", unicodedata.normalize("NFKD", text))
    return " ".join(text.casefold().split())


def _entry(product: Product) -> _Entry:
    texts = product.texts.values()
    return _Entry(
        product=product,
        name=folded(" \n ".join(one.name for one in texts)),
        keywords=folded(" ".join(word for one in texts for word in (one.name, *one.keywords))),
        everything=folded(
            " ".join(part for one in texts for part in (one.name, *one.keywords, one.description, one.answer))
        ),
    )


def _rank(entry: _Entry, wanted: str, words: list[str]) -> int | None:
    """How well it fits, 0 the best; None: not at all."""
    if wanted == entry.product.id:
        return 0
    if entry.name.startswith(wanted):
        return 1
    if all(f" {word}" in f" {entry.name}" for word in words):
        return 2
    for rank, where in ((3, entry.name), (4, entry.keywords), (5, entry.everything)):
        if all(word in where for word in words):
            return rank
    return None
