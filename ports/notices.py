"""The notification service of the authorities: it knows how a customer wants to be reached."""

from typing import Final, Protocol

from ports.target import Target

NOT_WANTED: Final = "not-wanted"
"""The outside id of a notice that its customer does not want: it is settled, and nothing was sent."""


class Notices(Target, Protocol):
    """Takes `Notify` and `WithdrawNotice`. `RejectedError`: this customer is not reached this way.

    `NotOfferedError`: the service calls no notice back; it ends by its expiry date.

    Who opted out (`ports.opt_outs`) is not told anything, and that is no failure: it is settled like what was sent, under
    the id `NOT_WANTED`. What the customer must know all the same the routes tell in another way.
    """
