"""The servers that other tests lean on are real, and leave nothing behind."""

from uuid import uuid4

import psycopg
import pytest
from kombu import Connection

from tests.servers import postgres
from tests.servers.missing import missing


def test_postgres_keeps_what_is_committed(postgres_url):
    with psycopg.connect(postgres.plain(postgres_url)) as connection:
        connection.execute("CREATE TABLE seen (id int)")
        connection.execute("INSERT INTO seen VALUES (1)")

    with psycopg.connect(postgres.plain(postgres_url)) as connection:
        assert connection.execute("SELECT id FROM seen").fetchall() == [(1,)]
        assert connection.execute("SHOW fsync").fetchone() == ("on",)


def test_every_test_gets_an_empty_database(postgres_server):
    with postgres.fresh_database(postgres_server) as one, postgres.fresh_database(postgres_server) as other:
        with psycopg.connect(postgres.plain(one)) as connection:
            connection.execute("CREATE TABLE only_here (id int)")

        with psycopg.connect(postgres.plain(other)) as connection:
            assert connection.execute("SELECT to_regclass('only_here')").fetchone() == (None,)


def test_a_dropped_database_is_gone(postgres_server):
    with postgres.fresh_database(postgres_server) as address:
        pass

    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        psycopg.connect(postgres.plain(address))


def test_rabbitmq_confirms_and_gives_back(rabbitmq_url):
    quorum = {"x-queue-type": "quorum"}
    with Connection(rabbitmq_url, transport_options={"confirm_publish": True}) as connection:
        line = connection.SimpleQueue(f"test-{uuid4().hex}", queue_args=quorum)
        line.put("an id")

        message = line.get(timeout=10)
        message.ack()
        line.queue.delete()

    assert message.payload == "an id"


def test_a_missing_server_fails_the_run_where_all_must_be_installed(monkeypatch):
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="Some Server"):
        missing("Some Server")


def test_a_missing_server_skips_the_test_on_a_laptop(monkeypatch):
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="Some Server"):
        missing("Some Server")
