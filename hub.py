"""The composition root: reads the configuration, builds every part once, wires them, and runs them.

`wegwijzer --help` tells what it can do. Nobody imports this module.
"""

import asyncio
import fcntl
import gc
import getpass
import hmac
import importlib
import json
import os
import secrets as chance
import signal
import socket
import sys
import tomllib
from collections.abc import AsyncGenerator, Coroutine, Generator, Iterable, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from importlib import resources
from importlib.metadata import entry_points, version
from pathlib import Path
from typing import Any, Literal, TextIO, TypedDict

import click
import structlog
import uvicorn
import uvloop
from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy.exc import OperationalError, ProgrammingError, SQLAlchemyError
from starlette.routing import BaseRoute, Mount, Route, Router
from starlette.types import ASGIApp

from broker.in_process import InProcessBroker
from broker.priorities import TwoPriorities
from broker.rabbitmq import RabbitMqBroker
from canonical_model.commands import Command, SendMail
from canonical_model.contact import Language
from canonical_model.product import Product
from console.alarm_letter import alarm_letter
from console.api import ApiSettings, Back, create_api
from console.api.allowance import Allowance
from console.api.credentials import Credentials
from console.api.feed import Feed
from console.api.webhook import SystemWebhook
from console.app import create_console
from console.cli import commands
from console.cli_texts import text_commands
from console.letters import LetterRoom, deciding, left_out
from console.metrics import Metrics
from console.readiness import Process, Readiness
from console.settings import ConsoleSettings
from console.staff import ConsoleStaff, accounts_of
from console.wording import load as load_wordings
from journal.apart import Apart
from journal.backup import back_up, put_back
from journal.database import open_engine
from journal.feeds import JournalFeeds
from journal.journal import Custody, Journal, Keys
from journal.letter_texts import InForce
from journal.looks import JournalLooks
from journal.migrate import migrate
from journal.operations import Health
from journal.opt_outs import JournalOptOuts
from journal.restoring import Standing
from journal.rights import statements
from journal.shared_clock import SharedClock
from journal.terms import RetentionTerms
from ports.adapter import Adapter, Build, Tools
from ports.clock import SystemClock
from ports.errors import HubError, MisconfiguredError, TransientError
from ports.lines import broker_line, journal_line, refuse_password
from ports.products import Catalogue, Products
from ports.secrets import FileAndEnvironmentSecrets, Secrets
from ports.server import DoorsFirst, server
from ports.target import Fetch, Idempotency, Target
from routes.configuration import (
    Dispatch,
    DispatchError,
    RouteConfiguration,
    parse_dispatch,
    parse_texts,
    version_of,
)
from routes.dispatch import wrong_examples
from routes.letter_check import wrong_texts
from routes.router import CityRoutes
from telemetry.doors import CountedDoor
from telemetry.logs import configure_logging, log_the_unforeseen
from telemetry.settings import MetricsSettings, TelemetrySettings
from telemetry.traces import open_traces
from worker.alarm import Alarm, AlarmSection, Outage
from worker.breaker import Breakers
from worker.intake import Doorway
from worker.listeners import Listener
from worker.loop import TargetLimits, Worker, WorkerSettings
from worker.presence import Presence, ask_to_reload, present
from worker.reconciler import Reconciler, ReconcileSection
from worker.replays import Replaying
from worker.retention import Housekeeping
from worker.scheduler import Scheduler
from worker.targets import MailTarget, TrackerTarget
from worker.upkeep import Upkeep

log = structlog.get_logger()

ROLES = ("intake", "worker", "listener", "scheduler", "console")
ENTRY_POINTS = "wegwijzer.adapters"
_API = "api"
"""What the sources and targets of the API for existing systems begin with."""


class HubSection(BaseModel):
    """`[hub]`: the city, and where things are. Paths are relative to the configuration file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    city: str = Field(default="Stad Leuven", description="How the city signs its mails.")
    reference_prefix: str = Field(
        default="LEU", pattern="^[A-Z]{2,5}$", description="First part of a case number."
    )
    mail_domain: str = Field(default="localhost", description="Domain of the Message-IDs that the hub makes.")
    dispatch: str = Field(default="dispatch.toml", description="The dispatch table.")
    texts: str = Field(
        default="",
        description="Folder with texts of mails that differ from those that come along; empty: none do.",
    )
    data: str = Field(default="var", description="Folder of the embedded journal.")
    secrets: str = Field(default="secrets", description="Folder with one file per secret.")
    listen: str = Field(
        default="127.0.0.1:8080", description="Address and port of the doors and the console."
    )


class JournalSection(BaseModel):
    """`[journal]`"""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = Field(
        default="",
        description="SQLAlchemy URL, or the secret that holds it; empty: SQLite in the data folder.",
    )
    ca_file: str = Field(
        default="", description="Authority of PostgreSQL's certificate; empty: those that the system trusts."
    )
    plaintext: bool = Field(
        default=False,
        description="Allow a line to another machine that is not encrypted or not proven: only within a "
        "network that nobody else reaches.",
    )
    apart: str = Field(
        default="",
        description="Folder for the lists that must outlive the journal (erasures, opened cases): on another "
        "disk. Empty: `apart` in the data folder.",
    )


class BrokerSection(BaseModel):
    """`[broker]`"""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = Field(
        default="memory:",
        description="`memory:` within one process, or `amqps://...` for RabbitMQ, or the secret that holds it.",
    )
    ca_file: str = Field(
        default="", description="Authority of RabbitMQ's certificate; empty: those that the system trusts."
    )
    plaintext: bool = Field(default=False, description="Allow `amqp://` to another machine; see `[journal]`.")


class WorkerSection(BaseModel):
    """`[worker]`"""

    model_config = ConfigDict(frozen=True, extra="forbid")

    slots: int = Field(default=256, ge=1, description="Effects tried at the same time by one process.")
    lease: float = Field(
        default=60, gt=0, description="Seconds until a dead worker's effects are taken over."
    )


class TargetSection(BaseModel):
    """`[targets.<name>]`: the limits of a target."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    adapter: str = Field(default="", description="Which adapter serves it, when several could.")
    concurrency: int = Field(default=8, ge=1, description="Tries at the same time, per process.")
    budget: int = Field(default=0, ge=0, description="Tries per minute over all processes; 0: no limit.")
    rate: float = Field(default=0, ge=0, description="Tries per second, per process; 0: no limit.")
    patience: float = Field(default=20, gt=0, description="Seconds before a try counts as unanswered.")


class AnswersSection(BaseModel):
    """`[answers]`: which adapters tell customers how their cases stand, beside mail."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    board: str = Field(default="", description="Adapter of the status board (DOSIS); empty: none.")
    notices: str = Field(
        default="", description="Adapter of the notification service (Mijn Burgerprofiel); empty: none."
    )


class Settings(BaseModel):
    """`hub.toml` as a whole."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hub: HubSection = HubSection()
    journal: JournalSection = JournalSection()
    broker: BrokerSection = BrokerSection()
    worker: WorkerSection = WorkerSection()
    console: ConsoleSettings = ConsoleSettings()
    metrics: MetricsSettings = MetricsSettings()
    telemetry: TelemetrySettings = TelemetrySettings()
    retention: RetentionTerms = RetentionTerms()
    api: ApiSettings = ApiSettings()
    answers: AnswersSection = AnswersSection()
    reconcile: ReconcileSection = ReconcileSection()
    alarm: AlarmSection = AlarmSection()
    targets: dict[str, TargetSection] = {}
    adapters: dict[str, dict[str, Any]] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """Everything that was read, and where from."""

    settings: Settings
    file: Path
    folder: Path
    secrets: Secrets = field(repr=False)
    routes: RouteConfiguration

    @property
    def data(self) -> Path:
        """The data folder."""
        return self.folder / self.settings.hub.data

    @property
    def apart(self) -> Path:
        """The folder of what must outlive the journal."""
        return (
            self.folder / self.settings.journal.apart if self.settings.journal.apart else self.data / "apart"
        )

    @property
    def journal_url(self) -> str:
        """Where the journal is."""
        journal = self.settings.journal
        if not journal.url:
            return f"sqlite:///{self.data / 'journal.db'}"
        url = revealed(journal.url, "journal", self.secrets)
        return journal_line(url, ca_file=journal.ca_file, plaintext=journal.plaintext)

    @property
    def broker_url(self) -> str:
        """Where the broker is."""
        broker = self.settings.broker
        return broker_line(revealed(broker.url, "broker", self.secrets), plaintext=broker.plaintext)


def revealed(url: str, section: str, secrets: Secrets) -> str:
    """An address, or the secret that holds it. A password to another machine may not stand in `hub.toml`."""
    if url.startswith("secret:"):
        return secrets.get(url.removeprefix("secret:"))
    refuse_password(url, section)
    return url


def load(path: Path) -> Configuration:
    """Read `hub.toml` and what it names; `MisconfiguredError` says which setting is wrong and why."""
    text = _read(path)
    try:
        settings = Settings.model_validate(tomllib.loads(text))
    except (tomllib.TOMLDecodeError, ValidationError) as error:
        raise MisconfiguredError(f"{path.name}: {_in_words(error)}") from error
    folder = path.parent.resolve()
    secrets = FileAndEnvironmentSecrets(folder / settings.hub.secrets)
    dispatch_text = _read(folder / settings.hub.dispatch)
    shipped = _texts(None)
    own = _texts(folder / settings.hub.texts) if settings.hub.texts else {}
    try:
        dispatch = parse_dispatch(dispatch_text)
        routes = RouteConfiguration(
            dispatch=dispatch,
            texts=parse_texts(own, parse_texts(shipped)),
            city=settings.hub.city,
            mail_domain=settings.hub.mail_domain,
            pseudonym_key=_derived(secrets, "pseudonyms"),
            version=version_of(text, dispatch_text, *sorted(shipped.values()), *sorted(own.values())),
            informed=frozenset(_informed(settings)),
            **_outside(settings, dispatch),
        )
    except DispatchError as error:
        raise MisconfiguredError(str(error)) from error
    found = Configuration(settings=settings, file=path, folder=folder, secrets=secrets, routes=routes)
    _ = found.journal_url, found.broker_url  # a line that is not safe is told now
    return found


def reloadable(path: Path) -> Configuration:
    """What `load` reads, when its dispatch table also does what its examples ask and no text says too much.

    `MisconfiguredError` if not.
    """
    fresh = load(path)
    if wrong := wrong_examples(fresh.routes.dispatch):
        raise MisconfiguredError(f"dispatch table: {'; '.join(wrong)}")
    if wrong := wrong_texts(fresh.routes.texts):
        raise MisconfiguredError(f"texts: {'; '.join(wrong)}")
    return fresh


def restart_needed(old: Settings, fresh: Settings) -> list[str]:
    """The sections of hub.toml that differ and that a running hub does not take over."""
    told = {"city", "mail_domain", "dispatch", "texts"}
    differ = [name for name in Settings.model_fields if getattr(old, name) != getattr(fresh, name)]
    hub_differs = old.hub.model_dump(exclude=told) != fresh.hub.model_dump(exclude=told)
    return [name for name in differ if name != "hub" or hub_differs]


class Quarantined:
    """Stands in for a target whose adapter could not start: its effects wait, and the reason is shown."""

    idempotency = Idempotency.PROBE

    def __init__(self, reason: str) -> None:
        self._reason = reason

    async def apply(self, key: str, command: Command, fetch: Fetch) -> str:
        raise MisconfiguredError(self._reason)

    async def find(self, key: str, command: Command) -> str | None:
        raise MisconfiguredError(self._reason)


class Hub:
    """One process of Wegwijzer. `start`, then `serve` until `stop`; `close` ends it gracefully."""

    def __init__(
        self, configuration: Configuration, roles: Iterable[str] = ROLES, *, listen: str = ""
    ) -> None:
        self.configuration = configuration
        self.listen = listen or configuration.settings.hub.listen
        self.roles = frozenset(roles)
        self.name = f"{socket.gethostname()}/{os.getpid()}"
        self.journal = open_journal(configuration, shard=f"{os.getpid()}")
        self.clock = self.journal.clock
        self.broker = _broker(configuration)
        console = configuration.settings.console
        self.staff = ConsoleStaff(accounts_of(self.journal, console), console.cookie)
        self._traces = open_traces(configuration.settings.telemetry)
        self.doorway = Doorway(self.journal, self.broker, self._traces)
        self.breakers = Breakers(self.journal, self.clock)
        self.upkeep = Upkeep(self.journal, self.breakers, also=self._follow_letters)
        self._letters = InForce(seq=0, versions=())
        self._deciding = configuration.routes
        self.feeds = JournalFeeds(self.journal.database, self.journal.keyring)
        self.opt_outs = JournalOptOuts(self.journal.database, self.journal.keyring)
        self.quarantined: dict[str, str] = {}
        self.catalogue = Catalogue()
        self.adapters = self._build_adapters()
        self._open_catalogue()
        self.doorway.complete_with(
            tuple(adapter.enricher for adapter in self.adapters.values() if adapter.enricher)
        )
        self.feed = Feed(self.feeds, configuration.settings.api.event_source)
        self.webhooks = self._webhooks()
        self.worker = Worker(
            self.journal,
            self.broker,
            self._targets(),
            breakers=self.breakers,
            clock=self.clock,
            settings=self._worker_settings(),
            traces=self._traces,
        )
        if "worker" in self.roles:
            self.doorway.staff(self.worker)
        housekeeping = Housekeeping(self.journal, owner=self.name)
        replaying = Replaying(self.journal, self.broker.bulk, f"{self.name}/scheduler")
        self.reconciler = self._reconciler()
        self.alarm = self._alarm()
        self.scheduler = Scheduler(
            self.journal,
            self.broker,
            self.doorway,
            self.breakers,
            bulk=self.broker.bulk,
            chores=(housekeeping.work, replaying.advance),
        )
        self.listeners = [
            Listener(source, self.journal, owner=self.name, behind=self._target_of(name, adapter))
            for name, adapter in self.adapters.items()
            for source in adapter.sources
        ]
        self._metrics_token: str = _filled_in(configuration.settings.metrics.token, configuration)
        self._tasks: set[asyncio.Task[None]] = set()
        self._lock: TextIO | None = None
        self._servers: list[uvicorn.Server] = []
        self._stopping = False
        self.app = self._app()
        self._reloading = asyncio.Lock()
        self._presence: Presence | None = None

    async def start(self) -> None:
        """Bring the journal up to date, take over from an earlier life, and begin to work."""
        self._lock = _only_hub_here(self.configuration)
        await self._until_the_database_is_there()
        await asyncio.to_thread(_migrate, self.configuration.journal_url)
        await self.journal.start()
        await self._heed_restore()
        await self._follow_letters()
        await self.broker.start()
        if self._lock:
            await self.journal.bury(f"{socket.gethostname()}/")
        await self._note_systems()
        await self.breakers.refresh()  # what is paused gets nothing, not even in the first second
        self._run(self.upkeep.run())
        if "worker" in self.roles:
            self._run(self.worker.run())
        if "scheduler" in self.roles:
            self._run(self.scheduler.run())
            self._run(self.reconciler.run())
            self._run(self.alarm.run())
        if "listener" in self.roles:
            for listener in self.listeners:
                self._run(listener.run())
        self._presence = Presence(self.configuration.data / "processes", self.configuration.routes.version)
        log.info("hub_started", roles=sorted(self.roles), quarantined=sorted(self.quarantined))

    async def _until_the_database_is_there(self) -> None:
        """A process that begins while the database restarts waits for it, instead of ending.

        `MisconfiguredError` when waiting would not help.
        """
        while not self._stopping:
            try:
                await asyncio.to_thread(_reach, self.configuration.journal_url)
            except TransientError as error:
                log.warning("journal_is_away", reason=error.what)
                await asyncio.sleep(1)
            else:
                return

    async def _heed_restore(self) -> None:
        """A journal that is older than what was done is a copy: it may not work before that is dealt with."""
        if await self.journal.is_older():
            raise MisconfiguredError(
                "the journal lacks cases that were opened already: it is a copy from before. "
                "Run `wegwijzer restore`, so that nothing is done twice"
            )
        await self.journal.recall()

    async def serve(self) -> None:
        """Answer HTTP until `stop`; without doors or console, health and metrics only."""
        settings = self.configuration.settings
        self._servers = [server(self.app, self.listen)]
        if settings.metrics.listen:
            page = self._metrics_page(token="")
            self._servers.append(server(Router([page]), settings.metrics.listen))
        for one in self._servers:
            one.should_exit = self._stopping
        await asyncio.gather(*(one.serve() for one in self._servers))

    def _is_stopping(self) -> bool:
        return self._stopping or any(one.should_exit for one in self._servers)

    def stop(self) -> None:
        """Let `serve` return."""
        self._stopping = True
        for one in self._servers:
            one.should_exit = True

    def ask_to_reload(self) -> None:
        """Reload soon; for a signal handler."""
        self._run(self.reload())

    async def reload(self) -> None:
        """Decide by the files as they are now, from the next message on.

        With a fault in them all stays as it was, and the log and `wegwijzer reload` tell why.
        """
        async with self._reloading:
            old = self.configuration
            try:
                fresh = await asyncio.to_thread(reloadable, old.file)
            except MisconfiguredError as error:
                log.error("reload_refused", version=old.routes.version, reason=error.what)  # noqa: TRY400 - a setting, not a bug
                self._tell_version(refused=error.what)
                return
            running = old.routes  # the adapters of this process stay as they are
            routes = replace(
                fresh.routes, informed=running.informed, board=running.board, notices=running.notices
            )
            self.configuration = replace(old, routes=routes)
            self._decide()
            waiting = restart_needed(old.settings, fresh.settings)
            log.info(
                "reloaded", before=old.routes.version, version=fresh.routes.version, after_restart=waiting
            )
            self._tell_version()
            await self._note_reload(old.routes.version)

    async def _follow_letters(self) -> None:
        """What people save of a letter, in whatever process, holds here within a second."""
        if await self.journal.letter_texts.newest() == self._letters.seq:
            return
        async with self._reloading:
            before = self._deciding.version
            self._letters = await self.journal.letter_texts.in_force()
            self._decide()
            log.info(
                "letters_changed",
                before=before,
                version=self._deciding.version,
                left_out=left_out(self._letters),
            )

    def _decide(self) -> None:
        """Decide by the files, with the saved letters over theirs, from the next message on."""
        self._deciding = deciding(self.configuration.routes, self._letters)
        self.journal.follow(CityRoutes(self._deciding), self._deciding.version)

    def _tell_version(self, refused: str = "") -> None:
        if self._presence:
            self._presence.tell(self.configuration.routes.version, refused)

    async def _note_reload(self, before: str) -> None:
        version = self.configuration.routes.version
        try:
            await self.journal.audit(self.name, "configuration_changed", version, f"before: {before}")
        except TransientError as error:
            log.warning("reload_not_noted", version=version, reason=error.what)

    async def close(self) -> None:
        """Finish what is in flight, then let go; what could not be finished is found again by its lease."""
        self.upkeep.stop()
        self.scheduler.stop()
        self.reconciler.stop()
        self.alarm.stop()
        for listener in self.listeners:
            listener.stop()
        await self.worker.stop()
        _, pending = await asyncio.wait(self._tasks, timeout=25) if self._tasks else ((), ())
        for task in pending:
            task.cancel()
        for adapter in self.adapters.values():
            await adapter.close()
        for webhook in self.webhooks.values():
            await webhook.close()
        await self.broker.close()
        await self.journal.close()
        if self._traces:
            await asyncio.to_thread(self._traces.close)
        if self._presence:
            self._presence.end()
        if self._lock:
            self._lock.close()
        log.info("hub_stopped")

    def _run(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(coroutine)
        task.add_done_callback(self._ended)
        self._tasks.add(task)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception():
            log.error("part_failed", exc_info=task.exception())
            self.stop()

    def _build_adapters(self) -> dict[str, Adapter]:
        adapters: dict[str, Adapter] = {}
        for name, settings in self.configuration.settings.adapters.items():
            try:
                adapters[name] = self._build(name, settings)
            except (HubError, ValueError, ImportError, AttributeError) as error:
                self.quarantined[name] = _in_words(error)
                log.warning("adapter_quarantined", adapter=name, reason=self.quarantined[name])
        return adapters

    def _build(self, name: str, settings: Mapping[str, Any]) -> Adapter:
        system = str(settings.get("system", ""))
        build = _factory(system)
        tools = Tools(
            name=name,
            accept=self.doorway.in_bulk if settings.get("bulk") else self.doorway,
            checkpoints=self.doorway.checkpoints(name),
            clock=self.clock,
            secrets=self.configuration.secrets,
            cases=self.journal.cases,
            staff=self.staff,
            looks=JournalLooks(self.journal),
            feeds=self.feeds,
            opt_outs=self.opt_outs,
            products=self.catalogue,
        )
        own = {key: value for key, value in settings.items() if key not in ("system", "informed", "bulk")}
        return build(_filled_in(own, self.configuration), tools)

    def _open_catalogue(self) -> None:
        """Everybody asks the first adapter that has a product catalogue."""
        having = [(name, adapter.products) for name, adapter in self.adapters.items() if adapter.products]
        if having:
            self.catalogue.open(having[0][1])
        for name, _ in having[1:]:
            log.warning("catalogue_not_used", adapter=name, used=having[0][0])

    def _targets(self) -> dict[str, Target]:
        tracker = self._serving("tracker").tracker
        mail = self._serving("mail").mail
        return {
            "tracker": TrackerTarget(tracker) if tracker else Quarantined(self._missing("tracker")),
            "mail": MailTarget(mail) if mail else Quarantined(self._missing("mail")),
            **{name: self._informed(name) for name in self.configuration.routes.informed},
            **{name: self._outside(name) for name in self.configuration.routes.told_outside},
        }

    def _shown_to_recipient(self, mail: SendMail) -> str:
        out = self._serving("mail").mail
        return out.shown(mail) if out else mail.text

    def _webhooks(self) -> dict[str, SystemWebhook]:
        """The webhooks of existing systems by target; one whose secret is missing or unfit is quarantined."""
        api = self.configuration.settings.api
        webhooks: dict[str, SystemWebhook] = {}
        for name, system in api.systems.items():
            target = f"{_API}/{name}/webhook"
            secrets = [secret.get_secret_value() for secret in system.webhook_secrets]
            if not system.webhook:
                continue
            try:
                webhooks[target] = SystemWebhook(
                    target,
                    system.webhook,
                    _filled_in(secrets, self.configuration),
                    event_source=api.event_source,
                    seconds=api.webhook_seconds,
                    clock=self.clock,
                    pause=self.journal.pause,
                )
            except MisconfiguredError as error:
                self.quarantined[target] = error.what
                log.warning("webhook_quarantined", target=target, reason=error.what)
        return webhooks

    def _informed(self, name: str) -> Target:
        if name.startswith(f"{_API}/"):
            return self._told_by_api(name)
        instance = name.partition("/")[0]
        adapter = self.adapters.get(instance)
        if adapter and adapter.informed:
            return adapter.informed
        return Quarantined(self.quarantined.get(instance, f"{name} takes no news about cases"))

    def _outside(self, name: str) -> Target:
        """The status board, the notification service, or the planning of a field team."""
        adapter = self.adapters.get(name)
        target = (adapter.board or adapter.notices or adapter.crew) if adapter else None
        return target or Quarantined(self.quarantined.get(name, f"{name} takes nothing about cases"))

    def _reconciler(self) -> Reconciler:
        adapters = {name: self.adapters.get(name) for name in self.configuration.routes.told_outside}
        asked = {name: one.board or one.crew for name, one in adapters.items() if one}
        return Reconciler(
            self.journal,
            self.doorway.in_bulk,
            outside={name: system for name, system in asked.items() if system},
            tracker=self._serving("tracker").tracker,
            held=self.breakers.held,
            clock=self.clock,
            owner=f"{self.name}/reconciler",
            settings=self.configuration.settings.reconcile,
        )

    def _alarm(self) -> Alarm:
        settings = self.configuration.settings
        wording = load_wordings(settings.console.time_zone)["nl"]

        def compose(what: str, outage: Outage) -> tuple[str, str]:
            return alarm_letter(
                wording,
                what,
                system=outage.system,
                reason=outage.what,
                began=outage.opened_at,
                ended=outage.closed_at,
            )

        return Alarm(
            self.journal,
            self._serving("mail").mail,
            compose,
            clock=self.clock,
            owner=f"{self.name}/alarm",
            settings=settings.alarm,
            mail_domain=settings.hub.mail_domain,
        )

    def _told_by_api(self, target: str) -> Target:
        if not target.endswith("/webhook"):
            return self.feed
        return self.webhooks.get(target) or Quarantined(self.quarantined[target])

    def _serving(self, port: Literal["tracker", "mail"]) -> Adapter:
        """The adapter behind a target: the one that hub.toml names, or the first that offers the port."""
        wanted = self.configuration.settings.targets.get(port, TargetSection()).adapter
        for name, adapter in self.adapters.items():
            if getattr(adapter, port) is not None and wanted in ("", name):
                return adapter
        return _NO_ADAPTER

    def _target_of(self, name: str, adapter: Adapter) -> str:
        """The target that is the same system as the sources of this adapter; a mailbox and a relay are two."""
        if adapter is self._serving("tracker"):
            return "tracker"
        return name if name in self.configuration.routes.told_outside else ""

    def _missing(self, target: str) -> str:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in self.quarantined.items())
        return f"no adapter serves {target!r}" + (f" ({reasons})" if reasons else ": add one to hub.toml")

    def _worker_settings(self) -> WorkerSettings:
        settings = self.configuration.settings
        limits = {
            name: TargetLimits(
                concurrency=one.concurrency, budget=one.budget, rate=one.rate, patience=one.patience
            )
            for name, one in settings.targets.items()
        }
        return WorkerSettings(
            name=f"{self.name}/{chance.token_hex(3)}",
            slots=settings.worker.slots,
            lease=settings.worker.lease,
            limits=limits,
        )

    async def _note_systems(self) -> None:
        sources = [listener.source.name for listener in self.listeners]
        routes = self.configuration.routes
        targets = ["tracker", "mail", *routes.informed, *routes.told_outside]
        await self.journal.know_systems([*targets, *sources, *self.quarantined])
        for name, reason in self.quarantined.items():
            await self.journal.report(Health(name, ok=False, what=reason, failures=1, open_for=60_000_000))

    def _app(self) -> ASGIApp:
        """The doors first and bare, as they carry the load; the console with all its armour behind them."""
        routes: list[BaseRoute] = [*Readiness(self.journal, self.process, name=self.name).routes()]
        doors: list[BaseRoute] = []
        if self._metrics_token:
            routes.append(self._metrics_page(token=self._metrics_token))
        if "intake" in self.roles:
            for name, adapter in self.adapters.items():
                doors += _doors(name, adapter.webhook) if adapter.webhook else ()
            routes += [*doors, Mount("/api/v1", app=create_api(self._back()))]
        if "console" in self.roles:
            console = create_console(
                self.journal,
                self.configuration.settings.console,
                hand_out=self.broker.hand_out,
                groups=lambda: self.configuration.routes.dispatch.group,
                stopping=self._is_stopping,
                letters=LetterRoom(
                    configuration=lambda: self.configuration.routes, shown=self._shown_to_recipient
                ),
            )
            routes.append(Mount("/", app=console))
        return DoorsFirst(_by_path(doors), Router(routes))

    def _metrics_page(self, *, token: str) -> Route:
        return Route("/metrics", Metrics(self.journal, self.process, token=token).page)

    def _back(self) -> Back:
        return Back(
            journal=self.journal,
            accept=self.doorway,
            complete=self.doorway.completed,
            stopping=self._is_stopping,
            settings=self.configuration.settings.api,
            credentials=Credentials(self.journal.database, self.clock),
            allowance=Allowance(self.journal.database, self.clock),
            feed=self.feed,
        )

    def process(self) -> Process:
        """How this process stands, for those who watch it."""
        return Process(
            version=version("wegwijzer"),
            config_version=self._deciding.version,
            roles=self.roles,
            adapters={name: name in self.quarantined for name in self.configuration.settings.adapters},
            listening={one.source.name: one.active for one in self.listeners}
            if "listener" in self.roles
            else {},
            in_flight=self.worker.in_flight,
            broker_reachable=self.broker.reachable,
            broker_dropped=self.broker.dropped,
            stopping=self._is_stopping(),
        )


def _doors(name: str, webhook: APIRouter) -> list[BaseRoute]:
    """Plain doors stand in the first row; FastAPI's own kind needs a FastAPI around it. All are counted."""
    prefix = f"/in/{name}"
    plain = [
        route for route in webhook.routes if isinstance(route, Route) and not isinstance(route, APIRoute)
    ]
    if len(plain) < len(webhook.routes):
        app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
        app.include_router(webhook)
        return [Mount(prefix, app=CountedDoor(app, adapter=name))]
    doors: list[BaseRoute] = []
    for one in plain:
        door = Route(f"{prefix}{one.path}", one.endpoint, methods=one.methods, name=one.name)
        door.app = CountedDoor(door.app, adapter=name)
        doors.append(door)
    return doors


def _by_path(doors: Iterable[BaseRoute]) -> dict[tuple[str, str], ASGIApp]:
    """Plain doors by method and path: a path without parameters leads nowhere else."""
    plain = (one for one in doors if isinstance(one, Route) and not one.param_convertors)
    return {(method, one.path): one.app for one in plain for method in one.methods or ()}


async def _nothing_wrong() -> tuple[str, ...]:
    return ()


_NO_ADAPTER = Adapter(check=_nothing_wrong)


def open_journal(configuration: Configuration, shard: str) -> Journal:
    """The journal of this configuration, not started yet."""
    configuration.data.mkdir(parents=True, exist_ok=True)
    secrets = configuration.secrets
    masters = tuple(bytes.fromhex(key) for key in secrets.get("master_keys").split())
    return Journal(
        configuration.journal_url,
        router=CityRoutes(configuration.routes),
        keys=Keys(masters=masters, pepper=_derived(secrets, "pepper"), audit=_derived(secrets, "audit")),
        clock=SystemClock() if configuration.journal_url.startswith("sqlite") else SharedClock(),
        shard=shard,
        prefix=configuration.settings.hub.reference_prefix,
        config_version=configuration.routes.version,
        custody=Custody(
            terms=configuration.settings.retention,
            apart=Apart(configuration.apart, socket.gethostname()),
        ),
    )


def make_secrets(folder: Path) -> None:
    """Make the secrets of a new hub, for its owner's eyes only; those that exist are left alone."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name in ("master_keys", "hash_key", "reply_secret", "metrics_token"):
        file = folder / name
        if not file.exists():
            file.touch(mode=0o600)
            file.write_text(chance.token_hex(32) + "\n")


def _broker(configuration: Configuration) -> TwoPriorities:
    url, ca_file = configuration.broker_url, configuration.settings.broker.ca_file
    if url == "memory:":
        return TwoPriorities(InProcessBroker(), InProcessBroker())
    return TwoPriorities(
        RabbitMqBroker(url, ca_file=ca_file), RabbitMqBroker(url, "wegwijzer.bulk", ca_file=ca_file)
    )


def _factory(system: str) -> Build:
    """The `build` of an adapter: ours by its folder, an outside one by its entry point or as `module:function`."""
    if ":" in system:
        module, _, function = system.partition(":")
        outside: Build = getattr(importlib.import_module(module), function)
        return outside
    for entry in entry_points(group=ENTRY_POINTS, name=system):
        loaded: Build = entry.load()
        return loaded
    manifest = _manifest(system)
    if manifest is None:
        raise MisconfiguredError(f"no adapter is called {system!r}: see `system` in its section of hub.toml")
    module, _, function = manifest["factory"].partition(":")
    ours: Build = getattr(importlib.import_module(module), function)
    return ours


def _manifest(system: str) -> dict[str, Any] | None:
    """The `adapter.toml` of one of our own adapters; None when we have none of that name."""
    file = resources.files("adapters") / system / "adapter.toml"
    return tomllib.loads(file.read_text()) if system.isidentifier() and file.is_file() else None


class _Outside(TypedDict):
    board: str
    notices: str
    crews: frozenset[str]


def _outside(settings: Settings, dispatch: Dispatch) -> _Outside:
    """The adapters that tell customers and field teams; `MisconfiguredError` names one that hub.toml lacks."""
    crews = frozenset(rule.crew for rule in dispatch.rule if rule.crew)
    named = {"[answers] board": settings.answers.board, "[answers] notices": settings.answers.notices}
    named |= {f"dispatch table: crew of rule {rule.name!r}": rule.crew for rule in dispatch.rule}
    for where, name in named.items():
        if name and name not in settings.adapters:
            raise MisconfiguredError(f"{where} is {name!r}: add [adapters.{name}] to hub.toml")
    return _Outside(board=settings.answers.board, notices=settings.answers.notices, crews=crews)


def _informed(settings: Settings) -> Iterable[str]:
    """The targets through which systems hear of the cases that they brought."""
    if _API in settings.adapters:
        raise MisconfiguredError(f"adapters.{_API}: this name belongs to the API for existing systems")
    yield from settings.api.told()
    for name, section in settings.adapters.items():
        yield from _informed_by(name, section)


def _informed_by(name: str, section: Mapping[str, Any]) -> tuple[str, ...]:
    """Who behind this adapter wants news: by its manifest, or as its section says.

    The manifest's `parts` names the setting whose entries are systems of their own, each told by itself.
    """
    manifest = _manifest(str(section.get("system", "")))
    if not section.get("informed", manifest is not None and "informed" in manifest["ports"]):
        return ()
    parts = manifest.get("parts", "") if manifest else ""
    return tuple(f"{name}/{part}" for part in section.get(parts, {})) if parts else (name,)


def _filled_in(value: Any, configuration: Configuration) -> Any:
    """The settings with "secret:<name>" replaced by that secret, and "file:<path>" by the path from this configuration."""
    if isinstance(value, dict):
        return {key: _filled_in(one, configuration) for key, one in value.items()}  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, list):
        return [_filled_in(one, configuration) for one in value]  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, str) and value.startswith("secret:"):
        return configuration.secrets.get(value.removeprefix("secret:"))
    if isinstance(value, str) and value.startswith("file:"):
        return str(configuration.folder / value.removeprefix("file:"))
    return value


def _derived(secrets: Secrets, purpose: str) -> bytes:
    return hmac.new(bytes.fromhex(secrets.get("hash_key")), purpose.encode(), sha256).digest()


def _texts(folder: Path | None) -> dict[str, str]:
    files = folder.iterdir() if folder else (resources.files("routes") / "texts").iterdir()
    return {
        file.name.removesuffix(".toml"): file.read_text("utf-8")
        for file in files
        if file.name.endswith(".toml")
    }


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except OSError as error:
        raise MisconfiguredError(f"can't read {path}: {error.strerror}") from error


def _in_words(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return "; ".join(
            f"{'.'.join(str(part) for part in one['loc'])}: {one['msg']}"
            for one in error.errors(include_input=False)
        )
    return error.what if isinstance(error, HubError) else str(error)


def _only_hub_here(configuration: Configuration) -> TextIO | None:
    """The embedded journal belongs to one process: a second hub on it is refused."""
    if not configuration.journal_url.startswith("sqlite"):
        return None
    lock = (configuration.data / "hub.lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        raise MisconfiguredError(f"another hub runs on {configuration.data}: stop it first") from error
    return lock


_FOR_A_PERSON = (
    "does not support SSL",
    "certificate",
    "authentication failed",
    "no password supplied",
    "no pg_hba.conf entry",
    "does not exist",
)
"""Words of libpq and PostgreSQL about a line that stays shut until somebody mends it; others come from a restart."""


def _reach(url: str) -> None:
    engine = open_engine(url)
    try:
        engine.connect().close()
    except OperationalError as error:
        reason = str(error.orig)
        if engine.dialect.name == "sqlite" or any(words in reason for words in _FOR_A_PERSON):
            raise MisconfiguredError(f"the journal's database can't be used: {reason}") from error
        raise TransientError(f"the journal's database does not answer: {reason}") from error
    finally:
        engine.dispose()


def _migrate(url: str) -> None:
    engine = open_engine(url)
    try:
        migrate(engine)
    except OperationalError as error:
        raise TransientError(f"the journal's database can't be used: {error.orig}") from error
    except ProgrammingError as error:
        raise MisconfiguredError(
            f"the tables are not up to date and this login may not change them ({error.orig}): "
            "run `wegwijzer migrate` as the owner of the database"
        ) from error
    finally:
        engine.dispose()


async def run_checks(configuration: Configuration) -> list[tuple[str, tuple[str, ...]]]:
    """Every part with what is wrong with it; changes nothing outside."""
    routes = configuration.routes
    found = [("dispatch", wrong_examples(routes.dispatch)), ("texts", wrong_texts(routes.texts))]
    try:
        hub = Hub(configuration)
        await asyncio.to_thread(_migrate, configuration.journal_url)
        await hub.journal.start()
    except (HubError, SQLAlchemyError, OSError, RuntimeError) as error:
        return [*found, ("journal", (_in_words(error),))]
    found.append(("journal", ()))
    useless = left_out(await hub.journal.letter_texts.in_force())
    found.append(
        ("letters", tuple(f"{one}: saved in the console, but of no use any more" for one in useless))
    )
    found += [(name, (reason,)) for name, reason in hub.quarantined.items()]
    for name, adapter in hub.adapters.items():
        found.append((name, await _checked(adapter, configuration)))
        if adapter.products:
            found.append(
                (f"dispatch, products of {name}", await _checked_products(adapter.products, configuration))
            )
    for adapter in hub.adapters.values():
        await adapter.close()
    await hub.journal.close()
    return found


async def _checked(adapter: Adapter, configuration: Configuration) -> tuple[str, ...]:
    groups = [group.name for group in configuration.routes.dispatch.group]
    try:
        wrong = await adapter.check()
        if adapter.tracker:
            wrong += await adapter.tracker.ensure_ready(groups)
    except HubError as error:
        return (error.what,)
    known = {area.name for area in configuration.routes.dispatch.area}
    wrong += tuple(
        f"area {name!r} is not in [[area]] of the dispatch table"
        for name in adapter.areas
        if name not in known
    )
    return tuple(dict.fromkeys(wrong))


async def _checked_products(products: Products, configuration: Configuration) -> tuple[str, ...]:
    """Whether the catalogue knows the products that the dispatch table names, and still offers them."""
    wrong: list[str] = []
    for rule in configuration.routes.dispatch.rule:
        for number in rule.product:
            try:
                product = await products.get(number)
            except HubError as error:
                return (*wrong, error.what)
            if product is None:
                wrong.append(f"rule {rule.name!r} names product {number}, which the catalogue does not know")
            elif product.withdrawn:
                name = product.text(Language.NL).name
                wrong.append(f"rule {rule.name!r} names product {number} ({name}), which was withdrawn")
    return tuple(wrong)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--config",
    "path",
    type=click.Path(path_type=Path),
    default=Path("hub.toml"),
    envvar="WEGWIJZER_CONFIG",
    show_default=True,
    help="Het configuratiebestand.",
)
@click.pass_context
def main(context: click.Context, path: Path) -> None:
    """Wegwijzer: elk contact wordt één zaak, en het antwoord vindt zijn weg terug."""
    context.obj = path


@main.command()
@click.option(
    "--role", "roles", multiple=True, type=click.Choice(ROLES), help="Alleen deze onderdelen; standaard alle."
)
@click.option(
    "--listen", metavar="ADRES:POORT", default="", help="In plaats van `listen` in het configuratiebestand."
)
@click.option("--log-json/--log-text", default=False, help="Logregels als JSON, zoals in productie.")
@click.pass_obj
def run(path: Path, roles: tuple[str, ...], listen: str, log_json: bool) -> None:  # noqa: FBT001 - click passes by name
    """Wegwijzer laten draaien tot SIGTERM of Ctrl-C."""
    configure_logging(as_json=log_json, stream=sys.stderr)
    log_the_unforeseen()
    configuration = _loaded(path)
    _run_loop(_run_hub(configuration, roles or ROLES, listen))


async def _run_hub(configuration: Configuration, roles: Iterable[str], listen: str) -> None:
    hub = Hub(configuration, roles, listen=listen)
    for wish in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(wish, hub.stop)
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, hub.ask_to_reload)
    await hub.start()
    _settle_memory()
    try:
        await hub.serve()
    finally:
        await hub.close()


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Eén JSON-object in plaats van regels.")
@click.pass_obj
def check(path: Path, as_json: bool) -> None:  # noqa: FBT001 - click passes by name
    """Nakijken of alles klopt: instellingen, voorbeelden van de verdeeltabel, journaal, elke adapter."""
    configure_logging(as_json=False, stream=sys.stderr)
    results = asyncio.run(run_checks(_loaded(path)))
    if as_json:
        click.echo(json.dumps({name: list(wrong) for name, wrong in results}))
    else:
        for name, wrong in results:
            click.echo(f"{'FOUT' if wrong else 'ok':5} {name}" + "".join(f"\n      - {one}" for one in wrong))
    sys.exit(any(wrong for _, wrong in results))


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Eén JSON-object in plaats van regels.")
@click.pass_obj
def reload(path: Path, as_json: bool) -> None:  # noqa: FBT001 - click passes by name
    """De verdeeltabel en de teksten opnieuw inlezen, in elk proces op deze machine; bij een fout blijft alles zoals het was."""
    try:
        fresh = reloadable(path)
    except MisconfiguredError as error:
        raise click.ClickException(error.what) from error
    told = asyncio.run(ask_to_reload(fresh.data / "processes", patience=10))
    if as_json:
        click.echo(json.dumps([asdict(one) for one in told]))
    else:
        for one in told:
            click.echo(f"{'FOUT' if one.refused else 'ok':5} {one.pid} {one.version} {one.refused}".rstrip())
        if not told:
            click.echo("Hier draait geen Wegwijzer met deze configuratie.")
    sys.exit(any(one.refused or one.version != fresh.routes.version for one in told))


@main.command()
@click.argument("words", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="Eén JSON-object in plaats van regels.")
@click.pass_obj
def products(path: Path, words: tuple[str, ...], as_json: bool) -> None:  # noqa: FBT001 - click passes by name
    """In de productencatalogus zoeken, zoals het loket: nummer, naam en versie, voor de verdeeltabel."""
    configure_logging(as_json=False, stream=sys.stderr)
    with _in_plain_words():
        found = asyncio.run(_found_products(_loaded(path), " ".join(words)))
    rows = [
        {
            "product": one.id,
            "name": one.text(Language.NL).name,
            "version": one.version,
            "modified": one.modified.isoformat(),
        }
        for one in found
    ]
    if as_json:
        click.echo(json.dumps(rows))
        return
    for row in rows:
        click.echo("{product:>8} {name} ({version}, {modified:.10})".format(**row))
    if not rows:
        click.echo("Niets gevonden.")


async def _found_products(configuration: Configuration, text: str) -> tuple[Product, ...]:
    hub = Hub(configuration)
    await asyncio.to_thread(_migrate, configuration.journal_url)
    await hub.journal.start()
    try:
        return await hub.catalogue.search(text)
    finally:
        for adapter in hub.adapters.values():
            await adapter.close()
        await hub.journal.close()


@main.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
def init(folder: Path) -> None:
    """Een nieuwe Wegwijzer beginnen in FOLDER: voorbeeldconfiguratie, verdeeltabel en verse geheimen."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("hub.toml", "dispatch.toml", "areas.geojson"):
        file = folder / name
        if not file.exists():
            file.write_text((resources.files("demo") / "city" / name).read_text("utf-8"))
    make_secrets(folder / "secrets")
    click.echo(
        f"{folder}: edit hub.toml, dispatch.toml and areas.geojson, then: wegwijzer --config {folder / 'hub.toml'} check"
    )


@main.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--json", "as_json", is_flag=True, help="Eén JSON-object in plaats van regels.")
@click.pass_obj
def backup(path: Path, folder: Path, as_json: bool) -> None:  # noqa: FBT001 - click passes by name
    """Een volledige kopie van het journaal in FOLDER, terwijl Wegwijzer voortwerkt."""
    with _in_plain_words():
        copy = back_up(_loaded(path).journal_url, folder, SystemClock().now())
    click.echo(
        json.dumps(asdict(copy)) if as_json else f"{copy.file}: {copy.bytes} bytes, sha256 {copy.sha256}"
    )


@main.command()
@click.argument("copy", required=False, type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--days", default=7, show_default=True, help="Zo lang wordt voor oude zaken eerst nagekeken.")
@click.option("--actor", default="", help="Naam voor het logboek (anders: uw naam op deze machine).")
@click.option("--json", "as_json", is_flag=True, help="Eén JSON-object in plaats van regels.")
@click.pass_obj
def restore(path: Path, copy: Path | None, days: int, actor: str, as_json: bool) -> None:  # noqa: FBT001 - click passes by name
    """Een kopie van het journaal (COPY) terugzetten en klaarmaken, zodat niets dubbel gebeurt. Wegwijzer moet stilstaan.

    Zonder COPY: klaarmaken wat met de middelen van PostgreSQL al teruggezet is.
    """
    configure_logging(as_json=False, stream=sys.stderr)
    configuration = _loaded(path)
    with _in_plain_words():
        found = asyncio.run(_restored(configuration, copy, actor or getpass.getuser(), days))
    _show_standing(found, as_json=as_json)


@main.command("migrate")
@click.pass_obj
def migrate_tables(path: Path) -> None:
    """De tabellen bijwerken, als eigenaar van de databank; elk proces doet het ook zelf als het dat mag."""
    configure_logging(as_json=False, stream=sys.stderr)
    configuration = _loaded(path)
    configuration.data.mkdir(parents=True, exist_ok=True)
    with _in_plain_words():
        _migrate(configuration.journal_url)
    click.echo("De tabellen zijn bij.")


@main.command("database-roles")
@click.option("--prefix", default="wegwijzer", show_default=True, help="Begin van de namen.")
def database_roles(prefix: str) -> None:
    """De SQL die in PostgreSQL elke rol geeft wat zij nodig heeft en niet meer; voor psql, als eigenaar."""
    if not prefix.isidentifier() or not prefix.islower():
        raise click.ClickException("--prefix: letters, cijfers en _ in kleine letters")
    for statement in statements(prefix):
        click.echo(f"{statement};")


@main.command("restore-check")
@click.option("--json", "as_json", is_flag=True, help="Eén JSON-object in plaats van regels.")
def restore_check(as_json: bool) -> None:  # noqa: FBT001 - click passes by name
    """Is dit journaal een oudere kopie, en wat ontbreekt er dan? Verandert niets. Uitgang 1: `wegwijzer restore` is nodig."""

    async def look() -> Standing:
        async with _journal_for_commands() as journal:
            return await journal.standing()

    with _in_plain_words():
        found = asyncio.run(look())
    _show_standing(found, as_json=as_json)
    sys.exit(found.older)


async def _restored(configuration: Configuration, copy: Path | None, actor: str, days: int) -> Standing:
    lock = _only_hub_here(configuration)
    if any(present(configuration.data / "processes")):
        raise MisconfiguredError("the hub still runs on this machine: stop it first")
    try:
        if copy:
            put_back(configuration.journal_url, copy, SystemClock().now())
        async with _journal_for_commands() as journal:
            return await journal.restored(actor, days)
    finally:
        if lock:
            lock.close()


def _show_standing(found: Standing, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(asdict(found)))
        return
    unfinished = ", ".join(f"{name} {count}" for name, count in sorted(found.unfinished.items())) or "geen"
    click.echo(f"Ouder dan wat al gebeurd is: {'ja' if found.older else 'nee'}")
    click.echo(f"Stappen die eerst nagekeken worden: {unfinished}")
    click.echo(f"Opnieuw te wissen: {', '.join(found.to_erase) or 'geen'}")
    click.echo(f"Zaken die dit journaal niet kent: {len(found.missing)}")
    for ref in found.missing[:50]:
        click.echo(f"  {ref}")
    if found.missing:
        click.echo(
            "Bied hun berichten opnieuw aan (mail: terug naar het postvak IN); ze krijgen hetzelfde nummer."
        )


@contextmanager
def _in_plain_words() -> Generator[None]:
    try:
        yield
    except HubError as error:
        raise click.ClickException(error.what) from error


@main.command()
@click.option("--once", is_flag=True, help="Play the morning, wait until every message has ended, and stop.")
@click.option("--json", "as_json", is_flag=True, help="End with one JSON object on the last line.")
@click.option("--folder", type=click.Path(path_type=Path), default=Path(".demo"), show_default=True)
@click.option("--browser/--no-browser", default=True, help="Open the console in a browser.")
@click.option(
    "--keep", is_flag=True, help="Go on with what earlier mornings left, instead of beginning afresh."
)
@click.option(
    "--distributed", is_flag=True, help="On PostgreSQL and RabbitMQ, with a process for every role."
)
def demo(once: bool, as_json: bool, folder: Path, browser: bool, keep: bool, distributed: bool) -> None:  # noqa: FBT001 - click passes by name
    """Een voormiddag van een stad op deze machine: echte mail, een echte tracker, echte formulieren."""
    from demo.distributed import Arrangement, Fleet, engines, in_one_process  # noqa: PLC0415 - as below
    from demo.morning import Demo, RunningHub, play  # noqa: PLC0415 - its servers are an extra that a city does not install

    if keep and distributed:
        raise click.UsageError(
            "--keep goes with the embedded journal only: the engines begin afresh each time"
        )

    make_secrets(folder / "secrets")
    log_file = (folder / "hub.log").open("a", buffering=1)
    configure_logging(as_json=True, stream=log_file)

    async def open_hub(path: Path, arrangement: Arrangement) -> RunningHub:
        configuration = load(path)
        if not distributed:
            return Hub(configuration)
        journal = open_journal(configuration, shard="demo")
        return Fleet(journal, path, configuration.settings.hub.listen, arrangement.console)

    how = Demo(folder=folder, once=once, as_json=as_json, browser=browser, keep=keep)
    sys.exit(_run_loop(play(how, open_hub, engines if distributed else in_one_process)))


def _settle_memory() -> None:
    """What was loaded stays for good: the garbage collector need not look at it again with every round."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def _loaded(path: Path) -> Configuration:
    try:
        return load(path)
    except MisconfiguredError as error:
        raise click.ClickException(error.what) from error


def _run_loop(coroutine: Any) -> Any:
    try:
        return uvloop.run(coroutine)
    except HubError as error:
        raise click.ClickException(error.what) from error
    except KeyboardInterrupt:
        sys.exit(130)


@asynccontextmanager
async def _journal_for_commands() -> AsyncGenerator[Journal]:
    configuration = _loaded(click.get_current_context().find_root().obj)
    configure_logging(as_json=False, stream=sys.stderr)
    journal = open_journal(configuration, shard="cli")
    await asyncio.to_thread(_migrate, configuration.journal_url)
    await journal.start()
    routes = deciding(configuration.routes, await journal.letter_texts.in_force())
    journal.follow(CityRoutes(routes), routes.version)
    try:
        yield journal
    finally:
        await journal.close()


def _routes_for_commands() -> RouteConfiguration:
    return _loaded(click.get_current_context().find_root().obj).routes


for _command in commands(_journal_for_commands):
    main.add_command(_command)
main.add_command(text_commands(_journal_for_commands, _routes_for_commands, _texts))

if __name__ == "__main__":
    main()
