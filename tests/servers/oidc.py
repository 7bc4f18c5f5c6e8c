"""Real OpenID providers for tests, each in a process of its own: npm's `oidc-provider` and PyPI's `oidc-provider-mock`."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from joserfc.jwk import RSAKey

from demo.acmidm import PEOPLE
from tests.servers.npm import npm_server
from tests.servers.private import free_port, leashed

FOLDER = Path(__file__).parent / "oidc_provider"
PATIENCE = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class OidcProvider:
    """A running provider."""

    issuer: str
    keys: tuple[RSAKey, ...] = field(default=(), repr=False)


@contextmanager
def node_provider(
    clients: Sequence[Mapping[str, Any]], *, port: int = 0, claims_only_in_userinfo: bool = False
) -> Iterator[OidcProvider]:
    """npm's certified provider; its own log-in page takes any name of `demo.acmidm.PEOPLE`, with any password."""
    port = port or free_port()
    key = RSAKey.generate_key(2048, {"kid": "node-1", "use": "sig", "alg": "RS256"})
    issuer = f"http://127.0.0.1:{port}"
    settings = {
        "issuer": issuer,
        "port": port,
        "clients": clients,
        "keys": [key.as_dict(private=True)],
        "scopes": ["openid", "profile", "rrn", "vo", "ssm_mandaat"],
        "api_scopes": ["dv_mbp_incidents"],
        "people": {person.name: dict(person.claims) for person in PEOPLE},
        "claims_only_in_userinfo": claims_only_in_userinfo,
    }
    with npm_server(FOLDER, "provider.mjs", settings):
        yield OidcProvider(issuer=issuer, keys=(key,))


@contextmanager
def mock_provider(user: Mapping[str, Any]) -> Iterator[OidcProvider]:
    """PyPI's mock: takes every client and secret; its log-in page has a form for any subject."""
    port = free_port()
    process = subprocess.Popen(
        leashed(
            [
                *(sys.executable, "-m", "oidc_provider_mock"),
                *("--port", str(port), "--user-claims", json.dumps(dict(user))),
            ]
        ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        issuer = f"http://localhost:{port}"
        _await_answer(process, issuer)
        yield OidcProvider(issuer=issuer)
    finally:
        process.kill()
        process.communicate()


def _await_answer(process: subprocess.Popen[str], issuer: str) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and process.poll() is None:
        try:
            if httpx.get(f"{issuer}/.well-known/openid-configuration", trust_env=False).is_success:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    process.kill()
    raise TimeoutError(f"oidc-provider-mock did not start: {process.communicate()[1][-2000:]}")
