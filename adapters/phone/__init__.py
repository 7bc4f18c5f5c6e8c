"""The telephone of the contact centre: calls in, and who is calling.

Each exchange is a system of its own with two ways in, which may both tell of the same calls:

| way | who speaks first | what it brings |
|---|---|---|
| `POST /in/<instance>/cti/<system>` | the exchange posts each event of a call | the generic CTI vocabulary, with our wrap-up and callback request |
| AMI over TCP | the hub connects to an Asterisk and listens | its events, repaired from its call records (CDR) after a gap |

A call becomes one contact when it is over. Answered and settled: registered and closed in one go. Abandoned, a spoken
message or a request to call back: a case for the contact centre, with the time by which somebody must have called back.

Known limitations:
- Calls that begin and end while the connection to an Asterisk is down are known from its call records only; without
  `records` in the settings they are lost. From the records alone nobody can tell an abandon from a menu's hang-up.
- Calls among colleagues and calls that the city makes itself are not contacts: they are logged and left out.
- Notes, requests and spoken messages that arrive after their call was handed over become a contact of their own, on the
  same case; whatever else comes so late is counted and left out.
- Transfers were built from Asterisk's documentation: no recording of one was at hand.
- A shown number proves nothing: it helps to find a case, it never gives access to one.
"""

from adapters.phone.adapter import build

__all__ = ["build"]
