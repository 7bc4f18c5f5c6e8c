"""How a case stands in one outside system, as far as the hub knows."""

from datetime import datetime

from canonical_model.value import Value


class Standing(Value, frozen=True, kw_only=True):
    """What `system` (a target's name, or "customer") was last told or told us, at `at` (UTC).

    `state` is a `PublicStatus` for boards and for the customer, an `OrderState` for field teams. `outside_id` is
    that system's own id. In a decision, "" leaves what is known as it is.
    """

    system: str
    at: datetime
    state: str = ""
    outside_id: str = ""
    trip: int = 0
