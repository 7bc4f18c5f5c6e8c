"""What somebody asks to replay, as text from a form, a command line or the API, turned into a selection."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from console.remedies import REMEDIES, TRIAGE, errors_of
from journal.instants import is_id, micros
from journal.replay_ledger import Selection

CARDS: Final = tuple(dict.fromkeys([*(one.code for one in REMEDIES.values()), TRIAGE.code]))
"""The codes of the error cards, as a filter offers them."""
FIELDS: Final = ("target", "remedy", "error", "like", "source", "since", "until", "case", "ids", "done")
_LONGEST: Final = 400


class SelectionError(ValueError):
    """`field` holds something that can't be read; its text is `selection.wrong.<field>`."""

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field


def selection_from(fields: Mapping[str, str], zone: ZoneInfo) -> Selection:
    """The selection that these texts ask for; times are local. Raises `SelectionError`."""
    errors, but = _errors(fields.get("remedy", ""), fields.get("error", ""))
    return Selection(
        target=_short(fields, "target"),
        errors=errors,
        but_errors=but,
        like=_short(fields, "like"),
        source=_short(fields, "source"),
        since=_instant(fields.get("since", ""), zone, "since"),
        until=_instant(fields.get("until", ""), zone, "until", whole_day=True),
        case=_short(fields, "case").upper(),
        ids=_ids(fields.get("ids", "").split()),
        done=fields.get("done", "") in ("1", "on", "true", "yes"),
    )


def _short(fields: Mapping[str, str], name: str) -> str:
    value = fields.get(name, "").strip()
    if len(value) > _LONGEST:
        raise SelectionError(name)
    return value


def _errors(card: str, error: str) -> tuple[tuple[str, ...], bool]:
    if error.strip():
        return (error.strip(),), False
    if card and card not in CARDS:
        raise SelectionError("remedy")
    return errors_of(card) if card else ((), False)


def _ids(words: Iterable[str]) -> tuple[str, ...]:
    ids = tuple(dict.fromkeys(word.strip(",;").lower() for word in words if word.strip(",;")))
    if not all(is_id(one) for one in ids):
        raise SelectionError("ids")
    return ids


def _instant(text: str, zone: ZoneInfo, field: str, *, whole_day: bool = False) -> int:
    """Microseconds; 0 = not asked for. A day without a time, as an end, counts as a whole."""
    text = text.strip()
    if not text:
        return 0
    try:
        if len(text) == 10:
            day = date.fromisoformat(text) + timedelta(days=whole_day)
            return micros(datetime.combine(day, time(), zone))
        moment = datetime.fromisoformat(text)
        return micros(moment if moment.tzinfo else moment.replace(tzinfo=zone))
    except (ValueError, OverflowError) as error:
        raise SelectionError(field) from error
