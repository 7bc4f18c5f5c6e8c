"""Secrets come from files or the environment, can be replaced, and are nowhere else."""

import re
import subprocess

import pytest

from hub import open_journal
from ports.errors import MisconfiguredError
from settings import load, make_secrets
from tests.flows.small_hub import small_hub
from tests.journal.scene import contact_message
from tests.journal.test_privacy import personal
from tests.shipped import ROOT

LOOKS_LIKE_A_SECRET = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----\n[A-Za-z0-9+/]|\bAKIA[0-9A-Z]{16}\b|\bghp_[A-Za-z0-9]{30}|"
    r"(?:password|secret|token|key)\w*\s*=\s*[\"'][0-9a-f]{64}[\"']"
)


async def revealed(configuration, message_id):
    journal = open_journal(configuration, shard="1")
    await journal.start()
    try:
        return (await journal.reveal(message_id, "piet", "to see")).raw
    finally:
        await journal.close()


async def test_a_new_master_key_seals_and_the_old_one_still_opens_until_it_is_taken_away(tmp_path):
    city = small_hub(tmp_path)
    assert city.command("migrate").returncode == 0
    masters = city.folder / "secrets" / "master_keys"
    old, new = masters.read_text().strip(), "ab" * 32
    before = await accepted(load(city.hub_toml), "1")
    masters.write_text(f"{new} {old}\n")
    after = await accepted(load(city.hub_toml), "2")
    rotated = load(city.hub_toml)
    assert await revealed(rotated, before) == await revealed(rotated, after) == b"the same"

    masters.write_text(new)
    assert await revealed(load(city.hub_toml), after) == b"the same"
    with pytest.raises(Exception, match=r"rotated out|does not open"):
        await revealed(load(city.hub_toml), before)


async def accepted(configuration, name: str) -> str:
    journal = open_journal(configuration, shard="1")
    await journal.start()
    try:
        found = await journal.accept(contact_message(name, personal(), raw=b"the same"))
        return found.receipt.message_id
    finally:
        await journal.close()


def test_secrets_are_made_by_chance_for_their_owner_only(tmp_path):
    make_secrets(tmp_path / "one")
    make_secrets(tmp_path / "other")
    names = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert names == ["hash_key", "master_keys", "metrics_token", "reply_secret"]
    for name in names:
        assert (tmp_path / "one" / name).stat().st_mode & 0o077 == 0
        assert (tmp_path / "one" / name).read_text() != (tmp_path / "other" / name).read_text()


def test_without_its_secrets_a_hub_does_not_start_and_there_is_no_default(tmp_path):
    city = small_hub(tmp_path)
    (city.folder / "secrets" / "hash_key").unlink()
    with pytest.raises(MisconfiguredError, match="secret 'hash_key' is missing"):
        load(city.hub_toml)


def test_no_secret_stands_in_what_we_publish():
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode:
        pytest.skip("not a checkout of git")
    found = []
    for name in listed.stdout.decode().split("\0"):
        path = ROOT / name
        if name and path.is_file() and LOOKS_LIKE_A_SECRET.search(path.read_text(errors="replace")):
            found.append(name)
    assert found == []


def test_the_search_for_secrets_finds_them():
    assert LOOKS_LIKE_A_SECRET.search("-----BEGIN PRIVATE KEY-----\nMIIE")
    assert LOOKS_LIKE_A_SECRET.search(f'master_key = "{"ab" * 32}"')
