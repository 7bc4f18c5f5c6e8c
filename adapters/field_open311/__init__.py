"""A field team whose planning speaks Open311 GeoReport v2: we are the client, it takes our orders and tells how they go.

| what | how (<https://wiki.open311.org/GeoReport_v2/>, and mySociety's extension for the updates) |
|---|---|
| an order | `POST requests`, with our number in `account_id`, an attribute, and the last line of the description |
| its number | in the answer, or by a token |
| photos | in the same form or as addresses; those that do not show afterwards follow as updates |
| taking it back | `POST servicerequestupdates` with status `CANCELLED` |
| how it goes | `GET servicerequestupdates`, from an own mark |

The standard has no key that makes a second order impossible. Before anything is sent, the planning's list is searched
for our number; after a lost answer nothing is sent again until the order had time to appear there.

Generous in what it reads: 200 or 201, any root, a record or a list, XML or JSON, errors of any shape, pages of HTML.

Known limitations:
- A planning that gives back neither `account_id`, nor attributes, nor the description can't be searched: a lost answer
  then makes a second order. `wegwijzer check` can't see this; try it out once.
- How an order that was closed without an update ended is not told apart: `closed` counts as done.
- Photos that the planning shows behind a log-in of its own are not fetched.
"""

from adapters.field_open311.adapter import build

__all__ = ["build"]
