"""Names from MAGDA: only what is missing, only when allowed, and nothing personal where it does not belong."""

from datetime import timedelta

import pytest
import structlog
from msgspec.structs import replace

from adapters.magda import build
from canonical_model.contact import Channel, Contact
from canonical_model.identifiers import insz, kbo
from canonical_model.party import ANONYMOUS, Party, PartyKind
from demo.outside.magda import THROTTLE, make_papers
from ports.contracts.enricher import EnricherContract
from ports.errors import (
    AdapterError,
    MisconfiguredError,
    NotUnderstoodError,
    RejectedError,
    TransientError,
)

AN = insz("87671799614", allow_test_numbers=True)
OLD = insz("00630299862", allow_test_numbers=True)
STRANGER = insz("85073003328")
PERSONAL = ("87671799614", "Peeters", "An Maria", "Geheimstraat")


def person(number=AN, channel=Channel.MIJN_BURGERPROFIEL, **fields):
    party = Party(kind=PartyKind.PERSON, identifiers=(number,), **fields)
    return Contact(channel=channel, subject="Lamp", text="Stuk.", party=party)


def company(number="0403019261", **fields):
    party = Party(kind=PartyKind.ORGANISATION, identifiers=(kbo(number),), **fields)
    return Contact(channel=Channel.ELOKET, subject="Terras", text="Mag dat?", party=party)


class TestCompanies(EnricherContract):
    @pytest.fixture
    def enricher(self, life):
        return life().enricher

    @pytest.fixture
    def poor(self):
        return company()


class TestPersons(EnricherContract):
    @pytest.fixture
    def enricher(self, life):
        return life().enricher

    @pytest.fixture
    def poor(self):
        return person()


async def test_a_person_gets_a_name_and_nothing_else(life):
    rich = await life().enricher.enrich(person())

    assert rich.party == replace(person().party, name="An Peeters")
    assert rich == replace(person(), party=rich.party)


async def test_a_number_that_was_replaced_stays_and_the_new_one_joins_it(life):
    rich = await life().enricher.enrich(person(OLD))

    assert rich.party.name == "An Peeters"
    assert rich.party.identifiers == (OLD, AN)


async def test_a_company_gets_its_registered_name_in_dutch(life, magda):
    enricher = life().enricher

    assert (await enricher.enrich(company())).party.name == "Voorbeeld NV"
    assert (await enricher.enrich(company())).party.name == "Voorbeeld NV"
    assert len(magda.asked) == 1


async def test_after_some_hours_a_company_is_asked_for_again(life, magda, clock):
    enricher = life().enricher
    await enricher.enrich(company())
    clock.advance(timedelta(hours=25))

    await enricher.enrich(company())

    assert len(magda.asked) == 2


@pytest.mark.parametrize(
    "contact",
    [
        person(name="An P."),
        company(name="Iets anders"),
        person(channel=Channel.WEB_FORM),
        person(channel=Channel.COUNTER),
        replace(person(), party=ANONYMOUS),
        replace(person(), party=replace(person().party, kind=PartyKind.ORGANISATION)),
    ],
)
async def test_who_told_a_name_or_did_not_prove_who_he_is_is_not_looked_up(life, magda, looks, contact):
    assert await life().enricher.enrich(contact) == contact
    assert (magda.asked, looks.noted) == ([], [])


@pytest.mark.parametrize("contact", [person(STRANGER), company("0207521503"), company("0456123791")])
async def test_who_is_unknown_there_stays_as_he_is(life, magda, contact):
    magda_knows = contact == company("0207521503")

    rich = await life().enricher.enrich(contact)

    assert (rich == contact) is not magda_knows


async def test_it_is_off_until_it_is_switched_on(bare, tools):
    adapter = build(bare, tools)

    assert adapter.enricher is None
    assert "nothing is looked up" in (await adapter.check())[0]


async def test_only_what_is_switched_on_is_asked(life, magda):
    adapter = life(persons=None)

    assert await adapter.enricher.enrich(person()) == person()
    assert (await adapter.enricher.enrich(company())).party.name == "Voorbeeld NV"


@pytest.mark.parametrize("missing", ["legal_basis", "purpose", "sender", "certificate_file"])
def test_without_a_legal_basis_nothing_is_built(bare, tools, missing):
    with pytest.raises(MisconfiguredError, match=missing):
        build({name: value for name, value in bare.items() if name != missing}, tools)


async def test_a_look_at_a_person_is_in_the_audit_trail_before_it_is_asked_and_names_nobody(
    life, magda, looks
):
    await life().enricher.enrich(person())

    ((reference, _),) = magda.asked
    ((actor, subject, purpose),) = looks.noted
    assert (actor, subject) == ("magda", f"MAGDA GeefPersoon {reference}")
    assert purpose == "meldingen behandelen (protocol 2026/12)"


async def test_what_cant_be_written_down_is_not_asked(life, magda, looks, monkeypatch):
    async def full(*_):
        raise TransientError("the audit trail is away")

    monkeypatch.setattr(looks, "note", full)

    with pytest.raises(TransientError, match="audit trail"):
        await life().enricher.enrich(person())
    assert magda.asked == []


async def test_the_context_says_who_asks_and_for_what(life, magda, clock):
    await life(capacity="1303").enricher.enrich(person())

    (context,) = magda.contexts
    assert context["Identificatie"] == "leuven.be/hub"
    assert (context["Type"], context["Hoedanigheid"]) == ("VRAAG", "1303")
    assert len(context["Referte"]) == 36


@pytest.mark.parametrize("token", ["pkipath", "x509v3"])
@pytest.mark.parametrize("signature", ["rsa-sha1", "rsa-sha256"])
async def test_every_kind_of_signature_is_accepted(life, magda, token, signature):
    rich = await life(token=token, signature=signature).enricher.enrich(company())

    assert rich.party.name == "Voorbeeld NV"
    assert magda.tokens == [{"pkipath": "X509PKIPathv1", "x509v3": "X509v3"}[token]]


BAD_DAYS = [
    ("fault", TransientError, "a fault without a code"),
    ("busy", TransientError, "99995"),
    ("broken", TransientError, "500"),
    ("away", TransientError, "503"),
    ("closed", MisconfiguredError, "403"),
    ("slow", TransientError, "longer than"),
    ("login page", TransientError, "something else"),
    ("half", TransientError, "cut off"),
    ("empty", TransientError, "202"),
    ("bomb", TransientError, "document type"),
    ("other reference", TransientError, "another question"),
    ("other person", NotUnderstoodError, "another person"),
    ("reply 40000", MisconfiguredError, "40000"),
    ("reply 30032", MisconfiguredError, "30032"),
    ("reply 99984", TransientError, "99984"),
    ("reply 20002", RejectedError, "20002"),
    ("answer 60003", TransientError, "60003"),
    ("answer 13202", RejectedError, "repertory"),
    ("answer 12345", RejectedError, "12345"),
]


@pytest.mark.parametrize(("mood", "error", "words"), BAD_DAYS, ids=[mood for mood, *_ in BAD_DAYS])
async def test_a_bad_day_is_told_as_what_happens_next_and_names_nobody(life, magda, mood, error, words):
    magda.mood = mood

    with structlog.testing.capture_logs() as lines, pytest.raises(error, match=words) as failed:
        await life().enricher.enrich(person())

    told = f"{failed.value!r} {failed.value.what} {failed.value.detail} {lines} {failed.value.__cause__}"
    assert not [word for word in PERSONAL if word in told]
    assert failed.value.__suppress_context__ or failed.value.__context__ is None


async def test_a_person_who_is_not_there_is_no_error(life, magda):
    magda.mood = "answer 30003"

    assert await life().enricher.enrich(person()) == person()


async def test_magda_that_failed_is_left_alone_for_a_while(life, magda, clock):
    enricher = life(pause_seconds=60).enricher
    magda.mood = "away"
    for _ in range(3):
        with pytest.raises(TransientError):
            await enricher.enrich(company())
    magda.mood = "well"
    with pytest.raises(TransientError):
        await enricher.enrich(company())
    assert magda.asked == []

    clock.advance(timedelta(seconds=61))
    assert (await enricher.enrich(company())).party.name == "Voorbeeld NV"


async def test_a_question_that_is_refused_leaves_the_others_alone(life, magda):
    enricher = life().enricher
    magda.mood = "answer 20002"
    with pytest.raises(RejectedError):
        await enricher.enrich(person())
    magda.mood = "well"

    assert (await enricher.enrich(company())).party.name == "Voorbeeld NV"


async def test_no_more_questions_a_second_than_agreed(life, magda, clock):
    enricher = life().enricher
    outcomes = []
    for _ in range(THROTTLE + 5):
        try:
            await enricher.enrich(person())
            outcomes.append("asked")
        except TransientError as error:
            outcomes.append(error.what)
            clock.advance(timedelta(seconds=0.01))

    assert len(magda.asked) == THROTTLE
    assert outcomes.count("asked") == THROTTLE
    assert not [one for one in outcomes if "99995" in one]


async def test_after_a_complaint_there_are_fewer_questions_and_slowly_more_again(life, magda, clock):
    enricher = life().enricher
    magda.mood = "busy"
    with pytest.raises(TransientError, match="99995"):
        await enricher.enrich(person())
    pace = enricher._client.pace
    assert pace.rate == 5
    magda.mood, magda.throttle = "well", 1_000

    for _ in range(60):
        clock.advance(timedelta(seconds=2))
        await enricher.enrich(person())

    assert pace.rate == 10


async def test_without_our_certificate_nobody_gets_in(life, settings, tools, tmp_path):
    strangers = make_papers(tmp_path)
    adapter = build(
        {**settings, "certificate_file": str(strangers.certificate), "key_file": str(strangers.key)}, tools
    )

    with pytest.raises(AdapterError):
        await adapter.enricher.enrich(company())
    await adapter.close()


async def test_who_pretends_to_be_magda_is_not_asked(life, settings, tools, magda, tmp_path):
    strangers = make_papers(tmp_path)
    adapter = build({**settings, "ca_file": str(strangers.authority)}, tools)

    with pytest.raises(TransientError, match="can't be reached"):
        await adapter.enricher.enrich(company())
    assert magda.asked == []
    await adapter.close()


@pytest.mark.parametrize(
    "changed",
    [{"key_file": "/nowhere"}, {"key_file": "server_key"}, {"certificate_file": "key"}, {"ca_file": "key"}],
)
def test_papers_that_dont_belong_together_are_refused(bare, tools, papers, changed):
    files = {name: str(getattr(papers, path, path)) for name, path in changed.items()}

    with pytest.raises(MisconfiguredError, match="belong together"):
        build({**bare, **files}, tools)


async def test_the_self_test_asks_for_the_citys_own_company_only(life, magda):
    companies = {
        "url": f"{magda.origin}/GeefOndernemingDienst-02.00/soap/WebService",
        "probe": "0207.521.503",
    }

    assert await life(companies=companies).check() == ()
    assert [name for _, name in magda.asked] == ["GeefOnderneming"]

    magda.mood = "reply 40006"
    assert "40006" in (await life(companies=companies).check())[0]


async def test_the_self_test_tells_of_a_certificate_that_ends(bare, tools, tmp_path, clock):
    papers = make_papers(tmp_path, days=20)
    adapter = build({**bare, "certificate_file": str(papers.certificate), "key_file": str(papers.key)}, tools)

    assert "expires on" in (await adapter.check())[0]
    clock.advance(timedelta(days=21))
    assert "has expired" in (await adapter.check())[0]
