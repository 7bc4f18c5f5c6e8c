"""How a case stands outside, as the routes ask it."""

from canonical_model.standing import Standing
from canonical_model.work_order import OrderState
from routes.configuration import RouteConfiguration

CUSTOMER = "customer"
"""Name of the standing that says what the customer was told last, or the lesser step that came after it."""
DIFFERENCE = "difference-"
"""How the names of work items begin that tell of a difference with a system."""


def standing_of(system: str, standings: tuple[Standing, ...]) -> Standing | None:
    """How the case stands there; None when it was never told."""
    for standing in standings:
        if standing.system == system:
            return standing
    return None


def last_order(standings: tuple[Standing, ...], configuration: RouteConfiguration) -> Standing | None:
    """The last work order of a case, whichever team has it; None when it never went out."""
    orders = [standing for standing in standings if standing.system in configuration.crews]
    return max(orders, key=lambda order: order.trip, default=None)


def order_after(
    order: Standing | None, news: tuple[Standing, ...], configuration: RouteConfiguration
) -> Standing | None:
    """The last work order once this has happened as well; `news` in the order in which it happens."""
    for one in reversed(news):
        if one.system in configuration.crews and one.state:
            return one
    return order


def state_of(order: Standing | None) -> OrderState | None:
    """Where an order stands; None when there is none."""
    return OrderState(order.state) if order else None
