"""Seals open for their owner only, survive the rotation of the master key, and break when touched."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journal.crypto import Keyring, SealBrokenError

OLD, NEW, PEPPER = b"o" * 32, b"n" * 32, b"p" * 32
RING = Keyring((OLD,), PEPPER)


@given(data=st.binary(max_size=2000))
def test_what_is_sealed_opens_again(data):
    key = RING.new_key("m1")
    sealed = key.seal("m1", "raw", data)

    assert RING.unwrap("m1", key.wrapped).open("m1", "raw", sealed) == data
    assert len(data) < 8 or data not in sealed


@given(data=st.binary(min_size=1, max_size=200), place=st.integers(min_value=0), bit=st.integers(0, 7))
def test_one_bit_breaks_the_seal(data, place, bit):
    key = RING.new_key("m1")
    sealed = bytearray(key.seal("m1", "raw", data))
    sealed[place % len(sealed)] ^= 1 << bit

    with pytest.raises(SealBrokenError):
        key.open("m1", "raw", bytes(sealed))


@pytest.mark.parametrize(("owner", "column"), [("m2", "raw"), ("m1", "canonical")])
def test_a_seal_opens_in_its_own_place_only(owner, column):
    key = RING.new_key("m1")
    with pytest.raises(SealBrokenError):
        key.open(owner, column, key.seal("m1", "raw", b"text"))


def test_a_key_of_another_message_does_not_unwrap():
    with pytest.raises(SealBrokenError):
        RING.unwrap("m2", RING.new_key("m1").wrapped)


def test_an_older_master_key_still_opens_and_the_newest_seals():
    old = RING.new_key("m1")
    sealed = old.seal("m1", "raw", b"text")
    rotated = Keyring((NEW, OLD), PEPPER)

    assert rotated.unwrap("m1", old.wrapped).open("m1", "raw", sealed) == b"text"
    with pytest.raises(SealBrokenError, match="no master key"):
        RING.unwrap("m2", rotated.new_key("m2").wrapped)


def test_a_wrapped_key_that_was_touched_is_refused():
    wrapped = RING.new_key("m1").wrapped
    with pytest.raises(SealBrokenError, match="does not unwrap"):
        RING.unwrap("m1", wrapped[:-1] + bytes([wrapped[-1] ^ 1]))


def test_references_are_found_whatever_their_case_and_only_with_the_pepper():
    found = RING.find_hash("email", " An.Peeters@Voorbeeld.be ")

    assert found == RING.find_hash("email", "an.peeters@voorbeeld.be")
    assert found != RING.find_hash("phone", "an.peeters@voorbeeld.be")
    assert found != Keyring((OLD,), b"q" * 32).find_hash("email", "an.peeters@voorbeeld.be")
    assert len(found) == 32


@pytest.mark.parametrize("masters", [(), (b"short",), (OLD, b"x" * 31)])
def test_a_master_key_is_thirty_two_bytes(masters):
    with pytest.raises(ValueError, match="32 bytes"):
        Keyring(masters, PEPPER)


def test_keys_show_nothing_of_themselves():
    key = RING.new_key("m1")
    assert repr(key) == "DataKey(id='m1')"
