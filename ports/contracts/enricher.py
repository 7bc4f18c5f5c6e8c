"""How every enricher must behave. Subclass `EnricherContract` and give it one that knows the place of the sample."""

import pytest
from msgspec.structs import replace

from canonical_model.contact import Channel, Contact
from ports.enricher import Enricher


class EnricherContract:
    """Override the fixtures."""

    @pytest.fixture
    def enricher(self) -> Enricher:
        raise NotImplementedError("return the enricher under test")

    @pytest.fixture
    def poor(self) -> Contact:
        raise NotImplementedError("return a contact to which this enricher can add something")

    async def test_it_adds_something(self, enricher: Enricher, poor: Contact) -> None:
        assert await enricher.enrich(poor) != poor

    async def test_doing_it_again_changes_nothing(self, enricher: Enricher, poor: Contact) -> None:
        once = await enricher.enrich(poor)

        assert await enricher.enrich(once) == once

    async def test_the_words_and_the_party_stay_as_they_are(self, enricher: Enricher, poor: Contact) -> None:
        rich = await enricher.enrich(poor)

        assert replace(rich, location=poor.location, party=poor.party, product=poor.product) == poor
        assert rich.product == poor.product or not poor.product.isdecimal()
        assert rich.party.identifiers[: len(poor.party.identifiers)] == poor.party.identifiers

    async def test_what_tells_nothing_stays_as_it_is(self, enricher: Enricher) -> None:
        silent = Contact(channel=Channel.MAIL, subject="Vraag", text="Hoe laat gaat u open?")

        assert await enricher.enrich(silent) == silent
