"""Group mailboxes: mail in over IMAP, mail out over SMTP.

One instance is one IMAP server and one relay with any number of mailboxes. Mail is taken from `folder`
(INBOX), and moved to `done_folder` only after the journal has it; what cannot be understood is parked in
`failed_folder` and shown to people. To try such a mail again, drag it back to the inbox.

Outgoing mail gets `sent_mailbox` as an extra envelope recipient. A copy there proves that the relay took
the mail; so after a lost answer the hub can look before it sends again.

Known limitations
- Microsoft 365 is reached over IMAP and SMTP with XOAUTH2 (`oauth` settings), not over Microsoft Graph. What
  can go wrong with Graph's change notifications and delta queries (410 `SyncStateNotFound`, missed, doubled or
  late notifications, ids that change on a move) therefore cannot happen here and is not covered.
- Servers without MOVE and UIDPLUS keep taken mail in the inbox, marked as deleted, until somebody expunges.
- CONDSTORE claims and keywords are not used: a refused claim is answered with OK, and not every server has
  them. Two workers on one mailbox are harmless because the journal recognises what it has.
- The copy in `sent_mailbox` may come later than `sent_patience`: then one mail can go out twice, with the
  same Message-ID.
- A mail without any sender address is parked: there is nobody to answer.
- S/MIME signatures are taken off but not verified; encrypted mail is passed on as a file. RTF-only
  `winmail.dat` texts are not shown; the raw mail is kept.
- Mail to addresses with letters outside ASCII before the @ is refused (no SMTPUTF8).
- More than some 100,000 mails in the inbox at once exceed what Python's IMAP library reads in one line.
"""

from adapters.mailbox.adapter import build

__all__ = ["build"]
