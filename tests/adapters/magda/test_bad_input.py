"""Whatever comes back over MAGDA's wire: a name, nobody, or an error that says what happens next and nothing of people."""

from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.magda import build
from adapters.magda.client import LARGEST
from adapters.memory.cases import MemoryCases
from adapters.memory.looks import MemoryLooks
from canonical_model.contact import Channel, Contact
from canonical_model.identifiers import insz, kbo
from canonical_model.party import Party, PartyKind
from ports.adapter import Tools
from ports.clock import ManualClock
from ports.errors import AdapterError, MessageError
from ports.secrets import MemorySecrets
from tests.adapters.bad_input import DEEP_XML, FEW, GARBAGE, PERSONAL, quiet, spoilt
from tests.adapters.places.conftest import NoneNeeded

FIXTURES = Path(__file__).parent / "fixtures"
SOAP = b"http://schemas.xmlsoap.org/soap/envelope/"
FAULT = (
    b'<s:Envelope xmlns:s="%b"><s:Body><s:Fault><faultcode>s:Client</faultcode><faultstring>99995 %b</faultstring>'
    b"</s:Fault></s:Body></s:Envelope>" % (SOAP, PERSONAL.encode())
)
PLACES = (
    SOAP,
    b"Repliek",
    b"Antwoord",
    b"Inhoud",
    b"Uitzondering",
    b"Identificatie",
    b"FOUT",
    b"Persoon",
    b"Onderneming",
)


def _answers() -> st.SearchStrategy[bytes]:
    """MAGDA's own, spoilt: an answer, an error of the reply, an error of the answer, a SOAP fault."""
    good = [FAULT, *(file.read_bytes() for file in sorted(FIXTURES.glob("*.xml")))]
    huge = b"<a>" + b" " * LARGEST
    return st.one_of(*(spoilt(one, PLACES) for one in good), GARBAGE, st.sampled_from((*DEEP_XML, huge)))


CUSTOMERS = st.sampled_from(
    [
        Contact(
            channel=Channel.MIJN_BURGERPROFIEL,
            subject="Lamp",
            text="Stuk.",
            party=Party(kind=PartyKind.PERSON, identifiers=(insz("87671799614", allow_test_numbers=True),)),
        ),
        Contact(
            channel=Channel.ELOKET,
            subject="Lamp",
            text="Stuk.",
            party=Party(kind=PartyKind.ORGANISATION, identifiers=(kbo("0403019261"),)),
        ),
    ]
)


class Wire(httpx.AsyncBaseTransport):
    """Answers whatever it is told to."""

    def __init__(self, status: int, body: bytes) -> None:
        self._status, self._body = status, body

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        return httpx.Response(self._status, content=self._body)


@FEW
@given(CUSTOMERS, _answers(), st.sampled_from((200, 200, 500, 202, 302, 403, 404, 503)))
async def test_whatever_magda_answers_the_contact_can_go_on(papers, bare, contact, body, status):
    tools = Tools(
        name="magda",
        accept=NoneNeeded(),
        checkpoints=NoneNeeded(),
        clock=ManualClock(datetime.now(UTC)),
        secrets=MemorySecrets({}),
        cases=MemoryCases(),
        looks=MemoryLooks(),
    )
    address = {"url": "https://magda.test/soap"}
    with pytest.MonkeyPatch.context() as patch, quiet():
        patch.setattr("adapters.magda.client.PooledTransport", lambda **_: Wire(status, body))
        adapter = build({**bare, "persons": address, "companies": address}, tools)
        try:
            rich = await adapter.enricher.enrich(contact)
        except (AdapterError, MessageError) as error:
            said = f"{error.what} {error.detail} {error.__cause__!r}"
            assert [one for one in (PERSONAL, "87671799614") if one in said] == []
        else:
            assert rich.subject == contact.subject
            assert len(rich.party.name) <= 300
        finally:
            await adapter.close()
