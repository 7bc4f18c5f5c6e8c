"""What happens with a message: pure functions, one file per flow, wired together in `router.py`.

Same message, same knowledge, same configuration: same decision. No I/O, no clock, no chance.
"""
