"""Street report apps that speak Open311 GeoReport v2: we are the server, they post reports and read how those go.

All under `/in/<instance>`, each as `.xml` or `.json` (<https://wiki.open311.org/GeoReport_v2/>, and mySociety's
<https://github.com/mysociety/fixmystreet/wiki/Open311-FMS---Complete-Spec> for the updates):

| address | for |
|---|---|
| `discovery` | where this server is and what it speaks |
| `v2/services`, `v2/services/{code}` | what can be reported, and which extra questions belong to it |
| `POST v2/requests` | a report; answered with our case number, or a token while there is none yet |
| `v2/requests`, `v2/requests/{id}`, `v2/tokens/{token}` | how the reports go that this very app brought |
| `v2/servicerequestupdates` (also `v2/update`) | what changed between two moments; and what the reporter adds |

Generous in: form-encoded, multipart or JSON, any casing of names, decimal commas, missing optional parts.
Strict out: only what the standard and the extension name, in UTF-8, times in UTC with their offset.

The standard has no idempotency key, and apps repeat what they got no answer to. The app's own id counts when it gives one
(`Idempotency-Key`, `external_id`, `attribute[fixmystreet_id]` ...); without, the same content within
`repeat_hours` is the same report. Both give the first answer again.

Each app sees only what it brought, and no personal data: no names, no texts, no places. What handlers wrote goes out only
to an app that is set to pass answers on to the reporter alone (`answers`).

Photos at an address (`media_url`) are fetched later, by a source of their own: a photo that is slow, too large or gone
never stands in the way of its report. Only origins on the list are asked; the address stands in the report in any case.

Known limitations:
- Without an id of its own, two equal reports by two people within `repeat_hours` count as one: name and address are
  part of what is compared, so it takes two anonymous ones with the same words at the same point.
- A report that is held back as suspect, or a service of type `batch`, is answered with a token.
- `blackbox` services and account logins are not offered.
- The standard knows open and closed. What stands between is told by updates, in mySociety's words.
"""

from adapters.open311.adapter import build

__all__ = ["build"]
