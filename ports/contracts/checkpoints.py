"""What every `ports.intake.Checkpoints` promises.

class TestJournalCheckpoints(CheckpointsContract):
    @pytest.fixture
    def checkpoints(self): ...
"""

import asyncio

from ports.intake import Checkpoints


class CheckpointsContract:
    """Inherit it; give a fixture `checkpoints` that remembers nothing yet."""

    async def test_what_was_saved_last_is_remembered(self, checkpoints: Checkpoints) -> None:
        assert await checkpoints.load("cursor") is None
        for value in ("1", "2", ""):
            await checkpoints.save("cursor", value)
            assert await checkpoints.load("cursor") == value

    async def test_only_who_knows_what_stands_there_may_replace_it(self, checkpoints: Checkpoints) -> None:
        assert await checkpoints.replace("desk", None, "first")
        assert not await checkpoints.replace("desk", None, "another first")
        assert await checkpoints.replace("desk", "first", "second")
        assert not await checkpoints.replace("desk", "first", "another second")
        assert await checkpoints.load("desk") == "second"

    async def test_what_does_not_exist_is_not_replaced(self, checkpoints: Checkpoints) -> None:
        assert not await checkpoints.replace("desk", "something", "else")
        assert await checkpoints.load("desk") is None

    async def test_of_many_that_replace_the_same_one_wins(self, checkpoints: Checkpoints) -> None:
        await checkpoints.save("desk", "known")
        tries = (checkpoints.replace("desk", "known", str(number)) for number in range(8))
        assert sum(await asyncio.gather(*tries)) == 1

    async def test_those_of_one_beginning_are_found(self, checkpoints: Checkpoints) -> None:
        for name in ("letters/b", "letters/a", "letter", "Letters/c", "letters%", "letters/"):
            await checkpoints.save(name, name.upper())
        await checkpoints.save("letters/emptied", "")
        found = await checkpoints.saved("letters/")
        assert found == {name: name.upper() for name in ("letters/b", "letters/a", "letters/")}
        assert not await checkpoints.saved("letters_")

    async def test_what_is_forgotten_is_gone_and_the_rest_stays(self, checkpoints: Checkpoints) -> None:
        for name in ("a", "b", "c"):
            await checkpoints.save(name, "1")
        await checkpoints.forget(("a", "c", "never there"))
        await checkpoints.forget(())
        assert [await checkpoints.load(name) for name in ("a", "b", "c")] == [None, "1", None]
        assert await checkpoints.replace("a", None, "2")
