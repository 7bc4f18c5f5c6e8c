"""Odd JSON: refused with a place and a reason, or understood by everybody the same way."""

import json
from contextlib import suppress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ports.submission.contract import Submission
from ports.submission.errors import Flaw, SubmissionError
from ports.submission.strict_json import decoded

CONTRACT = msgspec.json.Decoder(Submission)
TREE = msgspec.json.Decoder(dict[str, object])
START = b'{"id":"1","subject":"s","message":"m"'

MALFORMED_BODIES = {
    "empty": b"",
    "cut off": START,
    "byte order mark": b"\xef\xbb\xbf" + START + b"}",
    "NaN": START + b',"filled_in_seconds":NaN}',
    "infinity": START + b',"filled_in_seconds":-Infinity}',
    "lone high surrogate": b'{"id":"1","subject":"\\ud800","message":"m"}',
    "lone low surrogate": b'{"id":"1","subject":"\\udc00x","message":"m"}',
    "raw NUL": b'{"id":"1","subject":"a\x00b","message":"m"}',
    "raw control": b'{"id":"1","subject":"a\x01b","message":"m"}',
    "latin-1": '{"id":"1","subject":"é","message":"m"}'.encode("latin-1"),
    "surrogate in UTF-8": b'{"id":"1","subject":"\xed\xa0\x80","message":"m"}',
    "trailing comma": START + b",}",
    "single quotes": b"{'id':'1'}",
    "two documents": START + b"}" + START + b"}",
    "same key twice": START + b',"subject":"t"}',
    "same key twice, once escaped": START + b',"subj\\u0065ct":"t"}',
    "same key twice further down": START + b',"person":{"name":"a","name":"b"}}',
}
MISFITS = {
    "escaped NUL": (b'{"id":"1","subject":"a\\u0000b","message":"m"}', "$"),
    "escaped NUL after a backslash": (b'{"id":"1","subject":"a\\\\\\u0000","message":"m"}', "$"),
    "out of range": (START + b',"filled_in_seconds":1e999}', "$.filled_in_seconds"),
    "5,000 digits": (START + b',"filled_in_seconds":' + b"9" * 5000 + b"}", "$.filled_in_seconds"),
    "negative time": (START + b',"filled_in_seconds":-1}', "$.filled_in_seconds"),
    "beyond the pole": (START + b',"location":{"latitude":90.1,"longitude":0}}', "$.location.latitude"),
    "a text for a number": (START + b',"filled_in_seconds":"4"}', "$.filled_in_seconds"),
    "a number for a text": (b'{"id":1,"subject":"s","message":"m"}', "$.id"),
    "depth 100,000": (b'{"id":' + b"[" * 100_000, "$.id"),
    "an array": (b"[" * 100_000, "$"),
    "no message": (b'{"id":"1","subject":"s"}', "$"),
    "no id": (b'{"id":"","subject":"s","message":"m"}', "$.id"),
    "a subject that is a book": (b'{"id":"1","subject":"%b","message":"m"}' % (b"x" * 501), "$.subject"),
    "no date": (START + b',"submitted_at":"gisteren"}', "$.submitted_at"),
    "no base64": (START + b',"attachments":[{"name":"a","content":"%%%"}]}', "$.attachments[0].content"),
}


@pytest.mark.parametrize("body", MALFORMED_BODIES.values(), ids=MALFORMED_BODIES)
def test_malformed_json_is_refused(body):
    with pytest.raises(SubmissionError) as raised:
        decoded(CONTRACT, body)

    assert raised.value.flaw is Flaw.MALFORMED


@pytest.mark.parametrize(("body", "path"), MISFITS.values(), ids=MISFITS)
def test_what_does_not_follow_the_contract_is_refused_with_its_place(body, path):
    with pytest.raises(SubmissionError) as raised:
        decoded(CONTRACT, body)

    assert raised.value.path == path
    assert raised.value.what.startswith(path)


@pytest.mark.parametrize(
    "body",
    [
        START + b',"kind":"Annemie"}',
        START + b',"Annemie":"x"}',
        START + b',"person":{"Annemie":"x"}}',
        START + b',"submitted_at":"Annemie"}',
        START + b',"attachments":[{"name":"Annemie"}]}',
        START + b',"location":{"latitude":"Annemie"}}',
        START + b',"kind":"Annemie","kind":"Annemie"}',
        START + b",Annemie}",
    ],
)
def test_the_reason_never_repeats_what_was_sent(body):
    with pytest.raises(SubmissionError) as raised:
        decoded(CONTRACT, body)

    assert "Annemie" not in raised.value.what
    assert raised.value.__cause__ is None


def test_a_free_tree_has_the_same_rules():
    for body in (b'{"a":1,"a":2}', b'{"a":{"b":1,"b":2}}', b'{"a":NaN}', b'{"a":1e999}', b'{"a":"\\u0000"}'):
        with pytest.raises(SubmissionError):
            decoded(TREE, body)


def test_endless_nesting_in_a_free_tree_is_refused():
    with pytest.raises(SubmissionError, match="deeply"):
        decoded(TREE, b'{"a":' * 100_000)


def test_a_backslash_before_u0000_is_only_text():
    assert decoded(CONTRACT, START.replace(b'"s"', b'"a\\\\u0000"') + b"}").subject == "a\\u0000"


def test_white_space_around_it_is_no_matter():
    assert decoded(CONTRACT, b" \r\n\t" + START + b"} \n").id == "1"


def test_a_number_that_nobody_reads_may_be_as_long_as_it_likes():
    class Name(msgspec.Struct):
        name: str

    body = b'{"name":"a","serial":' + b"9" * 5000 + b"}"

    assert decoded(msgspec.json.Decoder(Name), body).name == "a"


texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=60)


@given(subject=texts, message=texts, ascii_=st.booleans())
def test_any_text_comes_through_unchanged(subject, message, ascii_):
    body = json.dumps({"id": "1", "subject": subject, "message": message}, ensure_ascii=ascii_).encode()

    submission = decoded(CONTRACT, body)

    assert (submission.subject, submission.message) == (subject, message)


@given(st.binary(max_size=200))
def test_any_bytes_are_understood_or_refused(body):
    for decoder in (CONTRACT, TREE):
        with suppress(SubmissionError):
            decoded(decoder, body)
