"""The planning of a field team, which takes work orders and tells how they go."""

from typing import Protocol

from ports.standing import Standings
from ports.target import Target


class Crew(Target, Standings, Protocol):
    """Takes `OrderWork`, `CancelWork` and `ForgetWork`; the outside id is the planning's own id of the order.

    An order goes out once per case and trip, however often it is applied. What the team does with it comes in as
    `WorkOrderChanged`, through a source or a webhook of the same adapter.

    `CancelWork` raises `NotOfferedError` where the planning can't be told, does not know the order, or the team has ended it.

    `ForgetWork` may be repeated; what is not there is forgotten. `NotOfferedError`: orders stay there for ever.
    """
