"""Names from a register of companies, as the settings say."""

from pathlib import Path

import httpx
import pytest

from adapters.acmidm.register import NameEnricher
from adapters.acmidm.settings import Register
from adapters.eloket.translate import CUSTOMER
from canonical_model.contact import Channel, Contact
from canonical_model.identifiers import kbo
from canonical_model.party import Party, PartyKind
from ports.clock import ManualClock
from ports.contracts.enricher import EnricherContract
from tests.adapters.acmidm.portal import NOW
from tests.adapters.acmidm.register import RegisterSimulator

BODY = (Path(__file__).parent / "fixtures" / "onderneming.json").read_bytes()


class TestContract(EnricherContract):
    """As every enricher."""

    @pytest.fixture
    def enricher(self) -> NameEnricher:
        settings = Register(
            url="https://ondernemingen.example/{number}",
            name_path="onderneming.naam",
            api_key="sleutel",  # type: ignore[arg-type]  # as it comes from hub.toml
            reason="reden-1",
        )
        register = RegisterSimulator({"0403019261": BODY})
        return NameEnricher(
            "e", CUSTOMER, settings, ManualClock(NOW), transport=httpx.MockTransport(register)
        )

    @pytest.fixture
    def poor(self) -> Contact:
        party = Party(kind=PartyKind.ORGANISATION, identifiers=(kbo("0403019261"),))
        return Contact(channel=Channel.PHONE, subject="Terras", text="Mag het groter?", party=party)
