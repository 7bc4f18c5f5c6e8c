"""Who did something at a command line: the account under which it ran, and for whom it says it did it."""

import re
from typing import Final

LONGEST: Final = 45
"""Signs of each of the two; together they fit the columns that name somebody."""
_SIGNS: Final = re.compile(r"[^\w.@+-]+")


def at_terminal(account: str, told: str = "") -> str:
    """How somebody at a command line is written down: `els`, or `jan (els)` when els says that she acts for jan.

    What is told is free text; `account` is what the operating system vouches for, and is never left out.
    """
    account, told = _plain(account), _plain(told)
    return f"{told} ({account})" if told and told != account else account


def people(actor: str) -> frozenset[str]:
    """All who may be behind what `at_terminal` wrote, or behind a name of the console."""
    names = (one.strip() for one in actor.casefold().replace(")", "").split("("))
    return frozenset(name for name in names if name)


def _plain(name: str) -> str:
    return _SIGNS.sub("-", name.strip()).strip("-")[:LONGEST]
