"""The notification service of the authorities: it knows how a customer wants to be reached."""

from typing import Protocol

from ports.target import Target


class Notices(Target, Protocol):
    """Takes `Notify` and `WithdrawNotice`. `RejectedError`: this customer is not reached this way.

    Who opted out (`ports.opt_outs`) is not told anything, and that is no failure: it is settled like what was sent.
    """
