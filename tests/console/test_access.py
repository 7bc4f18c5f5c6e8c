"""Who gets in, what a form must prove, and what every answer carries: over all routes there are."""

from collections.abc import Callable
from typing import Any

import pytest
from starlette.routing import Mount

from console import ConsoleSettings, create_console
from console.access import RIGHTS, Right, Role, required
from console.armour import HEADERS
from tests.console.conftest import ORIGIN, Browser
from tests.console.seed import City

UNSAFE = {"POST", "PUT", "PATCH", "DELETE"}
OPEN_TO_ALL = {
    ("GET", "/login"),
    ("POST", "/login"),
    ("POST", "/language"),
    ("GET", "/accessibility"),
    ("GET", "/receipts/{message_id}"),
    ("POST", "/api/session"),
}


def routes(app: Any) -> list[tuple[str, str, Any]]:
    """(method, path, endpoint) of everything that answers, however deep it was included."""
    found = []
    waiting = list(app.routes)
    while waiting:
        route = waiting.pop()
        inner = getattr(route, "original_router", None) or getattr(route, "router", None)
        if isinstance(route, Mount):
            continue
        if hasattr(route, "endpoint"):
            found += [(method, route.path, route.endpoint) for method in sorted(route.methods - {"HEAD"})]
        elif inner is not None:
            waiting += inner.routes
        else:
            raise AssertionError(f"a kind of route that this test does not know: {route!r}")
    return found


def pages(app: Any) -> list[tuple[str, str, Any]]:
    """Where browsers come; what programs use has tests of its own (`test_replay_api.py`)."""
    return [route for route in routes(app) if not route[1].startswith("/api/")]


def filled(path: str, city: City) -> str:
    """A path with ids that exist, so that only the right decides."""
    values = {
        "{message_id}": city.messages["refused"],
        "{effect_id}": "0" * 32,
        "{ref}": city.cases["answered"],
        "{name}": "tracker",
        "{plan_id}": "0" * 32,
        "{number}": "1",
        "{language}": "nl",
    }
    for blank, value in values.items():
        path = path.replace(blank, value)
    return path


def test_every_route_declares_its_right(city: City):
    app = create_console(city.journal, ConsoleSettings())

    found = routes(app)

    assert len(found) >= 25
    assert {path for _, path, _ in found} >= {"/", "/cases/{ref}", "/live", "/systems/{name:path}/pause"}
    assert [(method, path) for method, path, endpoint in found if required(endpoint) is None] == []
    assert {(m, p) for m, p, endpoint in found if required(endpoint) is Right.PUBLIC} == OPEN_TO_ALL


def test_only_the_style_sheet_and_its_like_are_mounted_beside_the_routes(city: City):
    app = create_console(city.journal, ConsoleSettings())

    assert [route.path for route in app.routes if isinstance(route, Mount)] == ["/static"]


async def test_an_endpoint_that_forgot_its_right_answers_nobody(city: City, open_browser):
    browser = open_browser()
    app = browser.client._transport.app

    @app.get("/forgotten")
    async def forgotten():
        return {"secret": 1}

    await browser.log_in(Role.ADMINISTRATOR)
    answer = await browser.get("/forgotten")

    assert answer.status_code == 403
    assert "secret" not in answer.text


@pytest.mark.parametrize("role", [None, *Role])
async def test_each_role_gets_what_it_may_and_nothing_else(
    city: City, open_browser: Callable[[], Browser], role: Role | None
):
    browser = open_browser()
    if role:
        await browser.log_in(role)
    app = browser.client._transport.app
    token = await browser.token()
    granted = {Right.PUBLIC} | ({Right.SIGNED_IN} | RIGHTS[role] if role else set())
    wrong = []
    for method, path, endpoint in pages(app):
        if path.endswith("/live") or path == "/logout":
            continue
        target = filled(path, city)
        if method == "GET":
            answer = await browser.get(target)
        else:
            answer = await browser.post(target, {"reason": ""}, token=token)
        allowed = required(endpoint) in granted
        refused = answer.status_code == 403 or answer.headers.get("location", "").startswith("/login")
        if refused == allowed:
            wrong.append((method, path, answer.status_code))
        assert answer.status_code < 500

    assert wrong == []


async def test_the_live_stream_asks_for_a_session(open_browser: Callable[[], Browser]):
    assert (await open_browser().get("/live")).status_code == 401


async def test_a_form_from_elsewhere_is_refused_on_every_route(city: City, administrator: Browser):
    app = administrator.client._transport.app
    token = await administrator.token()
    forgeries = [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": f"{ORIGIN}.evil.example"},
        {"Origin": ORIGIN, "Sec-Fetch-Site": "cross-site"},
        {"Origin": ORIGIN, "Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {},
    ]
    answers = []
    for method, path, _ in pages(app):
        if method in UNSAFE:
            for headers in forgeries:
                answer = await administrator.client.request(
                    method, filled(path, city), data={"csrf": token, "reason": "zomaar"}, headers=headers
                )
                answers.append((path, headers, answer.status_code))

    assert len(answers) >= 7 * 12
    assert [answer for answer in answers if answer[2] != 403] == []


async def test_a_form_without_our_token_is_refused_on_every_route(city: City, administrator: Browser):
    app = administrator.client._transport.app
    stranger = "x" * 43
    answers = [
        (path, (await administrator.post(filled(path, city), {"reason": "zomaar"}, token=token)).status_code)
        for method, path, _ in pages(app)
        if method in UNSAFE
        for token in ("", stranger)
    ]

    assert [answer for answer in answers if answer[1] != 403] == []


async def test_a_form_of_our_own_page_passes(administrator: Browser, city: City):
    answer = await administrator.post("/systems/tracker/pause", {"reason": "onderhoud"})

    assert answer.status_code == 303
    states = {state.name: state.paused for state in await city.journal.system_states()}
    assert states["tracker"]


async def test_a_browser_that_hides_its_origin_is_believed_by_its_fetch_metadata(administrator: Browser):
    token = await administrator.token()

    answer = await administrator.client.post(
        "/systems/tracker/pause",
        data={"csrf": token, "reason": "onderhoud"},
        headers={"Origin": "null", "Sec-Fetch-Site": "same-origin"},
    )

    assert answer.status_code == 303


async def test_nothing_changes_by_get(city: City, administrator: Browser):
    app = administrator.client._transport.app
    only_post = {path for method, path, _ in pages(app) if method in UNSAFE}
    with_get = {path for method, path, _ in pages(app) if method == "GET"}

    for path in only_post - with_get:
        assert (await administrator.get(filled(path, city))).status_code == 405


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("application/json", b"{}", 415),
        ("multipart/form-data; boundary=x", b"--x--", 415),
        ("application/x-www-form-urlencoded", b"csrf=1&csrf=2", 400),
        ("application/x-www-form-urlencoded", b"a=\xff\xfe", 400),
        ("application/x-www-form-urlencoded", b"&".join(b"a%d=1" % n for n in range(40)), 400),
        ("application/x-www-form-urlencoded", b"reason=" + b"x" * 40_000, 413),
    ],
)
async def test_what_is_no_form_of_ours_is_refused(
    administrator: Browser, content_type: str, body: bytes, status: int
):
    answer = await administrator.client.post(
        "/systems/tracker/pause", content=body, headers={"Origin": ORIGIN, "Content-Type": content_type}
    )

    assert answer.status_code == status


async def test_every_answer_carries_the_guarding_headers(
    city: City, administrator: Browser, open_browser: Callable[[], Browser]
):
    app = administrator.client._transport.app
    paths = [filled(path, city) for method, path, _ in pages(app) if method == "GET" and path != "/live"]
    paths += ["/nope", "/static/console.css", "/static/nope.css", "/docs", "/openapi.json", "/redoc"]
    stranger = open_browser()

    for browser in (administrator, stranger):
        for path in paths:
            answer = await browser.get(path)
            expected = dict(HEADERS)
            if path == "/static/console.css":
                expected["Cache-Control"] = "no-cache"
            assert {name: answer.headers.get(name) for name in expected} == expected, path


async def test_a_refused_form_carries_the_headers_as_well(administrator: Browser):
    answer = await administrator.post("/systems/tracker/pause", origin="https://evil.example")

    assert answer.status_code == 403
    assert answer.headers["content-security-policy"] == HEADERS["Content-Security-Policy"]


async def test_an_error_that_nobody_foresaw_tells_nothing_but_a_number(city: City, administrator: Browser):
    app = administrator.client._transport.app
    await city.journal.database.close()

    def broken(*_args, **_kwargs):
        raise ArithmeticError("secret detail in Traceback")

    app.state.desk.journal.database.read = broken
    answer = await administrator.get("/")

    assert answer.status_code == 500
    assert "Er ging iets mis" in answer.text
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text
    assert answer.headers["content-security-policy"] == HEADERS["Content-Security-Policy"]
    assert answer.headers["cache-control"] == "no-store"


async def test_a_journal_that_is_away_is_told_as_such(city: City, administrator: Browser):
    await city.journal.close()

    answer = await administrator.get("/")

    assert answer.status_code == 503
    assert "Even niet beschikbaar" in answer.text


async def test_there_is_no_description_of_the_interface(administrator: Browser):
    for path in ("/docs", "/redoc", "/openapi.json"):
        assert (await administrator.get(path)).status_code == 404


class TestOverHttps:
    @pytest.fixture
    def settings(self) -> ConsoleSettings:
        return ConsoleSettings(public_url="https://wegwijzer.test")

    async def test_the_cookie_is_bound_to_the_host(self, open_browser: Callable[[], Browser], city: City):
        browser = open_browser()
        token = await browser.token()

        answer = await browser.client.post(
            "/login",
            data={"csrf": token, "name": "auditor", "password": "een lang wachtwoord", "next": "/balance"},
            headers={"Origin": "https://wegwijzer.test"},
        )

        cookie = answer.headers.get_list("set-cookie")[0]
        assert answer.headers["location"] == "/balance"
        assert cookie.startswith("__Host-wegwijzer=")
        assert {part.strip().lower() for part in cookie.split(";")[1:]} == {
            "httponly",
            "path=/",
            "samesite=lax",
            "secure",
        }
        assert answer.headers["strict-transport-security"] == "max-age=31536000"

    async def test_the_origin_is_the_public_one(self, open_browser: Callable[[], Browser]):
        browser = open_browser()
        token = await browser.token()
        form = {"csrf": token, "language": "en", "next": "/"}

        same = await browser.client.post(
            "/language", data=form, headers={"Origin": "https://wegwijzer.test:443"}
        )
        other = await browser.client.post("/language", data=form, headers={"Origin": "http://wegwijzer.test"})

        assert (same.status_code, other.status_code) == (303, 403)
