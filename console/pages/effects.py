"""One effect: what was tried, and trying again."""

from fastapi import APIRouter
from starlette.responses import Response

from console.access import Right, requires
from console.desk import ProblemError, Visit, Visiting
from console.remedies import remedy_for
from console.sealed import shown
from journal.reading.effects import EffectRow, one_effect

router = APIRouter()


@router.get("/effects/{effect_id}")
@requires(Right.LOOK)
async def one(effect_id: str, visit: Visiting) -> Response:
    """An effect with all its attempts, each with its own error."""
    effect = await _existing(visit, effect_id)
    return visit.page("effect.html", effect=effect, remedy=remedy_for(effect.error), revealed=None)


@router.post("/effects/{effect_id}/reveal")
@requires(Right.REVEAL)
async def reveal(effect_id: str, visit: Visiting) -> Response:
    """What is sent, this once, with a reason."""
    effect = await _existing(visit, effect_id)
    revealed = await visit.desk.journal.reveal(effect_id, visit.actor, visit.reason())
    return visit.page("effect.html", effect=effect, remedy=remedy_for(effect.error), revealed=shown(revealed))


@router.get("/effects/{effect_id}/replay")
@requires(Right.REPLAY)
async def preview(effect_id: str, visit: Visiting) -> Response:
    """What the system will see when this is tried again."""
    effect = await _existing(visit, effect_id)
    verdict = await visit.desk.journal.preview_replay(effect_id)
    return visit.page("replay.html", effect=effect, verdicts=[verdict], message=None)


@router.post("/effects/{effect_id}/replay")
@requires(Right.REPLAY)
async def replay(effect_id: str, visit: Visiting) -> Response:
    """Try again; one that was applied is left alone."""
    await _existing(visit, effect_id)
    started = await visit.desk.journal.replay_effect(effect_id, visit.actor, visit.reason())
    await visit.desk.hand_out(started)
    return visit.go(f"/effects/{effect_id}", done="replayed" if started else "nothing_to_do")


@router.post("/effects/{effect_id}/skip")
@requires(Right.REPLAY)
async def skip(effect_id: str, visit: Visiting) -> Response:
    """Give an effect up; what waited behind it goes on."""
    await _existing(visit, effect_id)
    await visit.desk.hand_out(await visit.desk.journal.skip_effect(effect_id, visit.actor, visit.reason()))
    return visit.go(f"/effects/{effect_id}", done="skipped")


async def _existing(visit: Visit, effect_id: str) -> EffectRow:
    found = await visit.desk.read(lambda connection: one_effect(connection, effect_id))
    if found is None:
        raise ProblemError(404, "not_found")
    return found
