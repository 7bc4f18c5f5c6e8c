"""The environment that the peers run in: apart from the hub's, built on first use with the
same Python, renewed with its lock."""

import hashlib
import subprocess
import sys
import venv
from pathlib import Path

FOLDER = Path(".venv-peers")
BIN = FOLDER.absolute() / "bin"
LOCK = Path(__file__).parent / "requirements.lock"
_STAMP = FOLDER / "built-from"


def prepare() -> str:
    """Build it unless it is there; "" when it is, otherwise why it could not be built."""
    wanted = f"{sys.base_prefix} {sys.version} {hashlib.sha256(LOCK.read_bytes()).hexdigest()}"
    if _STAMP.is_file() and _STAMP.read_text() == wanted:
        return ""
    if FOLDER.is_symlink():
        return f"{FOLDER} is a link: making it anew would empty the place it points to"
    print(f"==> building {FOLDER} for the peers, once (about a minute)", file=sys.stderr, flush=True)
    try:
        venv.create(FOLDER, clear=True, with_pip=True, symlinks=True)
        subprocess.run(
            [
                BIN / "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
                "--require-hashes",
                "-r",
                LOCK,
            ],
            check=True,
            capture_output=True,
            text=True,
        )
    except (OSError, subprocess.CalledProcessError) as error:
        lines = (getattr(error, "stderr", "") or str(error)).strip().splitlines()
        return f"{FOLDER} could not be built: {lines[-1] if lines else error}"
    _STAMP.write_text(wanted)
    return ""
