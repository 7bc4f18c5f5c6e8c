"""The mail that tells an administrator of an outage."""

from console.wording import Wording
from worker.alarm import Compose, Outage


def alarm_letters(wording: Wording) -> Compose:
    """How an outage is told in these words: subject and text of the mail that it "began", and that it "ended"."""

    def compose(what: str, outage: Outage) -> tuple[str, str]:
        given = {
            "system": outage.system,
            "what": outage.what,
            "began": wording.time(outage.opened_at),
            "ended": wording.time(outage.closed_at) if outage.closed_at else "",
        }
        return wording.text(f"alarm.{what}_subject", **given), wording.text(f"alarm.{what}", **given)

    return compose
