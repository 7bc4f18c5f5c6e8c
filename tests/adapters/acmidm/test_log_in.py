"""Log-in against a provider that behaves like ACM/IDM, and against one that lies."""

import hmac
import json
from base64 import urlsafe_b64encode
from datetime import timedelta

import httpx
import jwt as pyjwt
import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from adapters.acmidm.entrance import challenge_of
from adapters.mijn_burgerprofiel import build
from demo.acmidm import AcmIdm, Registered
from ports.errors import MisconfiguredError
from tests.adapters.acmidm.conftest import NAME
from tests.adapters.acmidm.portal import CLIENT, ORIGIN, Stage, Visitor, pages, registered

OTHER_KEY = RSAKey.generate_key(2048, {"kid": "other"})


def b64(content: object) -> str:
    return urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


def hs256(acm: AcmIdm, claims: dict[str, object]) -> str:
    """Made by hand: decent libraries refuse to take a public key for a secret."""
    signed = f"{b64({'alg': 'HS256', 'kid': str(acm.key.kid)})}.{b64(claims)}"
    digest = hmac.digest(acm.key.as_pem(private=False), signed.encode(), "sha256")
    return f"{signed}.{urlsafe_b64encode(digest).rstrip(b'=').decode()}"


FORGERIES = {
    "wrong audience": lambda acm, claims: acm.signed({**claims, "aud": "another"}),
    "several audiences, made for another": lambda acm, claims: acm.signed(
        {**claims, "aud": [CLIENT, "another"], "azp": "another"}
    ),
    "wrong issuer": lambda acm, claims: acm.signed({**claims, "iss": "https://evil.example/op"}),
    "expired": lambda acm, claims: acm.signed({**claims, "exp": claims["iat"] - 60}),
    "without an end": lambda acm, claims: acm.signed({**claims, "exp": None}),
    "too old": lambda acm, claims: acm.signed({**claims, "iat": claims["iat"] - 3600}),
    "from the future": lambda acm, claims: acm.signed({**claims, "iat": claims["iat"] + 3600}),
    "wrong nonce": lambda acm, claims: acm.signed({**claims, "nonce": "yesterday's"}),
    "no nonce": lambda acm, claims: acm.signed({**claims, "nonce": None}),
    "no subject": lambda acm, claims: acm.signed({**claims, "sub": None}),
    "algorithm none": lambda acm, claims: f"{b64({'alg': 'none'})}.{b64(claims)}.",
    "HS256 with the public key as secret": hs256,
    "another key under the provider's name": lambda acm, claims: jwt.encode(
        {"alg": "RS256", "kid": str(acm.key.kid)}, claims, OTHER_KEY
    ),
    "a key that nobody publishes": lambda acm, claims: jwt.encode(
        {"alg": "RS256", "kid": "other"}, claims, OTHER_KEY
    ),
    "an algorithm that was not agreed": lambda acm, claims: pyjwt.encode(
        claims, acm.key.private_key, algorithm="PS256", headers={"kid": str(acm.key.kid)}
    ),
    "changed after signing": lambda acm, claims: "{0}.{1}.{3}".format(
        *acm.signed(claims).split(".")[:1], b64({**claims, "rrn": "1"}), *acm.signed(claims).split(".")[1:]
    ),
    "critical header that nobody knows": lambda acm, claims: pyjwt.encode(
        claims,
        acm.key.private_key,
        algorithm="RS256",
        headers={"kid": str(acm.key.kid), "crit": ["https://rule.example"], "https://rule.example": 1},
    ),
    "no token at all": lambda acm, claims: "nothing",
}


@pytest.mark.parametrize("forgery", FORGERIES)
async def test_a_forged_id_token_lets_nobody_in(stage: Stage, an: Visitor, forgery: str):
    stage.provider.forge = lambda claims: FORGERIES[forgery](stage.provider, claims)

    answer = await an.log_in("an")

    assert answer.status_code == 403, forgery
    assert "geen geldig bewijs" in answer.text
    assert "Uw dossiers" not in (await an.get("/")).text


async def test_a_citizen_logs_in_and_sees_who_they_are(an: Visitor):
    answer = await an.log_in("an")

    assert (answer.status_code, answer.headers["location"]) == (303, f"/in/{NAME}/")
    page = (await an.get("/")).text
    assert "An Peeters" in page
    assert "85.07.30-***.**" in page
    assert "85073003328" not in page


async def test_the_browser_goes_on_where_it_wanted_to_be_and_nowhere_else(an: Visitor):
    inside = await an.log_in("an", "/login?next=/new")
    outside = await an.log_in("an", "/login?next=https://evil.example/")
    sideways = await an.log_in("an", "/login?next=//evil.example/new")

    assert inside.headers["location"] == f"/in/{NAME}/new"
    assert outside.headers["location"] == sideways.headers["location"] == f"/in/{NAME}/"


async def test_the_question_has_state_nonce_and_pkce_and_only_granted_scopes(an: Visitor):
    asked = httpx.URL(await an.to_provider()).params
    again = httpx.URL(await an.to_provider()).params

    assert asked["scope"] == "openid profile rrn vo"
    assert asked["redirect_uri"] == f"{ORIGIN}/in/{NAME}/callback"
    assert asked["code_challenge_method"] == "S256"
    assert all(len(asked[name]) >= 43 for name in ("state", "nonce", "code_challenge"))
    assert all(asked[name] != again[name] for name in ("state", "nonce", "code_challenge"))


def test_pkce_is_what_the_standard_says():
    """The example of RFC 7636, appendix B."""
    assert (
        challenge_of("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
        == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    )


async def test_an_answer_is_taken_once(an: Visitor):
    back = await an.back_from_provider(await an.to_provider(), "an")
    kept = dict(an.client.cookies)
    first = await an.client.get(back)
    an.client.cookies.update(kept)

    second = await an.client.get(back)

    assert (first.status_code, second.status_code) == (303, 400)


async def test_a_code_works_once_at_the_provider(stage: Stage, an: Visitor):
    """The same code with another, fresh log-in of ours: the provider refuses it."""
    spent = httpx.URL(await an.back_from_provider(await an.to_provider(), "an")).params["code"]
    await an.log_in("an")
    address = httpx.URL(await an.to_provider())
    stolen = f"/callback?code={spent}&state={address.params['state']}"
    await an.get(stolen)

    again = httpx.URL(await an.to_provider())
    answer = await an.get(f"/callback?code={spent}&state={again.params['state']}")

    assert answer.status_code == 403


async def test_a_code_that_took_too_long_is_worth_nothing(stage: Stage, an: Visitor):
    back = await an.back_from_provider(await an.to_provider(), "an")
    stage.clock.advance(timedelta(seconds=31))

    assert (await an.client.get(back)).status_code == 403


async def test_somebody_elses_answer_is_not_taken(stage: Stage, an: Visitor):
    """Log-in CSRF: a link with a code of the attacker, opened in the victim's browser."""
    victim = stage.visitor(an.client._transport.app, NAME)  # type: ignore[attr-defined]
    back = await an.back_from_provider(await an.to_provider(), "an")

    assert (await victim.client.get(back)).status_code == 400
    await victim.to_provider()
    assert (await victim.client.get(back)).status_code == 400


async def test_an_answer_of_another_provider_is_not_taken(an: Visitor):
    back = httpx.URL(await an.back_from_provider(await an.to_provider(), "an"))

    answer = await an.client.get(back.copy_set_param("iss", "https://evil.example/op"))

    assert answer.status_code == 400


async def test_a_log_in_that_takes_more_than_a_quarter_of_an_hour_begins_again(stage: Stage, an: Visitor):
    back = await an.to_provider()
    stage.clock.advance(timedelta(minutes=16))

    answer = await an.client.get(await an.back_from_provider(back, "an"))

    assert answer.status_code == 400
    assert "Probeer opnieuw" in answer.text


async def test_a_cancelled_log_in_says_so(an: Visitor):
    state = httpx.URL(await an.to_provider()).params["state"]

    answer = await an.get(f"/callback?error=access_denied&state={state}")

    assert answer.status_code == 403
    assert "afgebroken" in answer.text


async def test_a_scope_that_was_not_granted_is_our_fault_and_the_page_says_so(stage: Stage):
    settings = {"pages": pages(stage.provider, scopes=["openid", "rrn", "ssm_mandaat"])}
    visitor = stage.visitor(stage.portal(build, NAME, settings), NAME)

    answer = await visitor.log_in("an")

    assert answer.status_code == 502
    assert "niet goed ingesteld" in answer.text


@pytest.mark.parametrize("person", ["willy", "lotte"])
async def test_another_capacity_is_shown_the_way(an: Visitor, person: str):
    answer = await an.log_in(person)

    assert answer.status_code == 403
    assert "andere hoedanigheid" in answer.text


async def test_a_means_of_log_in_that_is_too_weak_is_refused(stage: Stage):
    settings = {"pages": pages(stage.provider, accepted_acr=["urn:be:vlaanderen:authmech:itsme"])}
    visitor = stage.visitor(stage.portal(build, NAME, settings), NAME)

    answer = await visitor.log_in("an")

    assert answer.status_code == 403
    assert "sterkere digitale sleutel" in answer.text


async def test_claims_that_are_not_in_the_id_token_are_asked_for(stage: Stage, an: Visitor):
    stage.provider.claims_in_id_token = False

    await an.log_in("an")

    assert "An Peeters" in (await an.get("/")).text
    assert "/op/v1/userinfo" in stage.provider.asked


async def test_the_provider_may_change_its_key(stage: Stage, an: Visitor):
    await an.log_in("an")
    stage.clock.advance(timedelta(minutes=1))
    stage.provider.rotate()

    assert (await an.log_in("an")).status_code == 303


async def test_forged_key_names_do_not_hammer_the_provider(stage: Stage, an: Visitor):
    await an.log_in("an")
    stage.provider.forge = lambda claims: FORGERIES["a key that nobody publishes"](stage.provider, claims)
    asked = stage.provider.asked.count("/op/v1/keys")

    for _ in range(5):
        await an.log_in("an")

    assert stage.provider.asked.count("/op/v1/keys") <= asked + 1


async def test_what_the_provider_publishes_is_remembered(stage: Stage, an: Visitor):
    await an.log_in("an")
    await an.log_in("an")

    assert stage.provider.asked.count("/op/.well-known/openid-configuration") == 1


async def test_we_prove_who_we_are_with_a_key(stage: Stage):
    ours = RSAKey.generate_key(2048, {"kid": "leuven"})
    back = (f"{ORIGIN}/in/{NAME}/callback",)
    client = Registered(id=CLIENT, key=RSAKey.import_key(ours.as_dict(private=False)), redirect_uris=back)
    registered(stage.provider, NAME, client)
    log_in = {
        "client_authentication": "private_key_jwt",
        "client_secret": None,
        "private_key": json.dumps(ours.as_dict(private=True)),
    }
    settings = {"pages": pages(stage.provider, **log_in)}
    visitor = stage.visitor(stage.portal(build, NAME, settings), NAME)

    first, second = await visitor.log_in("an"), await visitor.log_in("an")

    assert (first.status_code, second.status_code) == (303, 303), "each proof has a `jti` of its own"


async def test_a_replayed_proof_is_refused_by_the_provider(stage: Stage):
    """The provider of our tests really looks at `jti`: else the test before this one proved nothing."""
    ours = RSAKey.generate_key(2048, {"kid": "leuven"})
    stage.provider.clients["m2m"] = Registered(
        id="m2m", key=RSAKey.import_key(ours.as_dict(private=False)), scopes=("dv_mbp_incidents",)
    )
    now = int(stage.clock.now().timestamp())
    claims = {"iss": "m2m", "sub": "m2m", "aud": stage.provider.issuer, "jti": "1", "exp": now + 60}
    form = {
        "grant_type": "client_credentials",
        "client_id": "m2m",
        "scope": "dv_mbp_incidents",
        "client_assertion": jwt.encode({"alg": "RS256"}, claims, ours),
    }
    async with httpx.AsyncClient(trust_env=False) as client:
        first = await client.post(f"{stage.provider.issuer}/v1/token", data=form)
        second = await client.post(f"{stage.provider.issuer}/v1/token", data=form)

    assert (first.status_code, second.status_code) == (200, 401)


async def test_a_provider_that_is_away_takes_only_the_log_in_with_it(stage: Stage, an: Visitor):
    away = AcmIdm("http://127.0.0.1:9/op")
    visitor = stage.visitor(stage.portal(build, NAME, {"pages": pages(away)}), NAME)

    answer = await visitor.get("/login")

    assert answer.status_code == 503
    assert "antwoordt niet" in answer.text
    assert int(answer.headers["retry-after"]) > 0
    assert (await visitor.get("/")).status_code == 200


async def test_who_is_logged_in_stays_so_while_the_provider_is_away(stage: Stage, an: Visitor):
    await an.log_in("an")
    stage.provider.issuer = "http://127.0.0.1:9/op"
    stage.clock.advance(timedelta(minutes=10))

    assert "An Peeters" in (await an.get("/")).text


async def test_another_provider_under_that_address_is_not_believed(stage: Stage):
    settings = {"pages": pages(stage.provider, issuer=f"{stage.provider.issuer}/")}
    visitor = stage.visitor(stage.portal(build, NAME, settings), NAME)

    answer = await visitor.get("/login")

    assert answer.status_code == 502


async def test_a_wrong_secret_is_our_fault_not_the_citizens(stage: Stage):
    settings = {"pages": pages(stage.provider, client_secret="another")}
    visitor = stage.visitor(stage.portal(build, NAME, settings), NAME)

    answer = await visitor.log_in("an")

    assert answer.status_code == 502
    assert "niet goed ingesteld" in answer.text


async def test_the_check_asks_the_provider_and_changes_nothing(stage: Stage):
    stage.portal(build, NAME, {"pages": pages(stage.provider)})
    away = AcmIdm("http://127.0.0.1:9/op")
    stage.portal(build, NAME, {"pages": pages(away)})
    fine, broken = stage.adapters

    assert await fine.check() == ()
    assert "can't be reached" in (await broken.check())[0]


@pytest.mark.parametrize(
    ("log_in", "complaint"),
    [
        ({"client_authentication": "private_key_jwt"}, "private_key"),
        ({"client_authentication": "client_secret_basic", "client_secret": None}, "client_secret"),
        ({"issuer": "http://authenticatie.vlaanderen.be/op"}, "https"),
        ({"client_authentication": "private_key_jwt", "private_key": "no key"}, "private_key"),
        ({"algorithms": ["HS256"]}, "algorithms"),
    ],
)
async def test_settings_that_cannot_work_are_named(stage: Stage, log_in: dict[str, object], complaint: str):
    with pytest.raises(MisconfiguredError, match=complaint) as caught:
        stage.portal(build, NAME, {"pages": pages(stage.provider, **log_in)})

    assert "s3cret" not in str(caught.value)
