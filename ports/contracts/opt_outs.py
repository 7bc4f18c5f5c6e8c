"""How the list of who does not want notifications must behave. Subclass `OptOutsContract` and give it an empty one."""

import pytest

from canonical_model.decision import Reference
from ports.opt_outs import OptOuts

MAIL = Reference(system="email", value="An.Peeters@example.be", exclusive=False)
NUMBER = Reference(system="insz", value="85073003328", exclusive=False)
STRANGER = Reference(system="email", value="iemand@example.be", exclusive=False)


class OptOutsContract:
    """Override the fixture."""

    @pytest.fixture
    def opt_outs(self) -> OptOuts:
        raise NotImplementedError("return an empty list")

    async def test_nobody_opted_out_yet(self, opt_outs: OptOuts) -> None:
        assert not await opt_outs.opted_out([MAIL, NUMBER])
        assert not await opt_outs.opted_out([])

    async def test_one_of_the_names_is_enough(self, opt_outs: OptOuts) -> None:
        await opt_outs.opt_out([MAIL])

        assert await opt_outs.opted_out([NUMBER, MAIL])
        assert not await opt_outs.opted_out([NUMBER, STRANGER])

    async def test_a_name_is_the_same_whatever_its_case_and_not_that_of_another_kind(
        self, opt_outs: OptOuts
    ) -> None:
        await opt_outs.opt_out([MAIL])
        shouted = Reference(system="email", value=MAIL.value.upper(), exclusive=False)
        other_kind = Reference(system="phone", value=MAIL.value, exclusive=False)

        assert await opt_outs.opted_out([shouted])
        assert not await opt_outs.opted_out([other_kind])

    async def test_the_last_wish_counts(self, opt_outs: OptOuts) -> None:
        for _ in range(2):
            await opt_outs.opt_out([MAIL, NUMBER])
        for _ in range(2):
            await opt_outs.opt_in([MAIL])

        assert not await opt_outs.opted_out([MAIL])
        assert await opt_outs.opted_out([NUMBER])
        await opt_outs.opt_out([MAIL])
        assert await opt_outs.opted_out([MAIL])
