"""Handing out work: which effects are to be done, by id only. The journal is the truth; this is a doorbell."""
