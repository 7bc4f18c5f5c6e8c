"""Each role of the hub logs in to PostgreSQL with its own name, works with it, and is refused all the rest."""

import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta

import psycopg
import pytest
from click.testing import CliRunner

from broker.in_process import InProcessBroker
from broker.priorities import TwoPriorities
from canonical_model.case import CaseRef
from console.access import Role
from console.accounts import Accounts
from hub import Hub, main
from journal.journal import Custody, Journal
from journal.migrate import bring_up_to_date
from journal.operations import Health
from journal.rights import RIGHTS
from journal.schema import effects, incidents, messages, metadata
from ports.clock import ManualClock, SystemClock
from ports.errors import MisconfiguredError
from ports.intake import Inbound
from settings import load
from tests.flows import outside
from tests.flows.small_hub import small_hub
from tests.flows.test_restore import OUTSIDE
from tests.journal.scene import KEYS, START, city_routes, contact, contact_message, rows
from tests.servers import postgres
from worker.breaker import Breakers
from worker.retention import Housekeeping

PREFIX = "wegwijzer_test"


@pytest.fixture
def database(postgres_url):
    """An up-to-date database of an owner, and the roles as `wegwijzer database-roles` makes them."""
    bring_up_to_date(postgres_url)
    made = CliRunner().invoke(main, ["database-roles", "--prefix", PREFIX])
    assert made.exit_code == 0, made.output
    with psycopg.connect(postgres.plain(postgres_url), autocommit=True) as connection:
        connection.execute(made.output)
        for role in RIGHTS:
            name = f"{PREFIX}_{role}_login"
            connection.execute(f"DROP ROLE IF EXISTS {name}")
            connection.execute(f"CREATE ROLE {name} LOGIN IN ROLE {PREFIX}_{role}")
    yield postgres_url
    with psycopg.connect(postgres.plain(postgres_url), autocommit=True) as connection:
        for role in RIGHTS:
            connection.execute(f"DROP ROLE {PREFIX}_{role}_login")
            connection.execute(f"DROP OWNED BY {PREFIX}_{role}")
            connection.execute(f"DROP ROLE {PREFIX}_{role}")


def login(url: str, role: str) -> str:
    return url.replace("//postgres@", f"//{PREFIX}_{role}_login@")


@pytest.fixture
async def processes(database, tmp_path, monkeypatch):
    """One process per role, each with its own login; what is handed out reaches all of them."""
    monkeypatch.setattr(outside, "WORLD", outside.World())
    broker = TwoPriorities(InProcessBroker(), InProcessBroker())
    monkeypatch.setattr("hub._broker", lambda _: broker)
    city = small_hub(tmp_path)
    text = city.hub_toml.read_text().replace('[adapters.tracker]\nsystem = "memory"\n', OUTSIDE)
    async with AsyncExitStack() as stack:
        hubs = {}
        for role in RIGHTS:
            path = tmp_path / f"{role}.toml"
            path.write_text(
                text.replace('[journal]\nurl = ""', f'[journal]\nurl = "{login(database, role)}"')
            )
            hubs[role] = Hub(load(path), [role])
            await hubs[role].start()
            stack.push_async_callback(hubs[role].close)
        yield hubs


async def test_every_role_does_its_work_with_its_own_login(processes):
    outside.WORLD.receive(1)
    await processes["intake"].doorway(form())
    await settled(processes["console"].journal, 2)
    await outside.WORLD.tracker.answer(CaseRef(outside.WORLD.tracker.cases[0].ref), "Opgelost.")
    await settled(processes["console"].journal, 3)
    assert len(outside.WORLD.tracker.cases) == 2
    await people_work(processes["console"].journal)
    await processes["worker"].journal.report(Health("tracker", ok=False, what="x", failures=3, open_for=1))
    for role in ("intake", "listener", "worker"):
        remembered = processes[role].doorway.checkpoints("mail")
        await remembered.save(role, "7")
        assert (await remembered.saved(role), await remembered.load(role)) == ({role: "7"}, "7")
    for hub in processes.values():
        await hub.reload()
    await asyncio.sleep(1.5)  # a round more of every scheduler and listener
    assert await processes["console"].journal.verify_audit() is None
    assert [role for role, hub in processes.items() if hub._is_stopping()] == []
    assert [
        row for row in await rows(processes["console"].journal, incidents) if row.system == "retention"
    ] == []


async def people_work(journal: Journal) -> None:
    accounts = Accounts(journal.database, SystemClock())
    await accounts.add("piet", "een-goed-wachtwoord", [Role.KCC_VIEWER])
    token = await accounts.log_in("piet", "een-goed-wachtwoord")
    session = await accounts.session(token)
    await accounts.log_out(session)
    (first, *_) = await rows(journal, messages, messages.c.case_ref.is_not(None))
    await journal.reveal(first.id, "piet", "to see")
    await journal.pause("tracker", "piet", "to try")
    await journal.resume("tracker", "piet")
    await journal.erase_case(first.case_ref, "dpo", "asked")
    assert await journal.kept()


async def settled(journal: Journal, mails: int) -> None:
    async with asyncio.timeout(30):
        while True:
            states = {row.state for row in await rows(journal, effects)}
            if states == {"applied"} and len(outside.WORLD.mail.sent) >= mails:
                return
            await asyncio.sleep(0.05)


def form() -> Inbound:
    return Inbound(
        source="website",
        source_ref="1",
        raw=b"a form",
        media_type="application/json",
        event=contact_message("", outside.mail(2)).event,
    )


async def test_the_scheduler_may_remove_what_has_had_its_time(database):
    clock = ManualClock(START)

    def journal_of(role: str) -> Journal:
        url = login(database, role)
        return Journal(url, router=city_routes(), keys=KEYS, clock=clock, shard=role, custody=Custody())

    intake, scheduler = journal_of("intake"), journal_of("scheduler")
    await intake.start()
    await scheduler.start()
    accepted = await intake.accept(
        contact_message("auto", contact("Ik ben er niet", automatic="auto_reply"), source="mail")
    )
    clock.advance(timedelta(days=500))
    housekeeping = Housekeeping(scheduler, owner="s/1")
    await housekeeping.work()
    while housekeeping.busy:
        await housekeeping.work()
    assert await rows(scheduler, messages, messages.c.id == accepted.receipt.message_id) == []
    await Breakers(scheduler, clock).refresh()
    await intake.close()
    await scheduler.close()


FORBIDDEN = [
    *((role, "UPDATE audit SET actor = 'nobody'") for role in RIGHTS),
    *((role, "DELETE FROM audit") for role in RIGHTS if role != "scheduler"),
    *((role, "DELETE FROM messages") for role in RIGHTS if role != "scheduler"),
    *((role, "DELETE FROM effects") for role in RIGHTS if role != "scheduler"),
    *((role, "DROP TABLE messages") for role in RIGHTS),
    *((role, "CREATE TABLE mine (a int)") for role in RIGHTS),
    *((role, "SELECT * FROM users") for role in RIGHTS if role != "console"),
    ("intake", "UPDATE messages SET state = 'done'"),
    ("intake", "UPDATE effects SET state = 'applied'"),
    ("intake", "SELECT * FROM sessions"),
    ("intake", "SELECT * FROM files"),
    ("worker", "INSERT INTO messages (id) VALUES ('1')"),
    ("worker", "DELETE FROM data_keys"),
    ("worker", "UPDATE users SET roles = 'administrator'"),
    ("listener", "DELETE FROM data_keys"),
    ("console", "UPDATE checkpoints SET value = ''"),
    ("console", "DELETE FROM cases"),
    ("console", "UPDATE letter_texts SET text = ''"),
    ("worker", "INSERT INTO letter_texts (seq) VALUES (1)"),
]


def test_each_role_is_refused_the_rest(database):
    for role, statement in FORBIDDEN:
        with (
            psycopg.connect(postgres.plain(login(database, role))) as connection,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            connection.execute(statement)


def test_a_login_that_may_not_change_tables_says_who_can(database):
    with psycopg.connect(postgres.plain(database), autocommit=True) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0001'")
    with pytest.raises(MisconfiguredError, match="wegwijzer migrate"):
        bring_up_to_date(login(database, "worker"))


def test_every_table_belongs_to_the_work_of_some_role():
    written = {
        table for rights in RIGHTS.values() for table, letters in rights.items() if set(letters) & set("IUD")
    }
    assert written == set(metadata.tables)


def test_only_the_scheduler_and_the_console_delete_more_than_notes_of_what_is_still_to_do():
    deleting = {role for role, rights in RIGHTS.items() if any("D" in one for one in rights.values())}
    notes_only = {
        role
        for role, rights in RIGHTS.items()
        if {table for table, one in rights.items() if "D" in one} <= {"timers", "checkpoints"}
    }
    assert deleting - notes_only == {"scheduler", "console"}
    assert all("U" not in rights["audit"] for rights in RIGHTS.values())
