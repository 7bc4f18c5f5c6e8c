"""Products in memory answer like the catalogue."""

import pytest

from adapters.memory.products import MemoryProducts
from ports.clock import ManualClock
from ports.contracts.products import NOW, PASSPORT, ProductsContract, sample
from ports.products import Catalogue


class TestMemoryProducts(ProductsContract):
    @pytest.fixture
    def products(self):
        return MemoryProducts(ManualClock(NOW), sample())


class TestOpenedCatalogue(ProductsContract):
    @pytest.fixture
    def products(self):
        catalogue = Catalogue()
        catalogue.open(MemoryProducts(ManualClock(NOW), sample()))
        return catalogue


async def test_a_hub_without_a_catalogue_has_no_products():
    catalogue = Catalogue()

    assert not catalogue.available
    assert await catalogue.search("reispas") == ()
    assert await catalogue.get(PASSPORT) is None
