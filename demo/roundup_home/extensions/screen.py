"""What the pages need beyond Roundup's own template functions."""

from datetime import datetime, timezone
from zoneinfo import ZoneInfo

HERE = ZoneInfo("Europe/Brussels")


def here(prop):
    """`14/03/2031 17:30` on the city's clock; "" for no date."""
    date = prop._value
    if not date:
        return ""
    moment = datetime(*date.get_tuple()[:5], tzinfo=timezone.utc)
    return moment.astimezone(HERE).strftime("%d/%m/%Y %H:%M")


def is_late(issue):
    due = issue.due._value
    now = datetime.now(timezone.utc).timetuple()[:6]
    return bool(due) and not issue.status.closed and tuple(due.get_tuple()[:6]) < now


def init(instance):
    instance.registerUtil("here", here)
    instance.registerUtil("is_late", is_late)
