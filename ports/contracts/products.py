"""How every product catalogue must behave. Subclass `ProductsContract` and give it one with the five products of the sample."""

from datetime import UTC, datetime

import pytest

from canonical_model.contact import Language
from canonical_model.product import Product, ProductText, marked_source, source_mark
from ports.products import MOST, Products

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
"""The catalogue is asked at this moment."""
PASSPORT = "1446"
"""Reispas, Passport in English; it tells that it costs 65 euro, and has the keyword "reisdocument"."""
DRIVING_LICENCE = "75270"
"""Rijbewijs: its text names the reispas, and it is there in Dutch only."""
BIRTH = "320"
"""Geboorteaangifte: valid from 2020 on, without an end."""
NOT_YET = "321"
"""Reispas aan huis: valid from 2030 on."""
WITHDRAWN = "322"
"""Reispas voor kinderen: the catalogue took it away."""


def sample() -> tuple[Product, ...]:
    """The five products, for a double to be filled with; a real catalogue must make the same of its own."""
    passport = {
        Language.NL: ProductText(
            name="Reispas", description="Om te reizen.", answer="Kost 65 euro.", keywords=("reisdocument",)
        ),
        Language.EN: ProductText(name="Passport", description="For travelling.", answer="It is 65 euro."),
    }
    licence = ProductText(name="Rijbewijs", answer="Breng uw reispas of identiteitskaart mee.")
    return (
        _product(PASSPORT, "v2", passport),
        _product(DRIVING_LICENCE, "v1", {Language.NL: licence}),
        _product(
            BIRTH,
            "v1",
            {Language.NL: ProductText(name="Geboorteaangifte", answer="Binnen 15 dagen.")},
            valid_from=datetime(2020, 1, 1, tzinfo=UTC),
        ),
        _product(
            NOT_YET,
            "v1",
            {Language.NL: ProductText(name="Reispas aan huis")},
            valid_from=datetime(2030, 1, 1, tzinfo=UTC),
        ),
        _product(WITHDRAWN, "v3", {Language.NL: ProductText(name="Reispas voor kinderen")}, withdrawn=True),
    )


def _product(
    number: str,
    version: str,
    texts: dict[Language, ProductText],
    *,
    valid_from: datetime | None = None,
    withdrawn: bool = False,
) -> Product:
    return Product(
        id=number,
        version=version,
        modified=datetime(2026, 3, 2, 10, 15, tzinfo=UTC),
        texts=texts,
        valid_from=valid_from,
        withdrawn=withdrawn,
    )


class ProductsContract:
    """Override the fixture."""

    @pytest.fixture
    def products(self) -> Products:
        raise NotImplementedError("return a catalogue with the sample, at the moment NOW")

    async def test_it_is_there(self, products: Products) -> None:
        assert products.available

    async def test_a_product_is_found_by_its_number(self, products: Products) -> None:
        assert [one.id for one in await products.search(PASSPORT)] == [PASSPORT]

    async def test_a_name_goes_before_a_word_in_a_text(self, products: Products) -> None:
        assert [one.id for one in await products.search("reispas")] == [PASSPORT, DRIVING_LICENCE]

    @pytest.mark.parametrize("text", ["REISDOC", "réisdocument", "65 reispas", "passport", " Reis  pas "])
    async def test_keywords_parts_accents_and_other_languages_find_it(
        self, products: Products, text: str
    ) -> None:
        assert PASSPORT in [one.id for one in await products.search(text)]

    @pytest.mark.parametrize("text", ["", "  ", "zwembad", "reispas zwembad", "\0", "(", "%", "x" * 10_000])
    async def test_nothing_fits_nothing(self, products: Products, text: str) -> None:
        assert await products.search(text) == ()

    async def test_only_what_is_offered_now_is_found(self, products: Products) -> None:
        found = {one.id for one in await products.search("e", limit=MOST)}

        assert {PASSPORT, BIRTH} <= found
        assert not found & {NOT_YET, WITHDRAWN}

    async def test_no_more_than_were_asked_for(self, products: Products) -> None:
        assert len(await products.search("reispas", limit=1)) == 1
        assert len(await products.search("e", limit=10_000)) <= MOST

    async def test_each_language_has_its_text_and_dutch_stands_in(self, products: Products) -> None:
        passport, licence = await products.get(PASSPORT), await products.get(DRIVING_LICENCE)

        assert passport is not None
        assert licence is not None
        assert passport.text(Language.EN).name == "Passport"
        assert passport.text(Language.FR).name == "Reispas"
        assert licence.text(Language.EN).name == "Rijbewijs"
        assert "65 euro" in passport.text(Language.NL).answer

    async def test_searching_in_a_language_changes_the_text_not_the_product(self, products: Products) -> None:
        (dutch,) = await products.search(PASSPORT, Language.NL)
        (english,) = await products.search(PASSPORT, Language.EN)

        assert dutch == english

    async def test_a_product_that_is_not_offered_can_still_be_named(self, products: Products) -> None:
        gone, to_come = await products.get(WITHDRAWN), await products.get(NOT_YET)

        assert gone is not None
        assert gone.withdrawn
        assert to_come is not None
        assert [one.text(Language.NL).name for one in (gone, to_come)] == [
            "Reispas voor kinderen",
            "Reispas aan huis",
        ]
        assert not gone.is_offered(NOW)
        assert not to_come.is_offered(NOW)

    @pytest.mark.parametrize("id_", ["", "999999", "Reispas", "../1446", "1446 ", "x" * 5_000])
    async def test_what_the_catalogue_does_not_know_is_none(self, products: Products, id_: str) -> None:
        assert await products.get(id_) is None

    async def test_every_product_tells_which_version_it_is(self, products: Products) -> None:
        for number in (PASSPORT, DRIVING_LICENCE, BIRTH, NOT_YET, WITHDRAWN):
            product = await products.get(number)
            assert product is not None
            assert product.version
            assert product.modified.utcoffset() is not None
            assert product.modified <= NOW
            assert marked_source(source_mark(product.source)) == product.source

    async def test_search_and_get_tell_the_same(self, products: Products) -> None:
        for product in await products.search("e", limit=MOST):
            assert await products.get(product.id) == product
