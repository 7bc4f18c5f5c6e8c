"""The product catalogue of Flanders (IPDC): what the city offers, and one answer about it for every channel.

| what is read | how | when |
|---|---|---|
| the feed of versions (LDES, `feed`) | page after page, the last one again with its ETag | every `poll_seconds` |
| the products of `numbers` (REST) | one by one, with their ETags | every `refresh_hours` |
| another product that somebody names by its number (REST) | once, then remembered in this process | when it is asked for |

The catalogue is kept in the journal, so it is there at once after a restart and in every process, also while IPDC is away.
The newest version of a product counts, in whatever order and however often versions come. A tombstone withdraws a product: it
is no longer offered, but old cases still show its name.

Known limitations:
- One process reads the feed at a time; the limit of requests is per process, so questions by number come on top of it.
- How a deletion looks in IPDC's own feed was not seen: a tombstone (Activity Streams) and a snapshot of the type `Delete` are understood.
- Only the newest version's text is kept. What was answered from an earlier one stands on the case itself.
- Products that only differ by place (a concept, and the city's instance of it) are two products with two numbers.
- The JSON-LD is read as IPDC writes it (compacted, with Dutch names); another context makes it unreadable, which is told.
"""

from adapters.ipdc.adapter import build

__all__ = ["build"]
