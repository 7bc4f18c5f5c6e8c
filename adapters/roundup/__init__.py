"""Roundup, the tracker in which handler groups work on cases: an off-the-shelf product, used through REST only.

The tracker home (`demo/roundup_home`) is its configuration: the classes `issue`, `msg`, `file` and `party`, the
Dutch vocabularies, a version counter, and pages for handlers. Any Roundup with such a home will do.

How the hub works in it:
- our reference is the unique key of a case, so Roundup itself refuses a second one;
- texts and files that the hub adds carry our key in `hubref`; they are looked up before they are made;
- every change names the ETag it was read with; a handler who was faster wins and we read again;
- what people do is polled: an answer is a public outgoing text without `hubref`.

Known limitations:
- Version checks are exact only when the server lets one writer in at a time, as `demo/roundup_wsgi.py` does.
- A text and its place on the case are two requests. Cut off in between, a text hangs nowhere until the next try.
  Two tries at the very same moment can leave such a text for good; nobody sees it.
- A case that was deleted ("retired") in Roundup counts as absent: opening it again makes a new one.
- Files that a handler adds to an answer are not sent to the customer; only the text is.
- A date cannot be taken away from a case again, only changed.
- Cases that people make in Roundup itself have no reference of ours; they are left alone and logged once.
- Whoever holds `jwt_secret` can be any user of the tracker: guard it as the administrator's password.
"""

from adapters.roundup.adapter import build

__all__ = ["build"]
