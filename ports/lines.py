"""The lines to the database and the broker: to another machine they are encrypted, and the other side is proven.

Facts: https://www.postgresql.org/docs/15/libpq-ssl.html (`sslmode=verify-full` proves authority and name; the
default `prefer` falls back to plaintext without a word).
"""

from ipaddress import ip_address
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from ports.errors import MisconfiguredError

PROVEN = "verify-full"


def journal_line(url: str, *, ca_file: str = "", plaintext: bool = False) -> str:
    """The address of the journal with what makes libpq prove the server. SQLite stays as it is.

    `ca_file` = the authority of its certificate, "" = those that the system trusts. Raises `MisconfiguredError` for a
    line to another machine that is not proven, unless `plaintext` allows it.
    """
    if not url.startswith("postgresql"):
        return url
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query))
    host = options.get("host") or parts.hostname or ""
    mode = options.get("sslmode") or (PROVEN if ca_file or (_elsewhere(host) and not plaintext) else "")
    if _elsewhere(host) and mode != PROVEN and not plaintext:
        raise MisconfiguredError(
            f"[journal] url asks for sslmode={mode} to another machine: use {PROVEN}, or set plaintext = true"
        )
    if mode == PROVEN:
        options = {"sslrootcert": ca_file or "system", **options, "sslmode": PROVEN}
    query = urlencode(options, quote_via=quote, safe="/:")
    return urlunsplit(parts._replace(query=query))


def broker_line(url: str, *, plaintext: bool = False) -> str:
    """The broker's address or addresses; `MisconfiguredError` for plaintext to another machine."""
    for one in url.split(";"):
        parts = urlsplit(one.strip())
        if parts.scheme == "amqp" and _elsewhere(parts.hostname or "") and not plaintext:
            raise MisconfiguredError(
                "[broker] url is plaintext to another machine: use amqps://, or set plaintext = true"
            )
    return url


def refuse_password(url: str, section: str) -> None:
    """No password to another machine stands in `hub.toml`: `MisconfiguredError` says where it belongs."""
    for one in url.split(";"):
        parts = urlsplit(one.strip())
        if parts.password and _elsewhere(parts.hostname or ""):
            raise MisconfiguredError(
                f"[{section}] url holds a password: put the whole address in a file of the secrets folder and "
                f'write url = "secret:{section}_url"'
            )


def _elsewhere(host: str) -> bool:
    """Whether this is another machine. A folder is a socket on this one."""
    if host in ("", "localhost") or host.startswith("/"):
        return False
    try:
        return not ip_address(host).is_loopback
    except ValueError:
        return True
