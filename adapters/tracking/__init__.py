"""What the trackers share. A library, not an adapter: nothing in `hub.toml` names it.

Whatever product the handler groups work in, they read the same words, and a case that moves from one to another keeps
its status, kind and channel.

| module | what it is |
|---|---|
| `words.py` | kinds, channels and statuses in the words of handlers; texts that every product takes |
| `subjects.py` | our key in the subject of a text, for products that have no field for it |
| `markup.py` | what a handler wrote in a rich editor, as plain text |
| `changes.py` | what people did there, polled and handed to the hub |
| `assembly.py` | the adapter of a tracker |

The first three are pure.
"""
