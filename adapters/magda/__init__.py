"""MAGDA, the data exchange of Flanders: the name behind a company number (KBO) or a national number (INSZ). Off until it is switched on.

| a contact has | and no name, then it gets | service |
|---|---|---|
| a company number | the registered name | `companies`: GeefOnderneming |
| an INSZ, by a channel of `persons.channels` | first and last name; the new INSZ when it was replaced | `persons`: GeefPersoon |

Only what is missing is filled in. Nothing is asked without a legal basis and a purpose in the settings, and every question about a
person is written in the audit trail before it is asked: our reference in MAGDA's own log, the service and the purpose, never the person.

SOAP 1.1 over TLS with a client certificate, signed with WS-Security. MAGDA tells trouble at three levels (SOAP fault, reply, answer); a
code decides what happens next, and its words go nowhere, for they may hold personal data.

Known limitations:
- Built to the public descriptions, connectors and mock of MAGDA; MAGDA itself, its WSDLs and its acceptance of a signature were not at hand.
- A person who is not registered for us in the repertory (RegistreerInschrijving) is not looked up; the hub does not register people.
- Address, age and family are not asked for and not kept, though GeefPersoon's answer holds them.
- The signature of answers is not checked: TLS proves whom we ask.
- A contact that came while MAGDA was away, busy or slow is not looked up later.
- Names of companies are kept in memory for some hours, per process; nothing about persons is kept.
"""

from adapters.magda.adapter import build

__all__ = ["build"]
