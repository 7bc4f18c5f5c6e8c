"""From each door's bytes to the canonical contact; pure functions only."""

import json
from contextlib import suppress
from datetime import UTC, date, datetime
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from adapters.website.doors import read_drupal, read_form, read_json, read_open_formulieren
from adapters.website.settings import Sender
from adapters.website.translate import to_event
from canonical_model.codec import decode_event, encode
from canonical_model.contact import Channel, Contact, Kind, Language, Thread
from canonical_model.events import ContactReceived
from canonical_model.identifiers import Identifier, Scheme
from canonical_model.location import NOWHERE, Location, Point
from canonical_model.party import ANONYMOUS, Party, PartyKind
from ports.errors import MessageError
from ports.files import ACCEPTED_TYPES, FileRules
from ports.submission.contract import Organisation, Person, Place, Submission
from ports.submission.errors import SubmissionError
from ports.submission.translate import suspicions

FIXTURES = Path(__file__).parent / "fixtures"
RULES = FileRules(max_files=10, max_bytes=1_000_000, accepted_types=ACCEPTED_TYPES)
DAY = date(2026, 3, 2)
URLENCODED = "application/x-www-form-urlencoded"
TOKENS = (SecretStr("a-token-of-enough-characters"),)
PLAIN = Sender(tokens=TOKENS)
MELDPUNT = Sender(
    tokens=TOKENS,
    fields={
        "onderwerp": "subject",
        "bericht": "message",
        "e_mail": "person.email",
        "naam": "person.name",
        "adres.address": "location.address",
        "adres.city": "location.address",
        "adres.postal_code": "location.postcode",
    },
    constants={"kind": "report"},
)
FORMULIEREN = Sender(
    tokens=TOKENS,
    fields={
        "voornaam": "person.name",
        "achternaam": "person.name",
        "omschrijving": "message",
        "metadata.form_name": "category",
        "waar.straat": "location.address",
        "waar.huisnummer": "location.address",
        "waar.postcode": "location.postcode",
    },
)


def raw(name):
    return (FIXTURES / name).read_bytes()


def contact_of(understood, **options):
    attachments = tuple(file.attachment for file in understood.files)
    return to_event(understood.submission, attachments, source="website", **options).contact


def a_submission(**fields):
    return Submission(**{"id": "1", "subject": "Lamp", "message": "De lamp is stuk."} | fields)


def contact(**fields):
    return to_event(a_submission(**fields), (), source="website").contact


def test_a_report_in_our_own_json():
    understood = read_json(raw("json_report.json"), "msg_1", RULES)

    found = contact_of(understood)

    assert understood.source_ref == "msg_1"
    assert understood.raw == raw("json_report.json")
    assert found == Contact(
        channel=Channel.WEB_FORM,
        subject="Zwerfvuil aan de vijver",
        text="Er ligt al dagen afval bij de vijver.\nKunnen jullie langskomen?",
        kind=Kind.REPORT,
        category="zwerfvuil",
        party=Party(
            kind=PartyKind.PERSON,
            name="An Janssens",
            email="an.janssens@example.org",
            phone="+32 470 12 34 56",
        ),
        location=Location(
            address="Bondgenotenlaan 1",
            postcode="3000",
            area="centrum",
            point=Point(latitude=50.8798, longitude=4.7005),
        ),
        fingerprint=found.fingerprint,
        occurred_at=datetime(2026, 3, 2, 8, 15, tzinfo=UTC),
    )
    assert len(found.fingerprint) == 64


def test_an_organisation_with_a_file():
    understood = read_json(raw("json_organisation.json"), "msg_2", RULES)

    found = contact_of(understood)

    assert found.party == Party(
        kind=PartyKind.ORGANISATION,
        name="Luc Dubois (Bakkerij Dubois bv)",
        email="luc@bakkerij.example",
        identifiers=(
            Identifier(Scheme.KBO, "0403019261"),
            Identifier(Scheme.ESTABLISHMENT, "2289324120"),
        ),
    )
    assert (found.language, found.product, found.kind) == (Language.FR, "75270", Kind.QUESTION)
    assert [(one.name, one.media_type) for one in found.attachments] == [("plan.pdf", "application/pdf")]


def test_what_is_kept_of_a_submission_with_files_has_the_claim_instead_of_the_bytes():
    understood = read_json(raw("json_organisation.json"), "msg_2", RULES)

    kept = json.loads(understood.raw)

    assert kept["attachments"] == [msgspec.to_builtins(understood.files[0].attachment)]
    assert kept["submission"]["subject"] == "Terrasvergunning"
    assert b"JVBERi0" not in understood.raw


def test_a_drupal_form():
    understood = read_drupal(raw("drupal_form.txt"), URLENCODED, DAY, MELDPUNT, RULES)

    found = contact_of(understood)

    assert understood.source_ref == "7d1f0c52-8a7e-4b0c-9c53-0b6f3f7c1c11"
    assert found.text == "De tegel voor nummer 12 ligt los.\nGevaarlijk!\n\nhinder: voetganger, fietser"
    assert found.subject == "Losliggende stoeptegel"
    assert found.location == Location(address="Tiensestraat 12 Leuven", postcode="3000")
    assert found.party == Party(kind=PartyKind.PERSON, name="Jan Peeters", email="jan@example.org")
    assert (found.kind, found.language) == (Kind.REPORT, Language.NL)
    assert found.occurred_at == datetime.fromtimestamp(1772439300, UTC)
    assert [one.name for one in found.attachments] == ["tegel.png"]


def test_a_drupal_submission_in_json():
    understood = read_drupal(raw("drupal.json"), "application/json", DAY, MELDPUNT, RULES)

    found = contact_of(understood)

    assert understood.source_ref == "1b4e28ba-2fa1-41d2-883f-0016d3cca427"
    assert (found.subject, found.text) == ("Question about parking", "Where can I park on Sunday?")
    assert (found.language, found.location) == (Language.EN, NOWHERE)
    assert sorted(one.name for one in found.attachments) == ["a.png", "b.pdf"]


def test_an_open_formulieren_submission():
    understood = read_open_formulieren(raw("open_formulieren.json"), FORMULIEREN, RULES)

    found = contact_of(understood)

    assert understood.source_ref == "OF-7J3K9Q"
    assert found.party == Party(kind=PartyKind.PERSON, name="Fatima El Amrani", email="fatima@example.org")
    assert found.location == Location(address="Naamsestraat 45", postcode="3000")
    assert found.category == "Straatverlichting"
    assert found.text == (
        "De straatlamp is stuk.\n\nIs het gevaarlijk?: ja\nWanneer brandt ze niet?: avond, nacht"
    )
    assert found.subject == "De straatlamp is stuk."
    assert sorted(one.name for one in found.attachments) == ["kaart.pdf", "lamp.jpg"]


def test_a_multipart_form():
    understood = read_form(raw("form.multipart"), "multipart/form-data; boundary=X7q", "", PLAIN, RULES)

    found = contact_of(understood)

    assert understood.source_ref == "form-0001"
    assert found.text == "Er ligt een boom op de Celestijnenlaan.\nGraag snel, één!"
    assert found.party.email == "mia@example.org"
    assert [(one.name, one.media_type) for one in found.attachments] == [("boom.png", "image/png")]


def test_the_key_of_a_form_may_come_in_the_header():
    body = raw("form.multipart").replace(b'name="id"\r\n\r\nform-0001', b'name="id"\r\n\r\n')

    assert read_form(body, "multipart/form-data; boundary=X7q", "key-1", PLAIN, RULES).source_ref == "key-1"
    with pytest.raises(SubmissionError, match="Idempotency-Key"):
        read_form(body, "multipart/form-data; boundary=X7q", "", PLAIN, RULES)


def test_a_form_follows_the_contract_so_an_unknown_field_is_refused():
    body = raw("form.multipart").replace(b'name="phone"\r\n\r\n', b'name="is_admin"\r\n\r\n1')

    with pytest.raises(SubmissionError, match="does not have"):
        read_form(body, "multipart/form-data; boundary=X7q", "", PLAIN, RULES)


@pytest.mark.parametrize(
    "change",
    [
        (b"\r\n--X7q--\r\n", b""),
        (b"--X7q--", b""),
        (b"--X7q\r\n", b"--X7\r\n"),
        (b'form-data; name="email"', b"form-data"),
        (b'name="email"', b'name="message"'),
        (b"mia@example.org", b"mia\xff@example.org"),
        (b"mia@example.org", b"mia\0@example.org"),
        (b'name="email"', b'name="em\xffail"'),
        (b'filename="..\\..\\boom.png"', b'filename="\xff.png"'),
        (b"Content-Type: image/png", b"Content-Transfer-Encoding: rot13"),
    ],
)
def test_a_broken_multipart_form_is_refused(change):
    with pytest.raises(SubmissionError):
        read_form(
            raw("form.multipart").replace(*change), "multipart/form-data; boundary=X7q", "", PLAIN, RULES
        )


def test_other_content_types_are_named():
    with pytest.raises(SubmissionError, match="multipart/form-data"):
        read_form(b"a=1", URLENCODED, "key", PLAIN, RULES)
    with pytest.raises(SubmissionError, match="urlencoded"):
        read_drupal(b"<a/>", "text/xml", DAY, PLAIN, RULES)
    with pytest.raises(SubmissionError, match="boundary"):
        read_form(b"--x--", "multipart/form-data", "key", PLAIN, RULES)


@pytest.mark.parametrize(
    "body",
    [
        b"uuid=1&uuid=2",
        b"a=1&a%5Bb%5D=2",
        b"a%5Bb%5D=1&a%5Bb%5D=2",
        b"a%5B0%5D=1&a%5B%5D=2&a%5B0%5D=3",
        b"bericht=%ff",
        b"bericht=a%00b",
        b"bericht",
        b"a" + b"%5Bb%5D" * 50 + b"=1",
        b"&".join(b"a%d=1" % number for number in range(600)),
        b"\xff=1",
    ],
)
def test_a_broken_urlencoded_form_is_refused(body):
    with pytest.raises(SubmissionError):
        read_drupal(body, URLENCODED, DAY, MELDPUNT, RULES)


def test_without_uuid_equal_drupal_submissions_of_one_day_are_one():
    def ref(body, day=DAY):
        return read_drupal(body, URLENCODED, day, MELDPUNT, RULES).source_ref

    body = b"onderwerp=Lamp&bericht=stuk"

    assert ref(body) == ref(b"bericht=stuk&onderwerp=Lamp") == ref(b"sid=&onderwerp=Lamp&bericht=stuk")
    assert ref(body) != ref(b"onderwerp=Lamp&bericht=weer+stuk")
    assert ref(body) != ref(body, date(2026, 3, 3))


def test_open_formulieren_without_reference_is_refused_with_the_place():
    posted = json.loads(raw("open_formulieren.json"))
    del posted["metadata"]["public_reference"]

    with pytest.raises(SubmissionError) as raised:
        read_open_formulieren(json.dumps(posted).encode(), FORMULIEREN, RULES)

    assert raised.value.path == "$.metadata.public_reference"


def test_hazard_48_the_same_content_is_kept_in_the_same_form_whatever_the_order_of_the_files():
    posted = json.loads(raw("open_formulieren.json"))
    posted["values"]["bijlagen"].reverse()
    posted["metadata"]["registration_timestamp"] = "2026-03-02T08:20:00+00:00"
    other = json.dumps(posted, indent=2).encode()

    first = read_open_formulieren(raw("open_formulieren.json"), FORMULIEREN, RULES)
    second = read_open_formulieren(other, FORMULIEREN, RULES)

    assert first == second
    assert contact_of(first) == contact_of(second)


def test_a_constant_fills_what_the_form_leaves_open():
    sender = Sender(tokens=TOKENS, constants={"subject": "Melding", "category": "groen"})

    found = contact_of(read_drupal(b"uuid=1&message=Tak&category=", URLENCODED, DAY, sender, RULES))

    assert (found.subject, found.category) == ("Melding", "groen")


def test_a_mapping_replaces_our_own_name_for_the_same_field():
    sender = Sender(tokens=TOKENS, fields={"contact_mail": "person.email"})

    found = contact_of(
        read_drupal(b"uuid=1&message=x&contact_mail=a%40b.be&email=c%40d.be", URLENCODED, DAY, sender, RULES)
    )

    assert found.party.email == "a@b.be"
    assert "email: c@d.be" in found.text


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"organisation": Organisation(kbo="0403019262")}, "$.organisation.kbo"),
        ({"organisation": Organisation(vestigingsnummer="1234567890")}, "$.organisation.vestigingsnummer"),
        ({"organisation": Organisation(vcode="V0000001")}, "$.organisation.vcode"),
        ({"person": Person(insz="85073003329")}, "$.person.insz"),
        ({"person": Person(insz="87671799614")}, "$.person.insz"),
        ({"person": Person(email="an@example")}, "$.person.email"),
        ({"person": Person(email="an@example.org\nBcc: x@y.be")}, "$.person.email"),
        ({"person": Person(email="a@b.be, c@d.be")}, "$.person.email"),
        ({"person": Person(email="<a@b.be>")}, "$.person.email"),
        ({"person": Person(email="a\u202e@b.be")}, "$.person.email"),
        ({"location": Place(latitude=50.9)}, "$.location"),
        ({"location": Place(longitude=4.7)}, "$.location"),
        ({"submitted_at": datetime.fromisoformat("0001-01-01T00:00:00+14:00")}, "$.submitted_at"),
        ({"subject": " \n", "message": "\t"}, "$.message"),
    ],
)
def test_what_cannot_be_right_is_refused_with_its_place_and_without_its_value(fields, path):
    with pytest.raises(SubmissionError) as raised:
        to_event(a_submission(**fields), (), source="website")

    assert raised.value.path == path
    assert not [digits for digits in ("0403", "850730", "example", "V0000001") if digits in raised.value.what]


def test_a_magda_test_number_passes_only_when_allowed():
    submission = a_submission(person=Person(insz="87671799614"))

    event = to_event(submission, (), source="website", allow_test_numbers=True)

    assert event.contact.party.identifiers == (Identifier(Scheme.INSZ, "87671799614"),)


@pytest.mark.parametrize(
    ("person", "organisation", "kind", "name"),
    [
        (None, None, PartyKind.ANONYMOUS, ""),
        (Person(), Organisation(), PartyKind.ANONYMOUS, ""),
        (Person(phone="016 00 00 00"), None, PartyKind.PERSON, ""),
        (Person(name="An"), None, PartyKind.PERSON, "An"),
        (None, Organisation(name="Bakker"), PartyKind.ORGANISATION, "Bakker"),
        (Person(name="An"), Organisation(name="Bakker"), PartyKind.ORGANISATION, "An (Bakker)"),
        (None, Organisation(name="Turnclub", vcode="v0001001"), PartyKind.ASSOCIATION, "Turnclub"),
    ],
)
def test_who_asks(person, organisation, kind, name):
    party = contact(person=person, organisation=organisation).party

    assert (party.kind, party.name) == (kind, name)
    assert (party is ANONYMOUS) == (kind is PartyKind.ANONYMOUS)


@pytest.mark.parametrize(
    ("tag", "language"),
    [("", "nl"), ("nl-BE", "nl"), ("EN", "en"), ("fr_BE", "fr"), ("de", "de"), ("tr", "nl"), ("x", "nl")],
)
def test_the_language_to_answer_in(tag, language):
    assert contact(language=tag).language == language


@pytest.mark.parametrize(
    ("local", "utc"),
    [
        ("2026-01-15T10:00:00", "2026-01-15T09:00:00+00:00"),
        ("2026-07-15T10:00:00", "2026-07-15T08:00:00+00:00"),
        ("2026-10-25T02:30:00", "2026-10-25T00:30:00+00:00"),
        ("2026-03-29T02:30:00", "2026-03-29T01:30:00+00:00"),
        ("2026-07-15T10:00:00-04:00", "2026-07-15T14:00:00+00:00"),
    ],
)
def test_hazard_43_a_time_without_offset_is_brussels_time(local, utc):
    occurred = contact(submitted_at=datetime.fromisoformat(local)).occurred_at

    assert occurred == datetime.fromisoformat(utc)
    assert occurred.tzinfo is UTC


@pytest.mark.parametrize(
    ("fields", "signs"),
    [
        ({}, ()),
        ({"honeypot": "http://spam.example"}, ("honeypot",)),
        ({"filled_in_seconds": 2.9}, ("filled_in_too_fast",)),
        ({"filled_in_seconds": 3}, ()),
        ({"message": "https://www.a.be " * 5}, ()),
        ({"message": "HTTPS://a.be www.b.be http://www.c.be " * 2}, ("many_links",)),
        ({"message": "Koop nu goedkoop!\n" * 5}, ("repeated_text",)),
        ({"message": "ja\n" * 50}, ()),
        ({"honeypot": "x", "filled_in_seconds": 0}, ("honeypot", "filled_in_too_fast")),
    ],
)
def test_signs_of_spam_are_noted(fields, signs):
    assert suspicions(a_submission(**fields)) == signs
    assert contact(**fields).suspicions == signs


@given(
    st.lists(
        st.sampled_from(("www.", "WwW.", "WWW.", "://", "http://www.", "/", "w", "\u0130", "a b ")),
        max_size=30,
    )
)
def test_links_are_counted_however_they_are_written(pieces):
    text = "".join(pieces).lower()
    links = text.count("://") + text.count("www.") - text.count("://www.")

    assert ("many_links" in suspicions(a_submission(message="".join(pieces)))) is (links > 5)


def test_a_case_number_in_the_subject_is_only_a_claim():
    assert contact(subject="Over LEU-2026-000123, nog iets").thread == Thread(claimed_case="LEU-2026-000123")


def test_single_lines_stay_single_lines():
    found = contact(
        subject="Lamp\r\nBcc: x@y.be", person=Person(name="An\nJanssens"), location=Place(address=" a \n b ")
    )

    assert found.subject == "Lamp Bcc: x@y.be"
    assert (found.party.name, found.location.address) == ("An Janssens", "a b")


def test_copies_of_a_submission_have_one_fingerprint_and_others_have_another():
    one = contact().fingerprint

    assert contact(language="fr").fingerprint == one
    assert contact(message="De lamp is nog stuk.").fingerprint != one
    assert contact(id="2").fingerprint != one
    assert to_event(a_submission(), (), source="elders").contact.fingerprint != one


def test_every_event_can_be_stored_and_read_back():
    for understood in (
        read_json(raw("json_report.json"), "1", RULES),
        read_json(raw("json_organisation.json"), "1", RULES),
        read_drupal(raw("drupal_form.txt"), URLENCODED, DAY, MELDPUNT, RULES),
        read_open_formulieren(raw("open_formulieren.json"), FORMULIEREN, RULES),
    ):
        event = ContactReceived(contact=contact_of(understood))

        assert decode_event("contact_received", encode(event)) == event


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
trees = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
names = st.sampled_from(
    ["id", "uuid", "subject", "message", "email", "kbo", "latitude", "_foto", "name", "uri", "data", "kind"]
)
forms = st.dictionaries(names | st.text(max_size=8), trees, max_size=6)


def as_json(value):
    return json.dumps(value, ensure_ascii=True).encode()


bodies = st.binary(max_size=120) | st.builds(as_json, forms)


def understood_or_refused(read, *arguments):
    with suppress(MessageError):
        contact_of(read(*arguments))


@given(bodies)
def test_any_bytes_at_the_json_door(body):
    understood_or_refused(read_json, body, "msg", RULES)


@given(st.builds(as_json, st.fixed_dictionaries({"id": st.text(max_size=3), "subject": st.text(), "message": st.text()},
       optional={"person": st.fixed_dictionaries({}, optional={"email": st.text(), "insz": st.text()}),
                 "submitted_at": st.datetimes().map(str) | st.text(), "language": st.text(max_size=5),
                 "location": st.fixed_dictionaries({}, optional={"latitude": st.floats(), "longitude": st.floats()})})))  # fmt: skip
def test_any_values_at_the_json_door(body):
    understood_or_refused(read_json, body, "msg", RULES)


@given(bodies, st.sampled_from(["application/json", URLENCODED, "", "text/plain"]))
def test_any_bytes_at_the_drupal_door(body, type_):
    understood_or_refused(read_drupal, body, type_, DAY, MELDPUNT, RULES)


@given(st.binary(max_size=120) | st.builds(lambda a, b: as_json({"values": a, "metadata": b}), forms, forms))
def test_any_bytes_at_the_open_formulieren_door(body):
    understood_or_refused(read_open_formulieren, body, FORMULIEREN, RULES)


parts = st.lists(
    st.sampled_from(
        [b"--X7q", b"--X7q--", b"\r\n", b'Content-Disposition: form-data; name="id"', b"a", b"\xff"]
    )
    | st.binary(max_size=20),
    max_size=15,
)


@given(
    parts.map(b"\r\n".join),
    st.sampled_from(["multipart/form-data; boundary=X7q", "multipart/form-data; boundary="]),
)
def test_any_bytes_at_the_form_door(body, type_):
    understood_or_refused(read_form, body, type_, "key", PLAIN, RULES)
