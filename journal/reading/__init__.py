"""The read side of the journal: what people may look at, as plain rows without personal data.

A file for each thing that is looked at: `messages`, `effects`, `cases` and their `passports`, what `search` finds,
`failures`, `systems` and their incidents, the `audit` trail. Every function takes a connection and answers within a
tenth of a second at 100,000 messages: lists are pages by key, counts stop at a bound and say so, nothing walks a whole
table. Opening a seal for a person is apart, in `journal/revealing.py`.
"""
