"""Doing what the journal says: accept and hand out, claim, apply, record, sweep, listen.

The only room that decides what an error means for the next attempt.
"""
