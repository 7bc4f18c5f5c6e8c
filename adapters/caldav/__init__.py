"""A field team whose planning is a task list on a CalDAV server: every order is a task on the phones of the crew.

Any server that has `sync-collection` (RFC 6578) will do; Radicale is in the tests. Any app that edits tasks (VTODO,
RFC 5545) will do: the crew sets a status, a date, writes a note, adds a photo.

| the crew does | the hub reads |
|---|---|
| sets a start date, or moves the term | planned |
| sets "in progress" (`IN-PROCESS`) | in progress |
| ticks it off (`COMPLETED`) | done, with the note and new photos as evidence |
| cancels it (`CANCELLED`), or deletes the task | cancelled: a person looks |
| gives it the category "niet gevonden", or cancels it with "niet gevonden" in its note | cannot be found |

An order is put with `If-None-Match: *` under its own number, so the server itself refuses a second one. Taking back
and whatever else changes a task names the version that was read (`If-Match`): what the crew did meanwhile stays.

Known limitations:
- A task is a state, not a log: of two steps between two looks, the hub sees the last.
- Photos that an app keeps at an address are fetched only from `media_origins`, without log-in.
- The server's answer about one task may have 64 MB.
"""

from adapters.caldav.adapter import build

__all__ = ["build"]
