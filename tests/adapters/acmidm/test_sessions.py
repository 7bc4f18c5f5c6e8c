"""Sessions: opaque, bound to this host, over when they are over."""

import pytest

from adapters.mijn_burgerprofiel import build
from tests.adapters.acmidm.conftest import INSZ, NAME
from tests.adapters.acmidm.portal import COOKIE_SECRET, Stage, Visitor, pages

COOKIE = f"__Host-{NAME}"


async def test_the_cookie_is_for_this_host_over_https_and_not_for_scripts(an: Visitor):
    answer = await an.log_in("an")

    (cookie,) = [one for one in answer.headers.get_list("set-cookie") if one.startswith(f"{COOKIE}=")]
    attributes = {part.strip().lower() for part in cookie.split(";")[1:]}
    assert {"path=/", "secure", "httponly", "samesite=lax"} <= attributes
    assert not any(part.startswith("domain") for part in attributes)


async def test_the_cookie_tells_nothing_and_fits(an: Visitor):
    await an.log_in("an")
    value = an.client.cookies[COOKIE]

    assert INSZ not in value
    assert "Peeters" not in value
    assert len(value) <= 4000


@pytest.mark.parametrize("changed", ["", "nonsense", "gAAAAA", "AA{0}", "{1}"])
async def test_a_cookie_that_was_changed_is_worth_nothing(an: Visitor, changed: str):
    await an.log_in("an")
    value = an.client.cookies[COOKIE]
    an.client.cookies.clear()
    flipped = value[:60] + ("A" if value[60] != "A" else "B") + value[61:]
    an.client.cookies.set(COOKIE, changed.format(value, flipped))

    assert (await an.get("/new")).status_code == 401


async def test_a_log_in_under_way_is_no_session(an: Visitor):
    await an.to_provider()
    an.client.cookies.set(COOKIE, an.client.cookies[f"{COOKIE}-login"])

    assert (await an.get("/new")).status_code == 401


async def test_every_log_in_is_a_new_session(an: Visitor):
    await an.log_in("an")
    first, form = an.client.cookies[COOKIE], await an.form("/new")
    await an.log_in("an")

    assert an.client.cookies[COOKIE] != first
    assert (await an.form("/new"))["csrf"] != form["csrf"]


async def test_log_out_ends_the_session_here_and_at_the_provider(stage: Stage, an: Visitor):
    await an.log_in("an")
    kept = an.client.cookies[COOKIE]
    form = await an.form("/new")

    answer = await an.post("/logout", {"csrf": form["csrf"]})

    assert answer.status_code == 303
    assert answer.headers["location"].startswith(f"{stage.provider.issuer}/v1/logout?client_id=")
    assert "id_token_hint=" in answer.headers["location"]
    assert COOKIE not in an.client.cookies
    an.client.cookies.set(COOKIE, kept)
    assert (await an.get("/new")).status_code == 401, "a copy of the cookie is worth nothing either"


async def test_what_was_ended_stays_so_after_a_restart_and_elsewhere(stage: Stage, an: Visitor):
    await an.log_in("an")
    kept = an.client.cookies[COOKIE]
    await an.post("/logout", {"csrf": (await an.form("/new"))["csrf"]})

    restarted = stage.visitor(stage.portal(build, NAME, {"pages": pages(stage.provider)}), NAME)
    restarted.client.cookies.set(COOKIE, kept)

    assert (await restarted.get("/new")).status_code == 401


async def test_a_restart_logs_nobody_out(stage: Stage, an: Visitor):
    await an.log_in("an")

    restarted = stage.visitor(stage.portal(build, NAME, {"pages": pages(stage.provider)}), NAME)
    restarted.client.cookies.update(an.client.cookies)

    assert (await restarted.get("/new")).status_code == 200


async def test_the_secret_can_be_replaced_while_people_are_logged_in(stage: Stage, an: Visitor):
    await an.log_in("an")
    renewed = {**pages(stage.provider), "cookie_secrets": ["x" * 40, COOKIE_SECRET]}
    without = {**pages(stage.provider), "cookie_secrets": ["x" * 40]}

    for settings, status in ((renewed, 200), (without, 401)):
        visitor = stage.visitor(stage.portal(build, NAME, {"pages": settings}), NAME)
        visitor.client.cookies.update(an.client.cookies)
        assert (await visitor.get("/new")).status_code == status
