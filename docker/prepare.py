"""Makes fresh secrets for a trial in docker/secrets; those that exist are left alone: `python docker/prepare.py`.

Only Python itself and openssl are needed. The folder is for its owner's eyes only; the files in it can be read by whichever user a
container runs as, once compose has mounted them.
"""

import json
import secrets
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Final

MAILBOXES: Final = ("meldingen", "openbaardomein", "burgerzaken", "verzonden", "burgers")
"""The mailboxes of the trial; `burgers` gets what is meant for citizens."""
DOMAIN: Final = "leuven.test"

RSA: Final = ("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048")
SIGNED: Final = ("req", "-x509", "-key", "/dev/stdin", "-days", "3650", "-subj")
SIMULATORS: Final = (*SIGNED, "/CN=simulators", "-addext", "subjectAltName=DNS:simulators,DNS:localhost")
"""The simulators' own certificate, which the hub trusts for them and for nobody else."""
CITY: Final = (*SIGNED, "/CN=leuven.test")
"""By which the simulated MAGDA knows the city."""

FRESH: Final[Mapping[str, Callable[[], str]]] = {
    "master_keys": lambda: secrets.token_hex(32),
    "hash_key": lambda: secrets.token_hex(32),
    "reply_secret": lambda: secrets.token_hex(32),
    "metrics_token": lambda: secrets.token_hex(24),
    "roundup_jwt": lambda: secrets.token_hex(32),
    "roundup_handler_password": lambda: secrets.token_urlsafe(16),
    "mail_password": lambda: secrets.token_urlsafe(16),
    "website_webhook": lambda: f"whsec_{b64encode(secrets.token_bytes(32)).decode()}",
    "website_form_token": lambda: secrets.token_hex(24),
    "website_drupal_token": lambda: secrets.token_hex(24),
    "website_open_forms_token": lambda: secrets.token_hex(24),
    "open311_straatapp_key": lambda: secrets.token_hex(24),
    "phone_seal": lambda: secrets.token_hex(24),
    "phone_screen_pop": lambda: secrets.token_hex(24),
    "phone_webhook": lambda: f"whsec_{b64encode(secrets.token_bytes(32)).decode()}",
    "portal_cookies": lambda: secrets.token_hex(32),
    "portal_client": lambda: secrets.token_hex(24),
    "amqp_password": lambda: secrets.token_hex(24),
    "parkeren_password": lambda: secrets.token_hex(24),
    "vlaanderen_private_key": lambda: openssl(*RSA),
    "simulators_key": lambda: openssl(*RSA),
    "citycontrol": lambda: secrets.token_urlsafe(24),
    "citycontrol_caller": lambda: secrets.token_urlsafe(24),
    "planning": lambda: secrets.token_urlsafe(24),
    "cleaning": lambda: secrets.token_urlsafe(24),
    "groen_agenda": lambda: secrets.token_urlsafe(18),
    "magda_key": lambda: openssl(*RSA),
    "opt_out_seal": lambda: secrets.token_hex(24),
    "ipdc": lambda: secrets.token_urlsafe(24),
    "database_password": lambda: secrets.token_hex(24),
    "broker_password": lambda: secrets.token_hex(24),
    "grafana_password": lambda: secrets.token_urlsafe(16),
}
MADE_FROM: Final[Mapping[str, Callable[[Mapping[str, str]], str]]] = {
    "journal_url": lambda known: (
        f"postgresql+psycopg://wegwijzer:{known['database_password']}@database/wegwijzer"
    ),
    "broker_url": lambda known: f"amqp://wegwijzer:{known['broker_password']}@broker:5672//",
    "broker_definitions.json": lambda known: json.dumps(_broker_definitions(known), indent=1),
    "simulators_certificate": lambda known: openssl(*SIMULATORS, given=known["simulators_key"]),
    "magda_certificate": lambda known: openssl(*CITY, given=known["magda_key"]),
    "mail_passwd": lambda known: "\n".join(
        f"{name}@{DOMAIN}:{{PLAIN}}{known['mail_password']}" for name in MAILBOXES
    ),
}
"""What follows from others, as the program that reads it wants it."""


def openssl(*command: str, given: str = "") -> str:
    """What this command of openssl makes, in PEM."""
    done = subprocess.run(["openssl", *command], input=given, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def _broker_definitions(known: Mapping[str, str]) -> Mapping[str, object]:
    """The hub's own hand-out in `/`; in `systems` the hub, and each existing system with its own rights."""
    rights = {
        ("wegwijzer", "/"): (".*", ".*", ".*"),
        ("hub", "systems"): (".*", ".*", ".*"),
        ("parkeren", "systems"): (
            "^$",
            r"^wegwijzer\.in\.parkeren$",
            r"^wegwijzer\.(out|refused)\.parkeren$",
        ),
    }
    passwords = {"wegwijzer": "broker_password", "hub": "amqp_password", "parkeren": "parkeren_password"}
    return {
        "vhosts": [{"name": "/"}, {"name": "systems"}],
        "users": [
            {
                "name": user,
                "password_hash": _broker_hash(known[secret]),
                "hashing_algorithm": "rabbit_password_hashing_sha256",
                "tags": [],
            }
            for user, secret in passwords.items()
        ],
        "permissions": [
            {"user": user, "vhost": vhost, "configure": configure, "write": write, "read": read}
            for (user, vhost), (configure, write, read) in rights.items()
        ],
    }


def _broker_hash(password: str) -> str:
    """As RabbitMQ keeps a password."""
    salt = secrets.token_bytes(4)
    return b64encode(salt + sha256(salt + password.encode()).digest()).decode()


def prepare(folder: Path) -> list[str]:
    """Make what is missing; the names of what was made."""
    folder.mkdir(mode=0o700, exist_ok=True)
    made = [name for name in (*FRESH, *MADE_FROM) if not (folder / name).exists()]
    for name in FRESH:
        _keep(folder / name, FRESH[name])
    known = {name: (folder / name).read_text().strip() for name in FRESH}
    for name, build in MADE_FROM.items():
        _keep(folder / name, lambda build=build: build(known))
    return made


def _keep(file: Path, make: Callable[[], str]) -> None:
    if not file.exists():
        file.write_text(make() + "\n")
        file.chmod(0o444)


if __name__ == "__main__":
    found = prepare(Path(__file__).parent / "secrets")
    sys.stdout.write(f"made {', '.join(found) or 'nothing: all secrets are there'}\n")
