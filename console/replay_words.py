"""A replay plan in plain words: what it is about, what each system will notice, and what came of it."""

from collections import Counter
from collections.abc import Iterable
from typing import Final

from canonical_model.commands import COMMANDS
from console.remedies import errors_of
from console.selections import CARDS
from console.wording import Wording
from journal.instants import moment
from journal.replay_ledger import APPLIED, FAILED, RELEASED, ROW_STATES, WAITING, Selection
from journal.replay_reading import PlanView, TotalRow
from journal.verdicts import VERDICTS

_ACTIONS: Final = tuple(COMMANDS)
CITIZEN_MAIL: Final = "citizen_mail"
_NOTICE: Final = "notify"
KINDS: Final = (*_ACTIONS, CITIZEN_MAIL, "message", "other")
"""What is counted apart, in this order."""
_MEANT: Final = frozenset({WAITING, RELEASED, APPLIED, FAILED})
"""States of rows that the plan acts on."""


def will_do(view: PlanView, wording: Wording) -> list[tuple[str, str]]:
    """(target, "12 zaken geopend, 3 nota's toegevoegd"): what each target gets when all goes well."""
    return _by_target((one for one in view.totals if one.state in _MEANT), wording)


def has_done(view: PlanView, wording: Wording) -> list[tuple[str, str]]:
    """The same for what really happened."""
    return _by_target((one for one in view.totals if one.state == APPLIED), wording)


def citizens_will_get(view: PlanView, wording: Wording) -> str:
    """ "0 mails naar burgers": always said, also when there are none; notices only when there are."""
    return _to_citizens((one for one in view.totals if one.state in _MEANT), wording)


def citizens_got(view: PlanView, wording: Wording) -> str:
    """The same for what really happened."""
    return _to_citizens((one for one in view.totals if one.state == APPLIED), wording)


def by_verdict(view: PlanView) -> list[tuple[str, int]]:
    """How many rows have each verdict."""
    sums = view.sums("verdict")
    return [(name, sums[name,]) for name in VERDICTS if (name,) in sums]


def by_result(view: PlanView) -> list[tuple[str, int]]:
    """How many rows are where."""
    sums = view.sums("state")
    return [(name, sums[name,]) for name in ROW_STATES if (name,) in sums]


def selected(selection: Selection, wording: Wording) -> list[tuple[str, str]]:
    """The selection as (name, value), only what was asked for."""
    parts = [
        ("target", selection.target),
        ("remedy", _errors(selection, wording)),
        ("like", selection.like),
        ("source", selection.source),
        ("since", wording.time(moment(selection.since)) if selection.since else ""),
        ("before", wording.time(moment(selection.until)) if selection.until else ""),
        ("case", selection.case),
        ("ids", wording.count("selection.named", len(selection.ids)) if selection.ids else ""),
        ("done", wording.text("selection.yes") if selection.done else ""),
    ]
    asked = [(wording.text(f"selection.{name}"), value) for name, value in parts if value]
    return asked or [(wording.text("selection.all"), wording.text("selection.all_parked"))]


def _errors(selection: Selection, wording: Wording) -> str:
    if not selection.errors:
        return ""
    for code in CARDS:
        if errors_of(code) == (selection.errors, selection.but_errors):
            return wording.text(f"remedy.{code}.title")
    return ", ".join(selection.errors)


def _by_target(totals: Iterable[TotalRow], wording: Wording) -> list[tuple[str, str]]:
    targets: dict[str, Counter[str]] = {}
    for one in totals:
        targets.setdefault(one.target, Counter())[_kind(one)] += one.count
    return [
        (target or wording.text("case.hub"), _sentence(counts, wording))
        for target, counts in sorted(targets.items())
    ]


def _to_citizens(totals: Iterable[TotalRow], wording: Wording) -> str:
    counts: Counter[str] = Counter()
    for one in totals:
        counts[_kind(one)] += one.count
    kinds = [CITIZEN_MAIL, *([_NOTICE] if counts[_NOTICE] else [])]
    return ", ".join(wording.count(f"replay_total.{kind}", counts[kind]) for kind in kinds)


def _sentence(counts: Counter[str], wording: Wording) -> str:
    return ", ".join(wording.count(f"replay_total.{kind}", counts[kind]) for kind in KINDS if counts[kind])


def _kind(total: TotalRow) -> str:
    if not total.target:
        return "message"
    if total.action == "send_mail" and total.citizen:
        return CITIZEN_MAIL
    return total.action if total.action in _ACTIONS else "other"
