"""How long each kind of data is kept: `[retention]` in `hub.toml`, in days after it was last needed."""

from typing import Final, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

LONGEST: Final = 36_500
SHORTEST_OF_CASES: Final = 62
"""Two months: the list of opened cases that lies apart names those of this month and the last (`journal.apart`).

A case that went sooner would look lost, and the hub would take its own journal for an older copy.
"""
_ORDER: Final = (
    ("raw", "canonical"),
    ("canonical", "messages"),
    ("attempts", "messages"),
    ("messages", "cases"),
    ("references", "cases"),
)
"""What goes no later than what it belongs to: a step without its case would tell nobody anything."""


def _days(default: int, description: str, *, least: int = 1) -> int:
    days: int = Field(default=default, ge=least, le=LONGEST, description=description)
    return days


class RetentionTerms(BaseModel):
    """`[retention]`: days after which something finished is removed.

    Counted from the last change of its case, or from its own time when it has none. What is not finished
    (an open case, a message or step that waits or is parked, an incident that goes on) stays, however old.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    raw: int = _days(
        30, "Mails and forms as they came in, with their attachments: the tracker has its own copy by then."
    )
    canonical: int = _days(
        180, "What was understood and what was sent: to explain a decision for half a year after it."
    )
    messages: int = _days(
        400,
        "Messages and steps without their content: the same message handed over again is recognised this "
        "long, and a year can be compared with the one before.",
    )
    attempts: int = _days(90, "Every single try with its error: to find out why a system was slow or down.")
    cases: int = _days(
        730,
        "The index of cases with their history and the card to write to the customer: a reply to a case "
        "that was closed still finds it. Two months at least: the list of opened cases beside the journal names "
        "them so long.",
        least=SHORTEST_OF_CASES,
    )
    references: int = _days(730, "The names under which a case is found: threads of mail, numbers elsewhere.")
    sessions: int = _days(1, "Log-ins to the console; they end by themselves within hours.")
    leases: int = _days(7, "Who listened to a source; only a name of a process.")
    checkpoints: int = _days(400, "How far a source was read that no process listens to any more.")
    incidents: int = _days(730, "Outages that ended: to compare a supplier's year with the one before.")
    tallies: int = _days(3_650, "Messages per day, source and state: figures without any person.")
    replays: int = _days(400, "Replay plans that ended, with what came of each row.")
    audit: int = _days(
        3_650, "Who looked at what and why: ten years, as is usual for access to personal data (MAGDA)."
    )

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        for sooner, later in _ORDER:
            if getattr(self, sooner) > getattr(self, later):
                raise ValueError(f"{sooner} may not be kept longer than {later}")
        return self
