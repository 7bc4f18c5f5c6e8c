"""How the hub is watched from outside: what it counts and measures, and the traces that it leaves.

Nothing here knows a message's content. Labels come from the configuration and from closed lists, so that their
number stays small and no personal data can get in.
"""
