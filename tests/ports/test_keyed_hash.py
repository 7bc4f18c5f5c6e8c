"""The same hash as the standard library's HMAC, for keys of any length."""

import hmac

from hypothesis import example, given
from hypothesis import strategies as st

from ports.keyed_hash import KeyedHash


@given(key=st.binary(max_size=200), prefix=st.binary(max_size=80), data=st.binary(max_size=300))
@example(key=b"k" * 64, prefix=b"", data=b"exactly a block")
@example(key=b"k" * 65, prefix=b"", data=b"more than a block")
def test_it_is_hmac_with_sha_256(key, prefix, data):
    keyed = KeyedHash(key, prefix)

    assert keyed.digest(data) == hmac.digest(key, prefix + data, "sha256")
    assert keyed.digest(data) == hmac.digest(key, prefix + data, "sha256"), "the key is not used up"
