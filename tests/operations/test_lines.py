"""The lines to database and broker: encrypted and proven, or refused with the reason; never plaintext by itself."""

import asyncio
import shutil
import socket
import ssl
import threading

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from broker.rabbitmq import RabbitMqBroker
from journal.database import open_engine
from journal.migrate import bring_up_to_date
from ports.errors import MisconfiguredError, TransientError
from ports.lines import broker_line, journal_line
from settings import load
from tests.broker.certificates import issue
from tests.flows.small_hub import small_hub
from tests.operations.test_point_in_time import serving
from tests.servers import postgres
from tests.servers.private import free_port, private_folder, unprivileged


@pytest.fixture(scope="module")
def databases():
    """Three real servers: one with a good certificate, one with an expired one, one without TLS; and the authority."""
    account = unprivileged("postgres")
    with private_folder(account, "wegwijzer-lines-") as folder:
        postgres.initialise(account, folder / "data")
        yield account, folder


def certified(account, folder, *, expired: bool) -> tuple[str, ...]:
    files = {"authority": folder / "ca.pem", "certificate": folder / "s.pem", "key": folder / "s.key"}
    issue("127.0.0.1", **files, expired=expired)
    files["key"].chmod(0o600)
    if account.name:
        shutil.chown(files["key"], account.name)
    return ("ssl=on", f"ssl_cert_file={files['certificate']}", f"ssl_key_file={files['key']}")


def connect(url: str) -> bool:
    """Whether the line is encrypted; raises what the hub would meet."""
    engine = open_engine(url)
    try:
        with engine.connect() as connection:
            query = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
            return bool(connection.execute(text(query)).scalar_one())
    finally:
        engine.dispose()


def test_a_proven_database_is_used_and_a_stranger_is_not(databases, tmp_path):
    account, folder = databases
    settings = certified(account, folder, expired=False)
    with serving(account, folder / "data", *settings) as (address, _):
        assert connect(journal_line(address, ca_file=str(folder / "ca.pem"))) is True
        other = tmp_path / "other.pem"
        issue("127.0.0.1", authority=other, certificate=tmp_path / "c", key=tmp_path / "k")
        with pytest.raises(OperationalError, match="certificate verify failed"):
            connect(journal_line(address, ca_file=str(other)))
        elsewhere = address.replace("127.0.0.1", "localhost")
        with pytest.raises(OperationalError, match="does not match host name"):
            connect(journal_line(elsewhere, ca_file=str(folder / "ca.pem")))


def test_an_expired_certificate_is_refused(databases):
    account, folder = databases
    settings = certified(account, folder, expired=True)
    with (
        serving(account, folder / "data", *settings) as (address, _),
        pytest.raises(OperationalError, match="certificate verify failed"),
    ):
        connect(journal_line(address, ca_file=str(folder / "ca.pem")))


def test_a_database_without_tls_is_refused_once_in_plain_words_and_nothing_falls_back(databases, tmp_path):
    account, folder = databases
    certified(account, folder, expired=False)
    with serving(account, folder / "data") as (address, _):
        url = journal_line(address, ca_file=str(folder / "ca.pem"))
        with pytest.raises(OperationalError, match="does not support SSL"):
            connect(url)
        hub = small_hub(tmp_path, journal=url)
        refused = hub.command("run")
    assert refused.returncode == 1
    assert refused.stderr.count("does not support SSL") == 1
    assert "Traceback" not in refused.stderr


def test_a_database_that_is_away_is_waited_for_and_one_that_refuses_is_not(postgres_server):
    server = postgres_server.rpartition("/")[0]
    with pytest.raises(MisconfiguredError, match="does not exist"):
        bring_up_to_date(f"{server}/nowhere")
    away = f"{server.rpartition(':')[0]}:{free_port()}"
    with pytest.raises(TransientError, match=r"does not answer.*refused"):
        bring_up_to_date(f"{away}/nowhere")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://hub@db.leuven.test/wegwijzer?sslmode=prefer",
        "postgresql+psycopg://hub@10.1.2.3/wegwijzer?sslmode=require",
        "postgresql+psycopg://hub@/wegwijzer?host=db.leuven.test&sslmode=disable",
        "postgresql+psycopg://hub@/wegwijzer?host=db.leuven.test:5432&host=127.0.0.1:5432&sslmode=disable",
        "postgresql+psycopg://hub@/wegwijzer?host=127.0.0.1,db.leuven.test&sslmode=disable",
    ],
)
def test_a_line_to_another_machine_that_is_not_proven_is_refused_before_anything_is_sent(url):
    with pytest.raises(MisconfiguredError, match="verify-full"):
        journal_line(url)
    assert journal_line(url, plaintext=True)


def test_to_another_machine_the_server_is_proven_without_asking():
    line = journal_line("postgresql+psycopg://hub@db.leuven.test/wegwijzer")
    assert line.endswith("?sslrootcert=system&sslmode=verify-full")
    assert journal_line("sqlite:////var/journal.db") == "sqlite:////var/journal.db"
    assert journal_line("postgresql+psycopg://hub@127.0.0.1/x") == "postgresql+psycopg://hub@127.0.0.1/x"


def test_a_server_and_its_standby_are_both_in_the_line():
    hosts = (
        "postgresql+psycopg://hub@/x?host=one.test:5432&host=two.test:5432&target_session_attrs=read-write"
    )
    assert journal_line(hosts) == f"{hosts}&sslrootcert=system&sslmode=verify-full"
    local = "postgresql+psycopg://hub@/x?host=127.0.0.1:5432&host=localhost:5433"
    assert journal_line(local) == local


def test_plaintext_to_a_broker_elsewhere_is_refused():
    assert broker_line("amqps://hub@mq.leuven.test//")
    assert broker_line("amqp://guest:guest@127.0.0.1//")
    with pytest.raises(MisconfiguredError, match="amqps"):
        broker_line("amqps://hub@one.test//;amqp://hub@two.test//")
    assert broker_line("amqp://hub@mq.leuven.test//", plaintext=True)


@pytest.mark.parametrize("section", ["journal", "broker"])
def test_a_password_in_the_configuration_is_refused_and_its_place_is_told(tmp_path, section):
    url = {"journal": "postgresql+psycopg://h:geheim@db.test/w", "broker": "amqps://h:geheim@mq.test//"}[
        section
    ]
    hub = small_hub(tmp_path)
    lines = hub.hub_toml.read_text().replace('[journal]\nurl = ""\n', "")
    hub.hub_toml.write_text(lines + f'\n[{section}]\nurl = "{url}"\n')
    with pytest.raises(MisconfiguredError, match=f"secret:{section}_url") as refused:
        load(hub.hub_toml)
    assert "geheim" not in str(refused.value)

    hub.hub_toml.write_text(lines + f'\n[{section}]\nurl = "secret:{section}_url"\n')
    (hub.folder / "secrets" / f"{section}_url").write_text(url + "\n")
    found = load(hub.hub_toml)
    assert "geheim" in {"journal": found.journal_url, "broker": found.broker_url}[section]
    assert "geheim" not in repr(found)


@pytest.fixture
def expired_broker(tmp_path):
    """A server on TLS whose certificate has run out; it says nothing more."""
    files = {"authority": tmp_path / "ca.pem", "certificate": tmp_path / "s.pem", "key": tmp_path / "s.key"}
    issue("127.0.0.1", **files, expired=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files["certificate"], files["key"])
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                accepted, _ = listening.accept()
            except OSError:
                return
            try:
                context.wrap_socket(accepted, server_side=True).close()
            except OSError:
                accepted.close()

    thread = threading.Thread(target=serve)
    thread.start()
    yield listening.getsockname()[1], files["authority"]
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()
    thread.join()


async def test_a_broker_with_an_expired_certificate_stops_the_start(expired_broker):
    port, authority = expired_broker
    broker = RabbitMqBroker(f"amqps://guest:guest@127.0.0.1:{port}//", ca_file=str(authority))
    with pytest.raises(MisconfiguredError, match="expired"):
        await broker.start()
    await broker.close()


@pytest.fixture
def plaintext_broker():
    """Speaks AMQP without TLS to whoever comes, and keeps what it is told."""
    listening, told = socket.create_server(("127.0.0.1", 0)), []

    def serve() -> None:
        while True:
            try:
                accepted, _ = listening.accept()
            except OSError:
                return
            told.append(accepted.recv(4096))
            accepted.sendall(b"AMQP\x00\x00\x09\x01")
            accepted.close()

    thread = threading.Thread(target=serve)
    thread.start()
    yield listening.getsockname()[1], told
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()
    thread.join()


async def test_a_broker_that_speaks_plaintext_where_tls_was_asked_is_told_nothing(plaintext_broker):
    port, told = plaintext_broker
    broker = RabbitMqBroker(f"amqps://guest:guest@127.0.0.1:{port}//", publish_timeout=1.0)
    with capture_logs() as logs:
        await broker.start()
        await broker.hand_out(["0" * 32])
        await asyncio.sleep(1.5)
        await broker.close()

    assert len(told) > 1
    assert {first[:2] for first in told} == {b"\x16\x03"}, "only the beginning of TLS"
    assert not [first for first in told if b"guest" in first]
    assert len([one for one in logs if one["event"] == "broker_lost"]) == 1
