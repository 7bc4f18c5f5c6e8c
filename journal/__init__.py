"""The Message Store: what came in, what shall be done about it, what was tried and how it ended.

The journal is the truth; everything else can be rebuilt from it. Start reading at `journal.py`.
"""
