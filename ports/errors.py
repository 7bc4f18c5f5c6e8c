"""Errors that say what happens next. Adapters raise them; only the worker and the listeners decide on them.

AdapterError               something outside the hub did not go as agreed
|- TransientError          try again later; optional `retry_after` in seconds
|- RejectedError           the other side refuses this message; a person must look
|- MisconfiguredError      cannot work at all (credentials, missing group): stop this adapter, tell once
|- UncertainError          sent, answer lost: ask the other side before sending again
|- NotOfferedError         this system has no way to do this, or not any more: it is skipped, with this reason
MessageError               the message itself
|- NotUnderstoodError      not what this system normally sends: Invalid Message Channel
|- NotSupportedError       a known kind that is deliberately not handled: acknowledge and count
"""

from typing import Final

LONGEST_PATIENCE: Final = 86_400.0
"""Seconds. Who asks for more is asked again after a day: a slip over there would hide a failure for weeks."""


class HubError(Exception):
    """`what` is for people, in words that name the system and what to do; `detail` is for the log.

    Neither may hold personal data.
    """

    def __init__(self, what: str, *, detail: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.detail = detail


class AdapterError(HubError):
    """Something outside the hub did not go as agreed."""


class TransientError(AdapterError):
    """Try again later, not before `retry_after` seconds (`LONGEST_PATIENCE` at most) when the other side said so.

    `pace`: seconds before each next try, where a protocol has agreed on them; after the last a person must look.
    () = the worker's own pace.
    """

    def __init__(
        self,
        what: str,
        *,
        detail: str = "",
        retry_after: float | None = None,
        pace: tuple[float, ...] = (),
    ) -> None:
        super().__init__(what, detail=detail)
        self.retry_after = None if retry_after is None else min(retry_after, LONGEST_PATIENCE)
        self.pace = pace


class RejectedError(AdapterError):
    """The other side refuses this message: a person must look."""


class MisconfiguredError(AdapterError):
    """Nothing can work until somebody changes the configuration."""


class UncertainError(AdapterError):
    """It was sent and the answer was lost: ask the other side before sending again."""


class NotOfferedError(AdapterError):
    """The system has no way to do what is asked, or nothing there to do it to any more; told before it is sent.

    The step is skipped with `what` as the reason, and the routes decide whether somebody must do it by hand.
    """


class MessageError(HubError):
    """The message itself is the problem."""


class NotUnderstoodError(MessageError):
    """Not what this system normally sends; `what` names the field and what was expected."""


class NotSupportedError(MessageError):
    """A known kind of message that the hub deliberately does not handle."""
