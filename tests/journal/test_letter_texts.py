"""The texts of letters: every save a version, nothing lost, nobody's words overwritten unseen."""

import asyncio

import pytest

from journal.letter_texts import (
    SAVED,
    InForce,
    NewText,
    one_version,
    versions_of,
)
from journal.schema import audit
from ports.errors import RejectedError
from tests.journal.scene import START, rows


def new(
    text: str | None = "Dag {city}", *, seen: int = 0, name: str = "closed", language: str = "nl"
) -> NewText:
    subject = None if text is None else "Dag [{ref}]"
    return NewText(
        language=language, name=name, seen=seen, subject=subject, text=text, actor="els", reason="korter"
    )


async def test_nothing_is_in_force_before_somebody_saves(journal):
    assert await journal.letter_texts.newest() == 0
    assert await journal.letter_texts.in_force() == InForce(seq=0, versions=())


async def test_the_newest_version_of_each_letter_and_language_is_in_force(journal):
    texts = journal.letter_texts
    assert await texts.save(new("een")) == 1
    assert await texts.save(new("zwei", language="de")) == 1
    assert await texts.save(new("twee", seen=1)) == 2
    assert await texts.save(new(None, seen=1, language="de")) == 2

    found = await texts.in_force()

    assert found.seq == await texts.newest() == 4
    assert [(one.language, one.number, one.text) for one in found.versions] == [
        ("nl", 2, "twee"),
        ("de", 2, None),
    ]
    (latest, *_) = found.versions
    assert (latest.saved_by, latest.reason, latest.saved_at) == ("els", "korter", START)


async def test_every_version_is_kept_and_can_be_read(journal):
    for seen, text in enumerate(("een", "twee", "drie")):
        await journal.letter_texts.save(new(text, seen=seen))
    read = journal.database.read

    kept = await read(lambda connection: versions_of(connection, "nl", "closed"))
    first = await read(lambda connection: one_version(connection, "nl", "closed", 1))

    assert [one.text for one in kept] == ["drie", "twee", "een"]
    assert first == kept[-1]
    assert await read(lambda connection: one_version(connection, "fr", "closed", 1)) is None
    assert await read(lambda connection: versions_of(connection, "nl", "answer")) == ()


@pytest.mark.parametrize("seen", [0, 2, -1])
async def test_who_did_not_see_the_newest_version_overwrites_nothing(journal, seen):
    await journal.letter_texts.save(new("een"))

    with pytest.raises(RejectedError, match="meanwhile"):
        await journal.letter_texts.save(new("twee", seen=seen))

    assert [one.text for one in (await journal.letter_texts.in_force()).versions] == ["een"]


async def test_of_two_who_save_at_once_from_two_processes_one_is_told(open_journal):
    first, second = await open_journal(), await open_journal(shard="2")

    outcomes = await asyncio.gather(
        first.letter_texts.save(new("een")), second.letter_texts.save(new("twee")), return_exceptions=True
    )

    assert {type(outcome) for outcome in outcomes} == {int, RejectedError}
    assert await second.letter_texts.newest() == 1


async def test_a_save_is_in_the_audit_trail_without_its_words(journal):
    await journal.letter_texts.save(new("Dag {city}"))

    (line,) = await rows(journal, audit)
    assert (line.actor, line.action, line.subject, line.detail) == ("els", SAVED, "closed/nl/1", "korter")
    assert await journal.verify_audit() is None
