"""What the building blocks of Digitaal Vlaanderen share. A library, not an adapter: nothing in `hub.toml` names it.

DOSIS and Notificaties are two REST services of one family: the same log-in, the same error documents, the same code lists.

| module | what it is |
|---|---|
| `oauth.py` | the log-in: OAuth 2.0 client credentials, where we prove who we are with a signed assertion |
| `service.py` | the wire: time-outs, and what an answer means for the worker |
| `problems.py` | error documents in words that hold no personal data; pure |
| `statuses.py` | our public status as phase and code of OSLO Dienst-Transactiemodel; pure |
| `settings.py` | what an administrator sets for all of these |

The facts come from the public pages "API-calls DOSIS" (Confluence of Digitaal Vlaanderen, IKPubliek), from RFC 6749 and 7523, and from
the source of a connector that is in use (github.com/Qmino/dosis-connector).
"""
