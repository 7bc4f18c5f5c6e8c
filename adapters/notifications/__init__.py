"""Notificaties, the service of Digitaal Vlaanderen that draws a citizen's attention to a change.

A citizen is reached by the national register number: the service knows the address and the wishes from Mijn Burgerprofiel. Whoever
has no such number can be reached by contact data of ours, and then a way out must be offered: a page of this adapter
(`webhook.py`). Who took it is not notified any more, by whatever number or address.

Known limitations:
- Not run against the real service: the top of the message and its keys are public, the nested parts are not. Those are templates in the settings.
- Nobody can be asked whether a notification arrived. One whose answer was lost is sent again under its own id, which the service recognises.
- To call a notification back is not in the public interface; without `paths.withdraw` it ends by its expiry date.
- Companies and associations are only reached with contact data of ours.
- The words of the mail are the service's own; the customer's language is passed on only where a template uses it.
"""

from adapters.notifications.adapter import build

__all__ = ["build"]
