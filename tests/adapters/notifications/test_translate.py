"""What the service gets to read: the public top of the bundle, and nested parts from templates."""

import json
from datetime import UTC, date, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from pydantic import ValidationError

from adapters.notifications.settings import KEYS, Recipient, Settings
from adapters.notifications.translate import bundle_id, expiry_of, filled, names_of, recipient_of, to_bundle
from canonical_model.identifiers import kbo, vcode
from canonical_model.party import Party, PartyKind
from canonical_model.public_status import PublicStatus
from ports.contracts.notices import CITIZEN
from ports.errors import RejectedError
from tests.adapters.notifications.conftest import OPT_OUT

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
NEIGHBOUR = Party(kind=PartyKind.PERSON, name="Jan Maes", email="jan@example.be")
BAKERY = Party(
    kind=PartyKind.ORGANISATION, name="Bakkerij", email="info@example.be", identifiers=(kbo("0403019261"),)
)
CLUB = Party(
    kind=PartyKind.ASSOCIATION, name="Petanque", email="club@example.be", identifiers=(vcode("V0001001"),)
)


def bundle(notice, settings, now=NOW, opt_out=""):
    return json.loads(json.dumps(to_bundle(notice, UUID(int=1), settings, opt_out=opt_out, now=now)))


@pytest.fixture
def with_way_out(own):
    return Settings.model_validate({**own, "opt_out": OPT_OUT, "product": "9"})


def test_a_bundle_is_what_the_service_reads(notice, settings, fixture_bytes):
    expected = json.loads(fixture_bytes("bundle.json")) | {"Id": str(UUID(int=1))}

    assert bundle(notice, settings) == expected


def test_a_bundle_of_an_effect_always_has_the_same_id():
    assert bundle_id("a") == bundle_id("a") != bundle_id("b")


def test_who_has_a_number_is_reached_by_it_alone(notice, settings):
    (recipient,) = bundle(replace(notice, party=CITIZEN), settings)["Bestemmelingen"]

    assert recipient == {"Type": "RijksRegisterNummer", "Waarde": "85073003328"}


@pytest.mark.parametrize(
    ("party", "expected"),
    [
        (NEIGHBOUR, {"Type": "PersoonMetContactInfo", "Naam": "Jan Maes", "Email": "jan@example.be"}),
        (BAKERY, {"Type": "OrganisatieMetContactInfo", "Naam": "Bakkerij", "KboNummer": "0403019261", "Email": "info@example.be"}),
        (CLUB, {"Type": "OrganisatieMetContactInfo", "Naam": "Petanque", "VCode": "V0001001", "Email": "club@example.be"}),
    ],
)  # fmt: skip
def test_who_is_reached_by_our_data_is_offered_a_way_out(notice, with_way_out, party, expected):
    (recipient,) = bundle(replace(notice, party=party), with_way_out, opt_out="https://x/af")[
        "Bestemmelingen"
    ]

    assert recipient == {**expected, "UitschrijfUri": "https://x/af"}


@pytest.mark.parametrize("party", [NEIGHBOUR, BAKERY, replace(CLUB, email="")])
def test_without_a_way_out_nobody_is_reached_by_our_data(settings, party):
    with pytest.raises(RejectedError, match="can't be reached by notification"):
        recipient_of(party, settings)


def test_the_number_of_who_acts_for_a_company_is_not_used(notice, with_way_out):
    acting = replace(BAKERY, identifiers=(*BAKERY.identifiers, *CITIZEN.identifiers))

    assert recipient_of(acting, with_way_out) is Recipient.ORGANISATION


def test_it_ends_when_the_hub_says_or_after_the_days_that_are_set(notice, settings):
    assert expiry_of(notice, settings) == date(2026, 3, 16)
    assert expiry_of(replace(notice, expires=date(2026, 4, 1)), settings) == date(2026, 4, 1)


def test_on_its_last_day_it_is_still_sent_and_the_day_is_a_belgian_one(notice, settings):
    ending = replace(notice, expires=date(2026, 3, 2))
    last_minute, midnight = datetime(2026, 3, 2, 22, 59, tzinfo=UTC), datetime(2026, 3, 2, 23, 0, tzinfo=UTC)

    assert bundle(ending, settings, last_minute)["Vervaldatum"] == "2026-03-02"
    with pytest.raises(RejectedError, match="no news any more"):
        bundle(ending, settings, midnight)


def test_a_required_key_without_a_value_is_told_before_it_is_sent(notice, own):
    category = {"required": ["DossierNummer", "DocumentLinkUri"], "keys": dict(KEYS)}
    settings = Settings.model_validate({**own, "link": "", "categories": {"X": category}, "category": "X"})

    with pytest.raises(RejectedError, match="X can't do without DocumentLinkUri"):
        bundle(notice, settings)


def test_a_status_may_have_a_category_of_its_own(notice, own):
    other = {
        "required": ["DossierNummer"],
        "keys": {"DossierNummer": "{case}", "Tekst": "{subject}: {detail}"},
    }
    settings = Settings.model_validate(
        {
            **own,
            "category_of": {"waiting_for_customer": "ActieVereist"},
            "categories": {"ActieVereist": other},
        }
    )

    body = bundle(replace(notice, status=PublicStatus.WAITING_FOR_CUSTOMER), settings)

    assert body["Categorie"] == "ActieVereist"
    assert body["SleutelWaardeParen"] == [
        {"Sleutel": "DossierNummer", "Waarde": "LEU-2026-004711"},
        {"Sleutel": "Tekst", "Waarde": "Losse tegel voor de deur: De tegel ligt weer vast."},
    ]
    assert bundle(notice, settings)["Categorie"] == "DossierGerelateerdBerichtWijzigingDossier"


def test_the_nested_parts_are_written_as_the_templates_say(notice, own):
    settings = Settings.model_validate(
        {
            **own,
            "date_field": "DatumNotificatie",
            "templates": {
                "recipients": {
                    "RijksRegisterNummer": {"rijksRegisterNummer": {"nummer": "{insz}", "volgorde": 1}}
                },
                "channel": {"naam": "{channel}"},
                "pair": {"key": "{key}", "value": ["{value}"]},
            },
        }
    )

    body = bundle(notice, settings)

    assert body["Bestemmelingen"] == [{"rijksRegisterNummer": {"nummer": "85073003328", "volgorde": 1}}]
    assert body["Kanalen"] == [{"naam": "Email"}, {"naam": "MijnBurgerprofiel"}]
    assert body["SleutelWaardeParen"][0] == {"key": "DossierNummer", "value": ["LEU-2026-004711"]}
    assert body["DatumNotificatie"] == "2026-03-02T10:30:00"


def test_without_a_product_nothing_is_sent(notice, settings):
    with pytest.raises(RejectedError, match="product"):
        bundle(replace(notice, product=""), settings)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"templates": {"pair": {"k": "{sleutel}"}}}, "unknown places: sleutel"),
        ({"templates": {"channel": "{key}"}}, "unknown places: key"),
        ({"templates": {"recipients": {"PersoonMetContactInfo": {"Email": "{email}"}}}}, "must be offered"),
        ({"category": "Y"}, "is used and not described"),
        ({"category_of": {"closed": "X"}}, "is used and not described"),
        ({"categories": {"DossierGerelateerdBerichtWijzigingDossier": {"required": ["Iets"]}}}, "required but not in keys"),
        ({"categories": {"DossierGerelateerdBerichtWijzigingDossier": {"required": [], "keys": {"A": "{insz}"}}}}, "unknown places"),
        ({"paths": {"withdraw": "/weg"}}, "paths.withdraw"),
        ({"product": "melding"}, "product"),
        ({"link": "http://leuven.example"}, "https"),
    ],
)  # fmt: skip
def test_a_setting_that_does_not_fit_is_named(own, changes, named):
    with pytest.raises(ValidationError, match=named):
        Settings.model_validate({**own, **changes})


@given(st.text())
def test_what_a_customer_wrote_is_no_template(text):
    assert filled({"a": "{value}!"}, {"value": text, "insz": "85073003328"}) == {"a": f"{text}!"}


def test_a_customer_opts_out_under_every_name():
    party = replace(CITIZEN, phone="+3216270000")

    assert [(name.system, name.value) for name in names_of(party)] == [
        ("insz", "85073003328"), ("email", "an@example.be"), ("phone", "+3216270000"),
    ]  # fmt: skip
