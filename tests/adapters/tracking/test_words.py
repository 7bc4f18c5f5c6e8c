"""The words that all trackers share. Pure."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.tracking import subjects, words
from adapters.tracking.markup import to_plain
from canonical_model.contact import Channel, Kind
from canonical_model.location import Location, Point
from canonical_model.status import CaseStatus
from ports.tracker import Note


def test_everything_has_its_own_word():
    assert set(words.KINDS) == set(Kind)
    assert set(words.CHANNELS) == set(Channel)
    assert set(words.STATUSES) == set(CaseStatus)
    for table in (words.KINDS, words.CHANNELS, words.STATUSES):
        assert len(set(table.values())) == len(table)


def test_a_place_is_one_line():
    place = Location(
        address="Grote Markt\n1", postcode="3000", point=Point(latitude=50.8791234567, longitude=4.7)
    )

    assert words.location_line(place) == "Grote Markt 1 3000 (50.879123, 4.700000)"
    assert words.location_line(Location()) == ""


@given(st.text(alphabet=st.characters(), max_size=60))
def test_every_text_becomes_one_that_can_be_sent(text):
    assert words.content(text).encode()
    assert "\n" not in words.one_line(text)


keys = st.from_regex(r"LEU-2026-[0-9]{6}/[a-z]+/[A-Za-z0-9:.-]{1,20}(/file-[0-9])?", fullmatch=True)


@given(keys, st.booleans(), st.none() | st.sampled_from(Channel))
def test_a_subject_tells_what_was_put_into_it(key, incoming, channel):
    note = Note(key=key, text="", public=True, incoming=incoming, channel=channel)

    subject = subjects.of_note(note)

    assert subjects.read(subject) == subjects.Keyed(key=key, incoming=incoming, channel=channel)
    assert subjects.is_note_of(key, subject)
    assert subject.endswith(subjects.tail(key))
    assert not subjects.is_file(subject)


@given(keys)
def test_the_subject_of_a_file_is_not_that_of_a_text(key):
    assert subjects.is_file(subjects.of_file(key))
    assert subjects.read(subjects.of_file(key)) is None


@pytest.mark.parametrize(
    "subject",
    [
        None,
        "",
        "Losliggende tegel",
        "Re: uitgaand [LEU-2026-000001/x]",
        "uitgaand [LEU-2026-000001/x] en meer",
    ],
)
def test_what_people_write_above_a_text_is_not_ours(subject):
    assert subjects.read(subject) is None


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("<p>Beste,</p><p>Ja &amp; nee<br />ë</p>", "Beste,\n\nJa & nee\në"),
        ("<div>een</div><div>twee</div>", "een\ntwee"),
        ("Kies:<ul><li>een</li><li>twee</li></ul>Groeten", "Kies:\n- een\n- twee\nGroeten"),
        ("<style>p { color: red }</style><p>tekst</p><script>alert(1)</script>", "tekst"),
        ("een\n  regel   met\tspaties", "een regel met spaties"),
        ("1 < 2 en <b>vet</b>", "1 < 2 en vet"),
        ("&lt;b&gt;letterlijk&lt;/b&gt;", "<b>letterlijk</b>"),
        ("", ""),
    ],
)
def test_rich_text_becomes_plain(markup, text):
    assert to_plain(markup) == text


@given(st.text(max_size=200))
def test_whatever_markup_comes_becomes_a_text(markup):
    assert isinstance(to_plain(markup), str)
