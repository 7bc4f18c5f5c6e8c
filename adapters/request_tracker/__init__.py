"""Request Tracker 5 (RT), a tracker in which handler groups work on cases, used through REST 2.0 only.

What it needs in RT (queues, a lifecycle, fields, an account with a token) stands in `demo/request_tracker_home`.

How the hub works in it:
- RT has no key that is unique for sure. A case is looked up before it is made and after; what turns out to be the
  second one is merged into the first, as RT's own people would do.
- RT says "200 OK" to a change that it did not make and "201 Created" to a field that it did not keep. Every write is
  read back.
- A text or file that the hub adds carries our key in its subject, in the same database transaction. They are looked
  up before they are made. An answer of a person is a public reply without such a subject.
- What people do is polled by the number of the transaction. RT's database hands out numbers before it shows the
  transaction, so a number that is missing is waited for.

Known limitations:
- Two hubs at once can both say that they made a case; RT has it once all the same.
- Version checks are RT's own: two who write in the very same moment can both succeed.
- A change of group together with other fields is two requests; cut off in between, the group has changed already.
- A case that a handler merged into another one is no longer found under its own number.
- The account of the hub must see every queue. A hundred transactions in a row that it may not see stop the feed.
- Files of the kinds `text/*` and `message/*` are kept as plain bytes: RT converts their letters otherwise.
- Files that a handler adds to an answer are not sent to the customer; only the text is.
- Cases that people make in RT itself have no reference of ours; they are left alone and logged once.
- RT computes a password hash for the token in every request: up to a quarter of a second with its default cost.
"""

from adapters.request_tracker.adapter import build

__all__ = ["build"]
