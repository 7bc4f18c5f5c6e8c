"""The status board of the authorities, where a customer sees how all his cases stand (DOSIS)."""

from typing import Protocol

from ports.standing import Standings
from ports.target import Target


class StatusBoard(Target, Standings, Protocol):
    """Takes `PublishStatus` and `WithdrawStatus`; the outside id is the id of the delivery.

    What it accepts now and refuses later comes in as a `DeliveryRefused`.
    """
