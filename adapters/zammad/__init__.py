"""Zammad, a help desk in which handler groups work on cases, used through its REST interface only.

NOT YET RUN AGAINST A REAL ZAMMAD. It was written after Zammad's documentation and, where that is silent (searching by
`condition`, merging), after its public source; the tests run it on a double that follows the same texts. Whoever
brings it into use must run the tracker contract on their Zammad first: docs/adapters/zammad.md says how.

How the hub works in it:
- Zammad has no key that is unique. A case is looked up before it is made and after; what turns out to be the second
  one is merged into the first, as Zammad's own people would do.
- Searches name a `condition`, which Zammad answers from its database; a `query` may go to a search index that lags.
- Cases stand on the name of one customer that the city makes for it. Zammad would mail anybody else.
- A text or file that the hub adds carries our key in its subject. They are looked up before they are made. An answer
  of a person is a public text of an agent without such a subject.
- What people do is polled by the date of the last change, with an overlap.

Known limitations:
- Everything above that is marked as unproven: see the first paragraph.
- Zammad knows no version check: of two who change the same field in the same moment, the last one wins.
- A case that a handler merged into another one is no longer found under its own number.
- More than 100 cases whose last change is in the very same millisecond are read page by page, which can miss one
  that changes meanwhile until it changes again.
- Files that a handler adds to an answer are not sent to the customer; only the text is.
- Cases that people make in Zammad itself have no reference of ours; they are left alone and logged once.
"""

from adapters.zammad.adapter import build

__all__ = ["build"]
