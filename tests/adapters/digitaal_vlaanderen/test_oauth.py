"""The log-in: our assertion is accepted by a strict provider, tokens are kept and renewed, refusals have their error."""

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from fastapi import FastAPI
from joserfc import jwt
from joserfc.jwk import RSAKey
from pydantic import ValidationError
from starlette.responses import JSONResponse

from adapters.digitaal_vlaanderen.oauth import AccessTokens
from adapters.digitaal_vlaanderen.settings import LogIn
from demo.outside.digitaal_vlaanderen import TOKEN_PATH, Provider
from ports.clock import ManualClock
from ports.errors import MisconfiguredError, TransientError

ORIGIN = "http://127.0.0.1"
KEY = RSAKey.generate_key(2048, auto_kid=True)


@pytest.fixture
def clock():
    return ManualClock(datetime(2026, 3, 2, 9, 30, tzinfo=UTC))


@pytest.fixture
def provider(clock):
    return Provider(key=KEY, now=lambda: clock.now().timestamp())


@pytest.fixture
def app(provider):
    """A provider, with one thing behind it that wants a token."""
    app = FastAPI(openapi_url=None)
    provider.mount(app)
    app.state.calls = 0

    async def thing(request):
        app.state.calls += 1
        return JSONResponse({}, 200 if provider.lets_in(request) else 401)

    app.add_route("/thing", thing, methods=["GET", "POST"])
    return app


def settings_of(provider, **changes):
    return LogIn.model_validate(
        {
            "token_url": f"{ORIGIN}{TOKEN_PATH}",
            "client_id": provider.client_id,
            "private_key": provider.private_key,
            "scope": "DosisImport",
            **changes,
        }
    )


@asynccontextmanager
async def client_of(app, provider, clock, **changes):
    transport = httpx.ASGITransport(app)
    tokens = AccessTokens(settings_of(provider, **changes), clock, transport=transport)
    async with httpx.AsyncClient(base_url=ORIGIN, auth=tokens, transport=transport) as client:
        yield client
    await tokens.close()


async def test_a_token_is_asked_for_once_and_kept(app, provider, clock):
    async with client_of(app, provider, clock) as client:
        answers = await asyncio.gather(*[client.get("/thing") for _ in range(5)])

    assert [answer.status_code for answer in answers] == [200] * 5
    assert provider.asked == 1


async def test_a_token_is_renewed_before_it_ends(app, provider, clock):
    async with client_of(app, provider, clock) as client:
        await client.get("/thing")
        clock.advance(timedelta(seconds=36_000 - 181))
        await client.get("/thing")
        assert provider.asked == 1
        clock.advance(timedelta(seconds=2))
        await client.get("/thing")

    assert provider.asked == 2
    assert app.state.calls == 3


async def test_a_token_that_lives_shortly_is_used_for_half_its_life(app, provider, clock):
    provider.seconds = 60
    async with client_of(app, provider, clock) as client:
        await client.get("/thing")
        clock.advance(timedelta(seconds=29))
        await client.get("/thing")
        assert provider.asked == 1
        clock.advance(timedelta(seconds=2))
        await client.get("/thing")

    assert provider.asked == 2


async def test_a_token_that_was_withdrawn_is_replaced_once(app, provider, clock):
    async with client_of(app, provider, clock) as client:
        await client.get("/thing")
        provider.withdraw()

        answer = await client.post("/thing", content=b"the body goes along")

    assert answer.status_code == 200
    assert provider.asked == 2


async def test_who_is_refused_with_a_new_token_is_refused(app, provider, clock):
    provider.lets_in = lambda request: False
    async with client_of(app, provider, clock) as client:
        answer = await client.get("/thing")

    assert answer.status_code == 401
    assert app.state.calls == 1


async def test_the_assertion_says_who_we_are_and_for_whom(app, provider, clock):
    settings = settings_of(provider, audience="https://authenticatie.vlaanderen.be/op", assertion_seconds=600)
    tokens = AccessTokens(settings, clock)

    decoded = jwt.decode(tokens._assertion(), KEY, algorithms=["RS256"])

    now = int(clock.now().timestamp())
    assert decoded.header == {"alg": "RS256", "kid": KEY.kid, "typ": "JWT"}
    assert {**decoded.claims, "jti": ""} == {
        "iss": "6776",
        "sub": "6776",
        "aud": "https://authenticatie.vlaanderen.be/op",
        "iat": now,
        "exp": now + 600,
        "jti": "",
    }
    assert decoded.claims["jti"] != jwt.decode(tokens._assertion(), KEY).claims["jti"]
    await tokens.close()


def test_without_audience_it_is_the_token_address_in_lower_case(provider):
    settings = settings_of(provider, token_url="https://OAuth.example/V2/Token/")

    assert settings.assertion_audience == "https://oauth.example/v2/token"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"scope": "DOSISImport"}, "invalid_scope"),
        ({"client_id": "6777"}, "invalid_client"),
        ({"audience": "https://elsewhere.example"}, "invalid_client"),
        ({"private_key": RSAKey.generate_key(2048).as_pem(private=True).decode()}, "invalid_client"),
    ],
)
async def test_what_the_provider_refuses_is_a_setting(app, provider, clock, changes, code):
    async with client_of(app, provider, clock, **changes) as client:
        with pytest.raises(MisconfiguredError, match=code):
            await client.get("/thing")

    assert app.state.calls == 0


@pytest.mark.parametrize(
    ("day", "error"),
    [("down", TransientError), ("garbage", TransientError), ("refuses", MisconfiguredError)],
)
async def test_a_bad_day_of_the_provider(app, provider, clock, day, error):
    provider.day = day
    async with client_of(app, provider, clock) as client:
        with pytest.raises(error) as raised:
            await client.get("/thing")
        assert getattr(raised.value, "retry_after", 7) in (7, None)
        provider.day = ""

        assert (await client.get("/thing")).status_code == 200


async def test_a_provider_that_is_not_there_is_asked_again_later(provider, clock):
    def refuse(request):
        raise httpx.ReadTimeout("slow")

    tokens = AccessTokens(settings_of(provider), clock, transport=httpx.MockTransport(refuse))
    with pytest.raises(TransientError):
        await tokens.ready()
    await tokens.close()


@pytest.mark.parametrize(
    "key", ["nonsense", '{"kty": "RSA"}', KEY.as_pem(private=False).decode(), '{"kty":"oct","k":"AAAA"}']
)
def test_a_key_that_is_none_is_told_without_being_shown(provider, clock, key):
    with pytest.raises(MisconfiguredError, match="private_key") as raised:
        AccessTokens(settings_of(provider, private_key=key), clock)

    assert key not in str(raised.value)


@pytest.mark.parametrize("address", ["http://oauth.example/token", "oauth.example", "ftp://oauth.example"])
def test_a_log_in_without_protection_is_refused(provider, address):
    with pytest.raises(ValidationError, match="https"):
        settings_of(provider, token_url=address)


def test_the_provider_of_the_tests_is_strict(provider, clock):
    """Else all of the above would prove nothing."""
    now = int(clock.now().timestamp())
    good = {"iss": "6776", "sub": "6776", "aud": f"{ORIGIN}{TOKEN_PATH}", "iat": now, "exp": now + 120}
    bad = (
        {"jti": "1", "exp": now + 700},
        {"jti": "2", "exp": now - 1},
        {"jti": "3", "sub": "another"},
        {"jti": "4", "aud": "another"},
    )
    request = httpx.Request("POST", f"{ORIGIN}{TOKEN_PATH}")

    def complaint(claims, key=KEY):
        assertion = jwt.encode({"alg": "RS256", "kid": key.kid}, {**good, **claims}, key)
        form = {
            "grant_type": "client_credentials",
            "scope": "DosisImport",
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": assertion,
        }
        return provider._complaint(request, form)

    assert complaint({"jti": "0"}) == ""
    assert complaint({"jti": "0"}) == "invalid_client"  # the same one again
    assert {complaint(claims) for claims in bad} == {"invalid_client"}
    assert complaint({"jti": "5"}, RSAKey.generate_key(2048, auto_kid=True)) == "invalid_client"
