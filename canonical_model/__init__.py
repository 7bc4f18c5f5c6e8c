"""What Wegwijzer talks about: contacts, cases and the people behind them, in the words of the city.

Plain frozen values without any technology. Words and sources: `docs/glossary.md`; the case follows
OSLO-Melding, the contact moment VNG Klantinteracties.
"""
