"""From claims to a party: the personas of ACM/IDM, and what is not one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.acmidm.persona import Capacity, NotWelcomeError, Persona, Refusal, persona_of
from canonical_model.identifiers import insz, kbo, vcode
from canonical_model.party import Party, PartyKind, Representative

EVERYBODY = frozenset(Capacity)
BUR = {
    "sub": "1",
    "given_name": "An",
    "family_name": "Peeters",
    "rrn": "85073003328",
    "vo_doelgroepcode": "BUR",
    "vo_doelgroepnaam": "Burger",
}
EA = {
    **BUR,
    "vo_doelgroepcode": "EA",
    "vo_orgcode": "0403019261",
    "vo_orgnaam": "Bakkerij De Korenbloem",
    "vo_email": "an@korenbloem.example",
}
VER = {**EA, "vo_doelgroepcode": "VER", "vo_orgcode": "V0001001", "vo_orgnaam": "Chiro Kessel-Lo"}
ACTING = Representative(name="An Peeters", email="an@korenbloem.example", identifiers=(insz("85073003328"),))


def test_a_citizen():
    assert persona_of(BUR, accepted=EVERYBODY) == Persona(
        capacity=Capacity.CITIZEN,
        party=Party(kind=PartyKind.PERSON, name="An Peeters", identifiers=(insz("85073003328"),)),
    )


def test_somebody_for_a_company():
    persona = persona_of(EA, accepted=EVERYBODY)

    assert persona.party == Party(
        kind=PartyKind.ORGANISATION,
        name="Bakkerij De Korenbloem",
        email="an@korenbloem.example",
        identifiers=(kbo("0403019261"),),
        representative=ACTING,
    )
    assert [(name.system, name.value) for name in persona.names] == [("kbo", "0403019261")]


def test_somebody_for_an_association():
    persona = persona_of(VER, accepted=EVERYBODY)

    assert (persona.party.kind, persona.party.identifiers) == (PartyKind.ASSOCIATION, (vcode("V0001001"),))
    assert persona.party.representative == ACTING
    assert [(name.system, name.value) for name in persona.names] == [("vcode", "V0001001")]


def test_an_association_that_is_a_legal_person_may_have_a_company_number():
    persona = persona_of({**VER, "vo_orgcode": "0403.019.261"}, accepted=EVERYBODY)

    assert (persona.party.kind, persona.party.identifiers) == (PartyKind.ASSOCIATION, (kbo("0403019261"),))


def test_the_cases_of_a_company_are_not_those_of_the_person_who_acts_for_it():
    citizen, company = persona_of(BUR, accepted=EVERYBODY), persona_of(EA, accepted=EVERYBODY)

    assert not set(citizen.names) & set(company.names)


def test_a_provider_that_tells_no_capacity_tells_of_citizens():
    claims = {name: value for name, value in BUR.items() if not name.startswith("vo_")}

    assert persona_of(claims, accepted=EVERYBODY).capacity is Capacity.CITIZEN


@pytest.mark.parametrize("code", ["LB", "GID", "OV", "bur", "", "BUR "])
def test_other_capacities_are_not_served(code: str):
    claims = {**BUR, "vo_doelgroepcode": code, "rrn": "" if not code.strip() else BUR["rrn"]}
    accepted = EVERYBODY - {Capacity.CITIZEN} if code == "BUR " else EVERYBODY

    with pytest.raises(NotWelcomeError) as caught:
        persona_of(claims, accepted=accepted)

    assert caught.value.refusal is Refusal.OTHER_CAPACITY


@pytest.mark.parametrize(
    "claims",
    [
        {**BUR, "rrn": ""},
        {**BUR, "rrn": "85073003329"},
        {**BUR, "rrn": 85073003328},
        {**EA, "vo_orgcode": "0403019262"},
        {**EA, "vo_orgcode": "V0001001"},
        {**EA, "rrn": ""},
        {**VER, "vo_orgcode": "V0000001"},
        {**VER, "vo_orgcode": ""},
    ],
    ids=range(8),
)
def test_without_a_valid_number_nobody_comes_in(claims: dict[str, object]):
    with pytest.raises(NotWelcomeError) as caught:
        persona_of(claims, accepted=EVERYBODY)

    assert caught.value.refusal is Refusal.NO_IDENTITY
    assert "8507" not in str(caught.value)


def test_magdas_test_numbers_only_when_set():
    claims = {**BUR, "rrn": "87671799614"}

    assert persona_of(claims, accepted=EVERYBODY, allow_test_numbers=True).party.identifiers
    with pytest.raises(NotWelcomeError):
        persona_of(claims, accepted=EVERYBODY)


@given(
    st.dictionaries(
        st.sampled_from(sorted(EA)),
        st.none() | st.text() | st.integers() | st.sampled_from(sorted(EA.values())) | st.lists(st.text()),
    )
)
def test_odd_claims_are_refused_and_nothing_else(claims: dict[str, object]):
    try:
        persona = persona_of(claims, accepted=EVERYBODY)
    except NotWelcomeError:
        return
    assert persona.party.identifiers
