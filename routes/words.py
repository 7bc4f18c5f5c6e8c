"""Words of people, written so that they can be looked for in each other."""

import re
from typing import Final

_WORD: Final = re.compile(r"\w+")


def spoken(text: str) -> str:
    """The words in lower case with a space before each: `" stoep stuk"` for `"Stoep, stuk!"`.

    What is looked for, written so, stands in it from the start of a word on: `" stoep"` and `" stoep st"`, not `" toep"`.
    """
    return " " + " ".join(_WORD.findall(text.casefold()))
