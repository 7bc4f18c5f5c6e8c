"""Mijn Burgerprofiel: citizens log in through ACM/IDM, ask, report, follow their cases and reply.

| door, under `/in/<instance>` | who comes | proof of identity | the submission's own id |
|---|---|---|---|
| `GET /` and the pages behind it | citizens with a browser | log-in through ACM/IDM, capacity `BUR` | given out with the form |
| `POST /meldingen` | "Melding doen" | access token with the scope (`dv_mbp_incidents`) | member `id` |
| `GET /meldingen/<id>`, `GET /categorieen` | the same | the same | |

Who the customer is comes from the token, never from a form or a body. What they share with the other portals is in
`adapters/acmidm`.

Known limitations:
- The exact body of the building block "Melding doen" is not public; ours is a contract of its own, with a JSON schema for each category.
  Another shape needs a change in `contract.py` and `translate.py` only.
- A log-in that was ended at ACM/IDM itself (single log-out from elsewhere) ends here when the session is idle for too long.
- The pages are not made to be embedded in another site: their cookies stay on their own.
- The form on the pages does not ask the extra fields of a category; "Melding doen" does.
- The city's status reaches the overview of Mijn Burgerprofiel through DOSIS, not through this adapter.
- A mail address that a citizen gives is not proven to be theirs.
"""

from adapters.mijn_burgerprofiel.adapter import build

__all__ = ["build"]
