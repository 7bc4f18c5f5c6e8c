"""The same against npm's `oidc-provider`, which is certified: what we hold for the protocol is not only our own idea of it."""

import json
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from joserfc import jwt
from joserfc.jwk import RSAKey

from adapters.eloket import build as build_eloket
from adapters.mijn_burgerprofiel import build
from adapters.verenigingsloket import build as build_verenigingsloket
from demo.acmidm import AcmIdm
from ports.adapter import Build
from tests.adapters.acmidm.conftest import KEY
from tests.adapters.acmidm.portal import COOKIE_SECRET, ORIGIN, Stage, Visitor
from tests.servers.oidc import OidcProvider, node_provider

OURS = RSAKey.generate_key(2048, {"kid": "leuven", "use": "sig", "alg": "RS256"})
PORTALS: dict[str, tuple[Build, str, str]] = {
    "mijn_burgerprofiel": (build, "an", "An Peeters"),
    "eloket": (build_eloket, "willy", "Bakkerij De Korenbloem"),
    "verenigingsloket": (build_verenigingsloket, "lotte", "Chiro Kessel-Lo"),
}
HUB = f"{ORIGIN}/in/mijn_burgerprofiel"


def clients() -> list[dict[str, Any]]:
    portal = {
        "client_id": "leuven",
        "token_endpoint_auth_method": "private_key_jwt",
        "jwks": {"keys": [OURS.as_dict(private=False)]},
        "redirect_uris": [f"{ORIGIN}/in/{name}/callback" for name in PORTALS],
        "response_types": ["code"],
        "grant_types": ["authorization_code"],
        "scope": "openid profile rrn vo",
    }
    machine = {
        "client_id": "mbp",
        "client_secret": "geheim van mbp",
        "redirect_uris": [],
        "response_types": [],
        "grant_types": ["client_credentials"],
    }
    return [portal, machine]


@pytest.fixture(scope="module")
def provider() -> Iterator[OidcProvider]:
    with node_provider(clients(), claims_only_in_userinfo=True) as provider:
        yield provider


@pytest_asyncio.fixture
async def stage(provider: OidcProvider) -> AsyncIterator[Stage]:
    stage = Stage(AcmIdm(provider.issuer, key=KEY))
    stage.clock.jump(_now() - stage.clock.now())
    yield stage
    await stage.close()


def _now() -> Any:
    from datetime import UTC, datetime

    return datetime.now(UTC)


def settings(provider: OidcProvider, **log_in: Any) -> dict[str, Any]:
    return {
        "pages": {
            "public_url": ORIGIN,
            "cookie_secrets": [COOKIE_SECRET],
            "log_in": {
                "issuer": provider.issuer,
                "client_id": "leuven",
                "private_key": json.dumps(OURS.as_dict(private=True)),
                **log_in,
            },
        }
    }


async def through_its_pages(address: str, person: str) -> str:
    """Log in at the provider: its form for a name, its form for consent; where it sends the browser back to."""
    async with httpx.AsyncClient(trust_env=False) as browser:
        for _ in range(8):
            answer = await browser.get(address)
            if answer.status_code == 200:
                action = re.search(r'<form[^>]+action="([^"]+)"', answer.text)
                assert action, answer.text
                prompt = "login" if 'name="login"' in answer.text else "consent"
                fields = {"prompt": prompt, "login": person, "password": "x"}
                answer = await browser.post(str(answer.url.join(action[1])), data=fields)
            assert answer.status_code in (302, 303), answer.text
            address = str(answer.url.join(answer.headers["location"]))
            if address.startswith(ORIGIN):
                return address
    raise AssertionError("the provider goes in circles")


@pytest.mark.parametrize("name", PORTALS)
async def test_each_persona_comes_in_at_its_own_portal_with_a_signed_proof(
    stage: Stage, provider: OidcProvider, name: str
):
    """Code flow, PKCE, `private_key_jwt` with the issuer as audience, claims from userinfo."""
    build_portal, person, shown = PORTALS[name]
    visitor: Visitor = stage.visitor(stage.portal(build_portal, name, settings(provider)), name)

    back = await through_its_pages(await visitor.to_provider(), person)
    answer = await visitor.client.get(back)

    assert answer.status_code == 303, answer.text
    assert shown in (await visitor.get("/")).text


async def test_a_scope_that_was_not_granted_ends_every_log_in(stage: Stage, provider: OidcProvider):
    app = stage.portal(
        build, "mijn_burgerprofiel", settings(provider, scopes=["openid", "rrn", "ssm_mandaat"])
    )
    visitor = stage.visitor(app, "mijn_burgerprofiel")
    async with httpx.AsyncClient(trust_env=False) as browser:
        sent_back = await browser.get(await visitor.to_provider())

    answer = await visitor.client.get(sent_back.headers["location"])

    assert "error=invalid_scope" in sent_back.headers["location"]
    assert answer.status_code == 502


async def test_a_code_is_taken_once_by_the_provider(stage: Stage, provider: OidcProvider):
    visitor = stage.visitor(
        stage.portal(build, "mijn_burgerprofiel", settings(provider)), "mijn_burgerprofiel"
    )
    back = httpx.URL(await through_its_pages(await visitor.to_provider(), "an"))
    assert (await visitor.client.get(back)).status_code == 303

    again = httpx.URL(await visitor.to_provider())
    replayed = back.copy_set_param("state", again.params["state"])

    assert (await visitor.client.get(replayed)).status_code == 403


async def test_a_proof_is_taken_once_by_the_provider(provider: OidcProvider):
    now = int(_now().timestamp())
    claims = {
        "iss": "leuven",
        "sub": "leuven",
        "aud": provider.issuer,
        "jti": "one",
        "iat": now,
        "exp": now + 60,
    }
    form = {
        "grant_type": "authorization_code",
        "code": "unknown",
        "client_id": "leuven",
        "redirect_uri": f"{HUB}/callback",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": jwt.encode({"alg": "RS256", "kid": "leuven"}, claims, OURS),
    }
    async with httpx.AsyncClient(trust_env=False) as client:
        first = await client.post(f"{provider.issuer}/token", data=form)
        second = await client.post(f"{provider.issuer}/token", data=form)

    assert (first.json()["error"], second.json()["error"]) == ("invalid_grant", "invalid_client")


async def machine_token(provider: OidcProvider, **form: str) -> str:
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.post(
            f"{provider.issuer}/token",
            data={"grant_type": "client_credentials", "scope": "dv_mbp_incidents", **form},
            auth=("mbp", "geheim%20van%20mbp"),
        )
    assert answer.status_code == 200, answer.text
    return answer.json()["access_token"]


def door(provider: OidcProvider, **changes: Any) -> dict[str, Any]:
    reports = {"issuer": provider.issuer, "scope": "dv_mbp_incidents", "checked_by": "jwks", "audience": HUB}
    return {"reports": {**reports, **changes}, "categories": {"voetpad": {"title": "Voetpad"}}}


async def posted(stage: Stage, settings: dict[str, Any], token: str) -> httpx.Response:
    app = stage.portal(build, "mijn_burgerprofiel", settings)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=ORIGIN) as client:
        return await client.post(
            "/in/mijn_burgerprofiel/meldingen",
            json={"id": "1", "categorie": "voetpad", "omschrijving": "Een losse tegel"},
            headers={"Authorization": f"Bearer {token}"},
        )


async def test_a_machines_jwt_opens_the_door_for_which_it_was_made(stage: Stage, provider: OidcProvider):
    ours = await machine_token(provider, resource=HUB)
    others = await machine_token(provider, resource="https://elsewhere.example/")

    assert (await posted(stage, door(provider), ours)).status_code == 202
    assert (await posted(stage, door(provider), others)).status_code == 401


@pytest.mark.parametrize(("audience", "status"), [("", 202), ("https://elsewhere.example", 401)])
async def test_a_machines_opaque_token_is_asked_about(
    stage: Stage, provider: OidcProvider, audience: str, status: int
):
    async with httpx.AsyncClient(trust_env=False) as client:
        found = await client.get(f"{provider.issuer}/.well-known/openid-configuration")
    assert found.json()["introspection_endpoint"]
    token = await machine_token(provider, scope="rrn")
    asks = {
        "client_id": "mbp",
        "client_authentication": "client_secret_basic",
        "client_secret": "geheim van mbp",
    }
    settings = door(provider, checked_by="introspection", scope="rrn", audience=audience, **asks)

    assert (await posted(stage, settings, token)).status_code == status
    assert (await posted(stage, settings, token[:-1])).status_code == 401
