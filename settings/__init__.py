"""What a hub is told: `hub.toml` and what it names (dispatch table, texts, secrets), read and checked.

`sections` holds what each setting means, `configuration` reads it all, `live` is what a running hub decides by.
"""

from settings.configuration import ROLES, Configuration, in_words, load, reloadable, shipped_texts, texts_in
from settings.fresh_secrets import make_secrets
from settings.sections import Settings

__all__ = [
    "ROLES",
    "Configuration",
    "Settings",
    "in_words",
    "load",
    "make_secrets",
    "reloadable",
    "shipped_texts",
    "texts_in",
]
