"""The mail that tells an administrator of an outage."""

from datetime import datetime

from console.wording import Wording


def alarm_letter(
    wording: Wording, what: str, *, system: str, reason: str, began: datetime, ended: datetime | None
) -> tuple[str, str]:
    """Subject and text; `what` is "began" or "ended"."""
    given = {
        "system": system,
        "what": reason,
        "began": wording.time(began),
        "ended": wording.time(ended) if ended else "",
    }
    return wording.text(f"alarm.{what}_subject", **given), wording.text(f"alarm.{what}", **given)
