"""Standard Webhooks, held against the reference library, the specification's rules and a second signer."""

import base64
import shutil
import subprocess
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from adapters.website.signature import NotAuthenticError, claimed, secret_key, signature
from ports.keyed_hash import KeyedHash
from tests.servers.missing import missing

PLAIN = b"0123456789abcdef0123456789abcdef"
KEY = KeyedHash(PLAIN)
SECRET = "whsec_" + base64.b64encode(PLAIN).decode()
NOW = 1_772_440_000
BODY = b'{"id": "1"}'


def headers(id_=b"msg_1", timestamp=NOW, body=BODY, key=KEY):
    time = str(timestamp).encode()
    return [
        (b"webhook-id", id_),
        (b"webhook-timestamp", time),
        (b"webhook-signature", signature(key, id_, time, body)),
    ]


def verified(headers_, body=BODY, keys=(KEY,), now=NOW):
    return claimed(headers_, now).proven(body, keys)


def test_the_vector_of_the_reference_libraries():
    key = KeyedHash(secret_key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"))
    made = signature(key, b"msg_p5jXN8AQM9LWM0D4loKWxJek", b"1614265330", b'{"test": 2432232314}')

    assert made == b"v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@given(body=st.text(), id_=st.from_regex(r"[A-Za-z0-9_-]{1,40}", fullmatch=True))
def test_what_the_library_signs_we_accept(body, id_):
    signed = Webhook(SECRET).sign(id_, datetime.fromtimestamp(NOW, UTC), body)

    found = verified(
        [
            (b"webhook-id", id_.encode()),
            (b"webhook-timestamp", str(NOW).encode()),
            (b"webhook-signature", signed.encode()),
        ],
        body.encode(),
    )

    assert found == id_


@given(body=st.text())
def test_what_we_sign_the_library_accepts(body):
    now = int(datetime.now(UTC).timestamp())
    ours = {name.decode(): value.decode() for name, value in headers(timestamp=now, body=body.encode())}

    assert Webhook(SECRET).verify(body, ours, json_parse=False) is None
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(body + "x", ours, json_parse=False)


def test_what_openssl_signs_we_accept():
    if not shutil.which("openssl"):
        missing("openssl")
    signed = subprocess.run(
        ["openssl", "dgst", "-sha256", "-mac", "HMAC", "-macopt", f"hexkey:{PLAIN.hex()}", "-binary"],
        input=b"msg_1.%d.%b" % (NOW, BODY),
        capture_output=True,
        check=True,
    ).stdout

    given_headers = [*headers()[:2], (b"webhook-signature", b"v1," + base64.b64encode(signed))]

    assert verified(given_headers) == "msg_1"


@pytest.mark.parametrize("skew", [-300, -299, 0, 299, 300])
def test_a_clock_that_differs_up_to_five_minutes_is_fine(skew):
    assert verified(headers(timestamp=NOW + skew)) == "msg_1"


@pytest.mark.parametrize("skew", [-301, 301, -86_400, 10**9])
def test_a_clock_that_differs_more_is_not(skew):
    with pytest.raises(NotAuthenticError, match="300 seconds"):
        verified(headers(timestamp=NOW + skew))


def test_while_a_secret_is_replaced_both_are_good_on_either_side():
    new = KeyedHash(b"another key of thirty-two bytes!")
    both = b" ".join(
        [b"v1a,bm90IG91cnM=", headers()[2][1], signature(new, b"msg_1", str(NOW).encode(), BODY)]
    )

    assert verified(headers(), keys=(new, KEY)) == "msg_1"
    assert verified([*headers()[:2], (b"webhook-signature", both)], keys=(new,)) == "msg_1"
    with pytest.raises(NotAuthenticError, match="no signature fits"):
        verified(headers(), keys=(new,))


@pytest.mark.parametrize(
    ("changed", "body"),
    [
        (headers(), BODY + b" "),
        ([(b"webhook-id", b"msg_2"), *headers()[1:]], BODY),
        ([headers()[0], (b"webhook-timestamp", str(NOW + 1).encode()), headers()[2]], BODY),
        ([*headers()[:2], (b"webhook-signature", headers()[2][1].replace(b"v1,", b"v2,"))], BODY),
        ([*headers()[:2], (b"webhook-signature", headers()[2][1].removeprefix(b"v1,"))], BODY),
        ([*headers()[:2], (b"webhook-signature", b"v1," + b"\xff" * 44)], BODY),
        ([*headers()[:2], (b"webhook-signature", b"v1,")], BODY),
    ],
)
def test_nothing_may_be_changed_after_signing(changed, body):
    with pytest.raises(NotAuthenticError, match="no signature fits"):
        verified(changed, body)


@pytest.mark.parametrize("left_out", [0, 1, 2])
def test_all_three_headers_are_needed(left_out):
    with pytest.raises(NotAuthenticError, match="are needed"):
        claimed([header for position, header in enumerate(headers()) if position != left_out], NOW)


@pytest.mark.parametrize(
    "timestamp", [b"", b"1e9", b"-1", b"1772440000.0", b" 1772440000", b"9" * 40, b"NaN"]
)
def test_a_timestamp_is_whole_seconds(timestamp):
    with pytest.raises(NotAuthenticError):
        claimed([headers()[0], (b"webhook-timestamp", timestamp), headers()[2]], NOW)


@pytest.mark.parametrize("id_", [b"a.b", b"a b", b"", b"\xe9", b"a\tb", b"x" * 201])
def test_an_id_with_which_one_could_play_tricks_is_refused(id_):
    with pytest.raises(NotAuthenticError):
        claimed(headers(id_=id_), NOW)


def test_an_id_with_a_full_stop_could_be_cut_in_two_ways():
    assert signature(KEY, b"a.1", b"2", b"x") == signature(KEY, b"a", b"1", b"2.x")


def test_no_secret_means_nobody():
    with pytest.raises(NotAuthenticError):
        verified(headers(), keys=())


@pytest.mark.parametrize("secret", ["whsec_%%%", "whsec_", "whsec_c2hvcnQ=", "geheim"])
def test_a_secret_that_is_no_secret_is_refused_without_repeating_it(secret):
    with pytest.raises(ValueError, match="webhook secret") as raised:
        secret_key(secret)

    assert secret not in str(raised.value)


def test_a_secret_without_padding_is_the_same_secret():
    assert secret_key(SECRET.rstrip("=")) == PLAIN
