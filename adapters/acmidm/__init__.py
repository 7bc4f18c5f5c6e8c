"""What the portals behind ACM/IDM share. A library, not an adapter: nothing in `hub.toml` names it.

ACM/IDM is the access management of the Flemish government: an OpenID Connect provider that tells who logs in (`rrn`), and in
which capacity (`vo_doelgroepcode`): a citizen, somebody of a company, somebody of an association. Mijn Burgerprofiel, the
e-loket for companies and the Verenigingsloket let their visitors in through it, and so they have the same anatomy here:

| module | what it is |
|---|---|
| `provider.py` | the wire to the provider: discovery, keys, exchange of codes, introspection |
| `tokens.py` | whether a token is genuine, for us, and still valid; pure |
| `persona.py` | from claims to a party: who it is, never from a form; pure |
| `sealed.py`, `sessions.py` | log-ins under way and sessions, in sealed cookies |
| `entrance.py`, `pages.py` | log-in and log-out; own cases, new contact, reply |
| `bearer.py`, `api.py` | the doors for a portal's own systems: access tokens in, problem documents out |
| `cloud_events.py`, `oslo.py` | CloudEvents 1.0 with an OSLO-Melding inside |
| `register.py` | base registers that know the name behind a number |

The wire facts come from authenticatie.vlaanderen.be/docs, OpenID Connect Core 1.0, RFC 7523, 7636, 7662, 9068 and 9207.
"""
