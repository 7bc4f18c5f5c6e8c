"""The secrets of a new hub."""

import secrets
from pathlib import Path


def make_secrets(folder: Path) -> None:
    """Make the secrets of a new hub, for its owner's eyes only; those that exist are left alone."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name in ("master_keys", "hash_key", "reply_secret", "metrics_token"):
        file = folder / name
        if not file.exists():
            file.touch(mode=0o600)
            file.write_text(secrets.token_hex(32) + "\n")
