"""DOSIS, the board of Digitaal Vlaanderen that tells customers how their cases stand.

Mijn Burgerprofiel, the e-loket for companies and the Verenigingsloket all read it: one upload with the right agents makes a
case visible to a citizen (INSZ), a company (KBO, vestigingsnummer) or an association (vCode). The hub pushes the status of each case,
asks what became of it, and hands on what DOSIS refused afterwards.

A city that would rather be polled by a connector of its own opens the feed (`webhook.py`): the same publications, read one after the other.

Known limitations:
- Not run against the real DOSIS: its hosts are behind a log-in. The wire is that of its public page and of a connector in use.
- DOSIS does not tell which status it shows. What stands there is told by the id of the last upload, which we make ourselves.
- An upload that is still being processed while its dossier is deleted may put it back; the reconciler finds it.
- A change date has no offset over there: in the hour that comes twice in October all changes bear its last second.
- Within one process an older status never follows a newer one; between processes the journal's order sees to it.
- The feed has no agents for associations, and cannot take a dossier back.
"""

from adapters.dosis.adapter import build

__all__ = ["build"]
