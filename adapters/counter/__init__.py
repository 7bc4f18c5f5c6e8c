"""The city's counters: what a clerk registers, what the queue system tells, what was known of an appointment.

Under `/in/<instance>`:

| door | who | proof of identity | the id |
|---|---|---|---|
| `GET`, `POST /` | a clerk, on the registration page | the console's session and its CSRF token | made when the form is shown, or by the page's script |
| `POST /appointment` | the same clerk: fills the form in from an appointment | the same | - |
| `GET /session`, `/offline`, `/static/...` | the page's script | the same; the script itself is public | - |
| `POST /queue/<token>` | the queue system, Qmatic Orchestra style | an unguessable path and a list of addresses: it cannot sign | branch, visit and what happened |

A visit is a set of observations, so callbacks that come twice, late or in another order change nothing. What a
callback did not tell is read back from the queue system, which forgets who asked for callbacks once one fails.

Known limitations:
- Appointments are found by their code only: JCC's WARP API offers no search by customer that we know of.
- The queue system's interface for reading back tells who waits and who is being served, not who was served: a
  visit that ended unheard counts as served when it had been called, as left when it had not.
- A visit that was first seen while it was being served counts as one for a service that need not be registered, when the
  queue system does not tell which service that is.
- A visit that came and went while neither callbacks nor reading back worked is not known to anybody.
- Registrations wait on the clerk's machine only where the browser offers a secure context (https, or localhost).
"""

from adapters.counter.adapter import build

__all__ = ["build"]
