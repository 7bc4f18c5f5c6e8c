"""The e-loket for companies: people log in for their company through ACM/IDM, ask, report, follow cases and reply.

| door, under `/in/<instance>` | who comes | proof of identity | the submission's own id |
|---|---|---|---|
| `GET /` and the pages behind it | people of companies, with a browser | log-in through ACM/IDM, capacity `EA` | given out with the form |
| `POST /meldingen` | the portal's own system: CloudEvents 1.0 with an OSLO-Melding | access token with the scope | `source` and `id` of the event |
| `GET /meldingen/<source id>` | the same | the same | |

The company (KBO number) and the person who acts for it come from the token, never from a form or a body. What this shares with the
other portals is in `adapters/acmidm`.

Known limitations:
- Flanders has no public interface with which the e-loket hands submissions over: the door is a contract of our own (CloudEvents 1.0 with an
  OSLO-Melding), for the day that there is one. Its event types, scope and way of checking tokens are settings.
- The KBO is asked over REST, at an address and with a place of the name that are settings; the SOAP services of MAGDA are spoken by `adapters/magda`.
- Everybody who may log in for a company sees all its cases; finer rights within it are not looked at.
- Files that a submission only names by their address are not fetched; the handlers get the address.
- The city's status reaches the portal's own overview through DOSIS, not through this adapter.
- The pages are not made to be embedded in another site: their cookies stay on their own.
"""

from adapters.eloket.adapter import build

__all__ = ["build"]
