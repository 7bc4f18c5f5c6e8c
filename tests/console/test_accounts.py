"""Passwords, sessions, lock-out."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select

from console.access import Role
from console.accounts import Accounts, PasswordError, Refusal, token_hash
from console.pages.entrance import own_path
from journal.schema import sessions, users
from tests.console.conftest import PASSWORD, Browser
from tests.console.seed import City


@pytest.fixture
def accounts(city: City) -> Accounts:
    return Accounts(city.journal.database, city.clock)


async def test_the_right_password_begins_a_session(accounts: Accounts):
    token = await accounts.log_in(" AUDITOR ", PASSWORD)

    session = await accounts.session(token)
    assert session is not None
    assert (session.user.name, session.user.roles) == ("auditor", frozenset({Role.AUDITOR}))


async def test_neither_password_nor_token_is_stored(accounts: Accounts, city: City):
    token = await accounts.log_in("auditor", PASSWORD)

    stored = await city.journal.database.read(
        lambda connection: (
            connection.execute(select(users.c.password_hash)).scalars().all(),
            connection.execute(select(sessions.c.token_hash)).scalars().all(),
        )
    )

    assert all(value.startswith("$argon2id$") for value in stored[0])
    assert stored[1] == [token_hash(token)]
    assert len(token) >= 43


@pytest.mark.parametrize(
    ("name", "password"), [("auditor", "fout"), ("nobody", PASSWORD), ("", ""), ("a" * 300, "x")]
)
async def test_wrong_and_unknown_are_told_the_same(accounts: Accounts, name: str, password: str):
    assert await accounts.log_in(name, password) is Refusal.WRONG


async def test_five_wrong_passwords_lock_for_five_minutes(accounts: Accounts, city: City):
    for _ in range(5):
        assert await accounts.log_in("auditor", "fout") is Refusal.WRONG

    assert await accounts.log_in("auditor", PASSWORD) is Refusal.LOCKED
    city.clock.advance(timedelta(minutes=4, seconds=59))
    assert await accounts.log_in("auditor", PASSWORD) is Refusal.LOCKED
    city.clock.advance(timedelta(seconds=2))
    assert isinstance(await accounts.log_in("auditor", PASSWORD), str)


async def test_guesses_at_the_same_time_are_all_counted(accounts: Accounts):
    answers = await asyncio.gather(*(accounts.log_in("auditor", "fout") for _ in range(8)))

    assert set(answers) <= {Refusal.WRONG, Refusal.LOCKED}
    assert await accounts.log_in("auditor", PASSWORD) is Refusal.LOCKED


async def test_a_right_password_forgets_the_wrong_ones(accounts: Accounts):
    for _ in range(4):
        await accounts.log_in("auditor", "fout")
    await accounts.log_in("auditor", PASSWORD)
    for _ in range(4):
        await accounts.log_in("auditor", "fout")

    assert not isinstance(await accounts.log_in("auditor", PASSWORD), Refusal)


async def test_a_session_ends_when_it_is_not_used(accounts: Accounts, city: City):
    token = await accounts.log_in("auditor", PASSWORD)

    city.clock.advance(timedelta(minutes=29))
    assert await accounts.session(token)
    city.clock.advance(timedelta(minutes=29))
    assert await accounts.session(token)
    city.clock.advance(timedelta(minutes=30))
    assert await accounts.session(token) is None


async def test_watching_the_live_flow_does_not_keep_a_session(accounts: Accounts, city: City):
    token = await accounts.log_in("auditor", PASSWORD)

    for _ in range(3):
        city.clock.advance(timedelta(minutes=11))
        await accounts.session(token, use=False)

    assert await accounts.session(token) is None


async def test_a_session_ends_after_eight_hours_whatever_its_use(accounts: Accounts, city: City):
    token = await accounts.log_in("auditor", PASSWORD)

    for _ in range(23):
        city.clock.advance(timedelta(minutes=20))
        assert await accounts.session(token)
    city.clock.advance(timedelta(minutes=20))

    assert await accounts.session(token) is None


async def test_a_new_password_ends_the_sessions(accounts: Accounts):
    token = await accounts.log_in("auditor", PASSWORD)

    await accounts.add("auditor", "een ander wachtwoord", [Role.AUDITOR])

    assert await accounts.session(token) is None


@pytest.mark.parametrize("password", ["kort", "x" * 12, "auditor auditor", "a" * 300, "ababababababab"])
async def test_a_weak_password_is_refused(accounts: Accounts, password: str):
    with pytest.raises(PasswordError):
        await accounts.add("auditor", password, [Role.AUDITOR])


async def test_after_logging_out_the_cookie_is_worth_nothing(open_browser: Callable[[], Browser]):
    browser = open_browser()
    await browser.log_in("auditor")
    stolen = dict(browser.client.cookies)
    assert (await browser.get("/balance")).status_code == 200

    await browser.post("/logout")
    thief = open_browser()
    thief.client.cookies.update(stolen)

    assert (await thief.get("/balance")).headers["location"] == "/login?next=%2Fbalance"


async def test_the_cookie_keeps_away_from_scripts(open_browser: Callable[[], Browser]):
    answer = await open_browser().log_in("auditor")

    cookie = answer.headers.get_list("set-cookie")[0].lower()
    assert cookie.startswith("wegwijzer=")
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "max-age" not in cookie


async def test_log_ins_are_in_the_audit_trail(open_browser: Callable[[], Browser], city: City):
    browser = open_browser()
    await browser.log_in("auditor", "fout")
    await browser.log_in("auditor")
    page = await browser.get("/audit")

    assert page.text.index("aangemeld") < page.text.index("aanmelden geweigerd")


async def test_a_session_belongs_to_the_browser_that_logged_in_and_gets_a_new_token(
    open_browser: Callable[[], Browser],
):
    """No session fixation: what the browser brought along before is not what it is known by after."""
    browser = open_browser()
    browser.client.cookies.set("wegwijzer", "chosen-by-somebody-else")
    await browser.log_in("auditor")

    thief = open_browser()
    thief.client.cookies.set("wegwijzer", "chosen-by-somebody-else")
    assert (await thief.get("/balance")).status_code == 303


@pytest.mark.parametrize(
    "wanted",
    ["//evil.example", "https://evil.example", "/\\evil.example", "", "javascript:1", "/a\r\nX: y", "\t//e"],
)
def test_after_logging_in_one_stays_here(wanted: str):
    assert own_path(wanted) == "/"


def test_after_logging_in_one_comes_back_to_where_one_was():
    assert own_path("/messages?state=parked") == "/messages?state=parked"
