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
    line to another machine that is not proven, unless `plaintext` allows it. Several hosts (`host=a:5432&host=b:5432`)
    are a server and its standby.
    """
    if not url.startswith("postgresql"):
        return url
    parts = urlsplit(url)
    options = parse_qsl(parts.query)
    elsewhere = any(map(_elsewhere, _hosts(options) or [parts.hostname or ""]))
    mode = dict(options).get("sslmode") or (PROVEN if ca_file or (elsewhere and not plaintext) else "")
    if elsewhere and mode != PROVEN and not plaintext:
        raise MisconfiguredError(
            f"[journal] url asks for sslmode={mode} to another machine: use {PROVEN}, or set plaintext = true"
        )
    if mode == PROVEN:
        authority = dict(options).get("sslrootcert") or ca_file or "system"
        kept = [(name, value) for name, value in options if name not in ("sslrootcert", "sslmode")]
        options = [*kept, ("sslrootcert", authority), ("sslmode", PROVEN)]
    query = urlencode(options, quote_via=quote, safe="/:")
    return urlunsplit(parts._replace(query=query))


def _hosts(options: list[tuple[str, str]]) -> list[str]:
    """Those that the options name, without their ports."""
    named = (host for name, value in options if name == "host" for host in value.split(","))
    return [host.partition(":")[0] if host.count(":") == 1 else host for host in named]


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
