"""The API for existing systems, `/api/v1`: CloudEvents in and out, receipts that end in what became of the matter.

A system posts a contact once, under an id of its own; it may come back as often as it likes to ask how the
matter stands, or let itself be told: by webhook, or by reading its feed. It sees its own traffic only. What it
submits has the source `api/<system>`; what it is told are effects, so nothing of it is lost or out of order.

Known limitations:
- The ids of messages are compared whatever their case: "A1" and "a1" of one source are one id.
- A credential that was revoked may still work for five seconds.
- A minute's allowance is shared by all processes in portions: a system that spreads its requests over several of
  them can be asked to wait a little before the whole of it is used up.
"""

from console.api.app import create_api
from console.api.door import Back
from console.api.settings import ApiSettings

__all__ = ["ApiSettings", "Back", "create_api"]
