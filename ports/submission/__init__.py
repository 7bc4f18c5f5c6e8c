"""The contract in which forms and existing systems submit a contact, the same at every door.

`contract` is the shape, `mapping` brings other shapes to it, `strict_json` reads it, `files` judges what came
along, `translate` makes the canonical contact of it. All pure.
"""
