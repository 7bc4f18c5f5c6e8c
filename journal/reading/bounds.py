"""How much one look may cost."""

from typing import Final

PAGE: Final = 50
LOOK_BACK: Final = 5_000
"""How many rows a filtered page looks at before it hands back what it has, with the place to go on."""

MOST: Final = 1_000
"""Where a count stops: "1000 or more"."""
