"""The composition root, and the place to begin reading: how the parts of Wegwijzer come together in one process.

    adapters --accept--> doorway --> journal --> broker --> worker --apply--> targets (adapters again)
                                        ^
                                     routes decide

An adapter hands what came in to the doorway, which stores it in the journal; in that same transaction the routes decide
which effects it has. The broker tells workers that there is work, a worker applies each effect to its target and
writes down the outcome. `Systems` makes adapters into sources, doors and targets; `Hub` puts the rest around them and
runs what its roles ask. Settings are in `settings/`, the commands of `wegwijzer` in `cli/`. Nobody imports this module.
"""

import asyncio
import os
import secrets
import socket
from collections.abc import Callable, Coroutine, Iterable, Mapping
from functools import partial
from importlib.metadata import version
from typing import Any, Literal, Protocol, TextIO

import structlog
import uvicorn
from starlette.routing import BaseRoute, Mount, Route, Router
from starlette.types import ASGIApp

from adapters.discovery import factory
from broker.daemon import in_thread
from broker.in_process import InProcessBroker
from broker.priorities import TwoPriorities
from broker.rabbitmq import RabbitMqBroker
from canonical_model.commands import SendMail
from cli import command_line
from console.alarm_letter import alarm_letters
from console.api import Back, create_api
from console.api.allowance import Allowance
from console.api.credentials import Credentials
from console.api.feed import Feed
from console.api.webhook import SystemWebhook
from console.app import create_console
from console.letters import LetterRoom
from console.metrics import Metrics
from console.readiness import OnceBegun, Process, Readiness
from console.staff import ConsoleStaff, accounts_of
from console.wording import load as load_wordings
from journal.apart import Apart
from journal.database import StoreBrokenError
from journal.feeds import JournalFeeds
from journal.journal import Custody, Journal, Keys
from journal.looks import JournalLooks
from journal.migrate import bring_up_to_date
from journal.operations import Health
from journal.opt_outs import JournalOptOuts
from journal.shared_clock import SharedClock
from ports.adapter import Adapter, Tools
from ports.clock import SystemClock
from ports.errors import HubError, MisconfiguredError
from ports.opt_outs import WaysOut
from ports.products import Catalogue
from ports.server import DoorsFirst, server
from ports.target import Target
from routes.dispatch import group_of_product
from routes.router import CityRoutes
from settings import ROLES, Configuration, in_words
from settings.configuration import refuse_long
from settings.live import LiveConfiguration
from settings.sections import TargetSection
from telemetry.doors import counted_doors
from telemetry.traces import open_traces
from worker.alarm import Alarm
from worker.awaiting import Awaiting
from worker.beginning import Beginning
from worker.breaker import Breakers
from worker.intake import Doorway
from worker.listeners import Listener
from worker.loop import TargetLimits, Worker, WorkerSettings
from worker.places import alone_on, beside_on, nobody_beside
from worker.reconciler import Reconciler
from worker.replays import Replaying
from worker.retention import Housekeeping
from worker.scheduler import Scheduler
from worker.targets import MailTarget, Quarantined, TrackerTarget
from worker.upkeep import Upkeep

log = structlog.get_logger()


class Part(Protocol):
    """Something that goes on until the process ends; it comes back to its work after an error."""

    def run(self) -> Coroutine[Any, Any, None]: ...


class Systems:
    """The outside systems: each behind its adapter, those of the API behind their feed and webhook.

    What can't start is quarantined with its reason, and the rest works.
    """

    def __init__(self, configuration: Configuration, give_tools: Callable[[str], Tools]) -> None:
        self._configuration = configuration
        self._routes = configuration.routes
        self.quarantined: dict[str, str] = {}
        self.adapters: dict[str, Adapter] = {}
        for name, settings in configuration.settings.adapters.items():
            try:
                self.adapters[name] = self._build(settings, give_tools(name))
            except (HubError, ValueError, ImportError, AttributeError) as error:
                self.quarantined[name] = in_words(error)
                log.warning("adapter_quarantined", adapter=name, reason=self.quarantined[name])

    def serving(self, port: Literal["tracker", "mail"]) -> Adapter:
        """The adapter behind a target: the one that hub.toml names, or the first that offers the port."""
        wanted = self._configuration.settings.targets.get(port, TargetSection()).adapter
        for name, adapter in self.adapters.items():
            if getattr(adapter, port) is not None and wanted in ("", name):
                return adapter
        return _NO_ADAPTER

    def targets(self, told_by_api: Mapping[str, Target]) -> dict[str, Target]:
        """Whom effects go to: the tracker, the mail relay, who hears of its cases, who shows or does the work."""
        tracker, mail = self.serving("tracker").tracker, self.serving("mail").mail
        return {
            "tracker": TrackerTarget(tracker) if tracker else Quarantined(self._missing("tracker")),
            "mail": MailTarget(mail) if mail else Quarantined(self._missing("mail")),
            **{name: told_by_api.get(name) or self._informed(name) for name in self._routes.informed},
            **{name: self._outside(name) for name in self.outside()},
        }

    def outside(self) -> tuple[str, ...]:
        """Who can be told how cases stand, whether the routes of today tell them anything or not.

        So a reload may name any of them, and what went out to one of before is still followed.
        """
        running = (name for name, one in self.adapters.items() if one.board or one.notices or one.crew)
        return tuple(dict.fromkeys((*self._routes.told_outside, *running)))

    def target_of(self, name: str, source: str) -> str:
        """The target that is the same system as this source of an adapter; a mailbox and a relay are two."""
        if source in self._routes.informed:
            return source
        if self.adapters[name] is self.serving("tracker"):
            return "tracker"
        return name if name in self.outside() else ""

    def webhooks(self, journal: Journal) -> dict[str, SystemWebhook]:
        """The webhooks of the API's systems, by target; one whose secret is missing or unfit is quarantined."""
        api = self._configuration.settings.api
        webhooks: dict[str, SystemWebhook] = {}
        for name, system in api.systems.items():
            if not system.webhook:
                continue
            target = f"api/{name}/webhook"
            keys = [secret.get_secret_value() for secret in system.webhook_secrets]
            try:
                webhooks[target] = SystemWebhook(
                    target,
                    system.webhook,
                    self._configuration.filled_in(keys),
                    event_source=api.event_source,
                    seconds=api.webhook_seconds,
                    clock=journal.clock,
                    pause=journal.pause,
                )
            except MisconfiguredError as error:
                self.quarantined[target] = error.what
                log.warning("webhook_quarantined", target=target, reason=error.what)
        return webhooks

    def _build(self, settings: Mapping[str, Any], tools: Tools) -> Adapter:
        build = factory(str(settings.get("system", "")))
        own = {key: value for key, value in settings.items() if key not in ("system", "informed", "bulk")}
        adapter = build(self._configuration.filled_in(own), tools)
        for source in adapter.sources:
            refuse_long(source.name)
        return adapter

    def _informed(self, name: str) -> Target:
        """Who is told of the cases that came through its adapter."""
        instance = name if name.startswith("api/") else name.partition("/")[0]
        adapter = self.adapters.get(instance, _NO_ADAPTER)
        reason = self.quarantined.get(instance, f"{name} takes no news about cases")
        return adapter.informed or Quarantined(reason)

    def _outside(self, name: str) -> Target:
        """The status board, the notification service, or the planning of a field team."""
        adapter = self.adapters.get(name, _NO_ADAPTER)
        reason = self.quarantined.get(name, f"{name} takes nothing about cases")
        return adapter.board or adapter.notices or adapter.crew or Quarantined(reason)

    def _missing(self, target: str) -> str:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in self.quarantined.items())
        return f"no adapter serves {target!r}" + (f" ({reasons})" if reasons else ": add one to hub.toml")


async def _nothing_wrong() -> tuple[str, ...]:
    return ()


_NO_ADAPTER = Adapter(check=_nothing_wrong)


class Hub:
    """One process of Wegwijzer. `run` is its whole life, until `stop`; its parts are `start`, `serve` and `close`."""

    def __init__(
        self, configuration: Configuration, roles: Iterable[str] = ROLES, *, listen: str = ""
    ) -> None:
        settings = configuration.settings
        self.roles = frozenset(roles)
        self.listen = listen or settings.hub.listen
        self.name = f"{socket.gethostname()}/{os.getpid()}"
        self.journal = open_journal(configuration, shard=f"{os.getpid()}")
        self.clock = self.journal.clock
        self.beginning = Beginning(self.clock)
        self.broker = _broker(configuration)
        self.live = LiveConfiguration(configuration, self.journal, name=self.name)
        self._traces = open_traces(settings.telemetry)
        self.doorway = Doorway(self.journal, self.broker, self._traces)
        self.breakers = Breakers(self.journal, self.clock)
        self.upkeep = Upkeep(self.journal, self.breakers, also=self.live.follow_letters)
        self.staff = ConsoleStaff(accounts_of(self.journal, settings.console), settings.console.cookie)
        self.feeds = JournalFeeds(self.journal.database, self.journal.keyring)
        self.opt_outs = JournalOptOuts(self.journal.database, self.journal.keyring)
        self.catalogue = Catalogue()
        self.ways_out = WaysOut()
        self.systems = Systems(configuration, self._tools)
        self.adapters, self.quarantined = self.systems.adapters, self.systems.quarantined
        self._open_catalogue()
        self._open_way_out()
        self.doorway.complete_with(
            tuple(adapter.enricher for adapter in self.adapters.values() if adapter.enricher)
        )
        self.feed = Feed(self.feeds, settings.api.event_source)
        self.webhooks = self.systems.webhooks(self.journal)
        self.worker = self._worker()
        if "worker" in self.roles:
            self.doorway.staff(self.worker)
        self.scheduler = self._scheduler()
        self.reconciler = self._reconciler()
        self.alarm = self._alarm()
        self.listeners = self._listeners()
        self.app = self._app()
        self._servers: list[uvicorn.Server] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._lock: TextIO | None = None
        self.failure: BaseException | None = None
        self._stopping = False
        self._reload_wanted = False

    @property
    def configuration(self) -> Configuration:
        """The files as they were last read."""
        return self.live.files

    async def run(self, once_begun: Callable[[], None]) -> None:
        """Answer HTTP from the first moment, work as soon as the journal is there, until `stop`; end gracefully."""
        await self._take_place()
        beginning = asyncio.create_task(self.start())
        beginning.add_done_callback(partial(self._begun, once_begun))
        try:
            await self.serve()
        finally:
            beginning.cancel()
            await asyncio.wait((beginning,))
            await self.close()

    def _begun(self, once_begun: Callable[[], None], beginning: "asyncio.Task[None]") -> None:
        if beginning.cancelled():
            return
        if error := beginning.exception():
            self.failure = self.failure or error
            self.stop()
        else:
            once_begun()

    async def start(self) -> None:
        """Bring the journal up to date, take over from an earlier life, and begin to work.

        Waits for a journal that is away; may be cancelled. `MisconfiguredError` when waiting would not help.
        """
        await self._take_place()
        self.journal.database.when_broken = self._disk_failed
        await self.broker.start()
        await self.beginning.until_done(self._open_journal)
        for part in self._parts():
            self._run(part.run())
        self.live.appear()
        self.beginning.over = True
        log.info("hub_started", roles=sorted(self.roles), quarantined=sorted(self.quarantined))
        if self._reload_wanted:
            await self.reload()

    async def _take_place(self) -> None:
        """On an embedded journal one process leads; before anything else, and once."""
        if self.configuration.embedded and not self._lock:
            take = alone_on if self._leads else beside_on
            self._lock = await asyncio.to_thread(take, self.configuration.data)

    async def _open_journal(self) -> None:
        """Until work may begin on it; may be repeated."""
        await in_thread("migration", partial(bring_up_to_date, self.configuration.journal_url))
        if self._lock:
            await self.journal.settle()
        await self.journal.start()
        await self._heed_restore()
        await self.live.follow_letters()
        if self.configuration.embedded and self._leads:
            await self._bury_the_dead()
        await self._note_systems()
        await self.breakers.refresh()  # what is paused gets nothing, not even in the first second

    def _parts(self) -> Iterable[Part]:
        """What runs in this process, by its roles; `_app` has what those of intake and console answer."""
        yield self.upkeep
        if "worker" in self.roles:
            yield self.worker
        if "scheduler" in self.roles:
            yield from (self.scheduler, self.reconciler, self.alarm)
        if "listener" in self.roles:
            yield from self.listeners

    @property
    def _leads(self) -> bool:
        """It looks after what others leave behind; on SQLite, one process does."""
        return "scheduler" in self.roles

    async def _bury_the_dead(self) -> None:
        """Whoever worked on this journal before is dead, unless somebody stands beside: then their leases run out."""
        alone = nobody_beside(self.configuration.data)
        if alone:
            with alone:  # nobody joins meanwhile
                await self.journal.bury(f"{socket.gethostname()}/")

    async def _heed_restore(self) -> None:
        """A journal that is older than what was done is a copy: it may not work before that is dealt with."""
        if await self.journal.is_older():
            raise MisconfiguredError(
                "the journal lacks cases that were opened already: it is a copy from before. "
                "Run `wegwijzer restore`, so that nothing is done twice"
            )
        await self.journal.recall()

    async def _note_systems(self) -> None:
        sources = [listener.system for listener in self.listeners]
        routes = self.configuration.routes
        targets = ["tracker", "mail", *routes.informed, *self.systems.outside()]
        await self.journal.know_systems([*targets, *sources, *self.quarantined])
        for name, reason in self.quarantined.items():
            await self.journal.report(Health(name, ok=False, what=reason, failures=1, open_for=60_000_000))

    async def serve(self) -> None:
        """Answer HTTP until `stop`; without doors or console, health and metrics only. Raises what made a part fail."""
        metrics = self.configuration.settings.metrics
        self._servers = [self._server(self.app, self.listen)]
        if metrics.listen:
            self._servers.append(self._server(Router([self._metrics_page(token="")]), metrics.listen))
        for one in self._servers:
            one.should_exit = self._stopping
        await asyncio.gather(*(one.serve() for one in self._servers))
        if self.failure:
            raise self.failure

    def _server(self, app: ASGIApp, address: str) -> uvicorn.Server:
        return server(OnceBegun(app, has_begun=lambda: self.beginning.over), address)

    def stop(self) -> None:
        """Let `serve` return."""
        self._stopping = True
        for one in self._servers:
            one.should_exit = True

    def _is_stopping(self) -> bool:
        return self._stopping or any(one.should_exit for one in self._servers)

    def ask_to_reload(self) -> None:
        """Reload soon, once it works; for a signal handler."""
        if self.beginning.over:
            self._run(self.reload())
        self._reload_wanted = True

    async def reload(self) -> None:
        """Decide by the files as they are now, from the next message on."""
        await self.live.reload()

    async def close(self) -> None:
        """Finish what is in flight, then let go; what could not be finished is found again by its lease.

        Nothing can be finished without a journal: when its disk failed, all is left as it is.
        """
        if self.journal.database.broken:
            return
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
        self.live.vanish()
        if self._lock:
            self._lock.close()
        log.info("hub_stopped")

    def _disk_failed(self, error: StoreBrokenError) -> None:
        """The process ends, and whoever watches over it starts another one, which begins from what is on the disk."""
        log.error("journal_disk_failed", reason=error.what, detail=error.detail)
        self.journal.note_failure(error.what)
        self.failure = error
        self.stop()

    def _run(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(coroutine)
        task.add_done_callback(self._ended)
        self._tasks.add(task)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception():
            log.error("part_failed", exc_info=task.exception())
            self.failure = self.failure or task.exception()
            self.stop()

    def process(self) -> Process:
        """How this process stands, for those who watch it."""
        listeners = self.listeners if "listener" in self.roles else ()
        return Process(
            version=version("wegwijzer"),
            config_version=self.live.routes.version,
            roles=self.roles,
            beginning=self.beginning.waits_for,
            adapters={name: name in self.quarantined for name in self.configuration.settings.adapters},
            listening={one.source.name: one.active for one in listeners},
            in_flight=self.worker.in_flight,
            broker_reachable=self.broker.reachable,
            broker_dropped=self.broker.dropped,
            stopping=self._is_stopping(),
        )

    # --- the parts, with what each needs of the others --------------------------------------------------------

    def _tools(self, name: str) -> Tools:
        bulk = self.configuration.settings.adapters[name].get("bulk")
        return Tools(
            name=name,
            accept=self.doorway.in_bulk if bulk else self.doorway,
            checkpoints=self.doorway.checkpoints(name),
            clock=self.clock,
            secrets=self.configuration.secrets,
            cases=self.journal.cases,
            staff=self.staff,
            looks=JournalLooks(self.journal),
            feeds=self.feeds,
            opt_outs=self.opt_outs,
            ways_out=self.ways_out,
            products=self.catalogue,
        )

    def _open_catalogue(self) -> None:
        """Everybody asks the first adapter that has a product catalogue."""
        having = [(name, adapter.products) for name, adapter in self.adapters.items() if adapter.products]
        if having:
            self.catalogue.open(having[0][1])
        for name, _ in having[1:]:
            log.warning("catalogue_not_used", adapter=name, used=having[0][0])

    def _open_way_out(self) -> None:
        """Mails in place of notifications lead to the page of the adapter that notifies."""
        adapter = self.adapters.get(self.configuration.routes.notices)
        if adapter and adapter.way_out:
            self.ways_out.open(adapter.way_out)

    def _worker(self) -> Worker:
        settings = self.configuration.settings
        feeds = {f"api/{name}": self.feed for name in settings.api.systems}
        limits = {
            name: TargetLimits(
                concurrency=one.concurrency, budget=one.budget, rate=one.rate, patience=one.patience
            )
            for name, one in settings.targets.items()
        }
        return Worker(
            self.journal,
            self.broker,
            self.systems.targets(told_by_api={**feeds, **self.webhooks}),
            breakers=self.breakers,
            clock=self.clock,
            settings=WorkerSettings(
                name=f"{self.name}/{secrets.token_hex(3)}",
                slots=settings.worker.slots,
                lease=settings.worker.lease,
                limits=limits,
            ),
            traces=self._traces,
        )

    def _scheduler(self) -> Scheduler:
        housekeeping = Housekeeping(self.journal, owner=self.name)
        replaying = Replaying(self.journal, self.broker.bulk, f"{self.name}/scheduler")
        awaiting = Awaiting(self.journal, self.broker, f"{self.name}/scheduler")
        return Scheduler(
            self.journal,
            self.broker,
            self.doorway,
            self.breakers,
            bulk=self.broker.bulk,
            chores=(housekeeping.work, replaying.advance, awaiting.go_on),
        )

    def _reconciler(self) -> Reconciler:
        adapters = {name: self.adapters.get(name) for name in self.systems.outside()}
        asked = {name: one.board or one.crew for name, one in adapters.items() if one}
        return Reconciler(
            self.journal,
            self.doorway.in_bulk,
            outside={name: system for name, system in asked.items() if system},
            tracker=self.systems.serving("tracker").tracker,
            held=self.breakers.held,
            clock=self.clock,
            owner=f"{self.name}/reconciler",
            settings=lambda: self.configuration.settings.reconcile,
        )

    def _alarm(self) -> Alarm:
        settings = self.configuration.settings
        return Alarm(
            self.journal,
            self.systems.serving("mail").mail,
            alarm_letters(load_wordings(settings.console.time_zone)["nl"]),
            clock=self.clock,
            owner=f"{self.name}/alarm",
            settings=settings.alarm,
            mail_domain=settings.hub.mail_domain,
        )

    def _listeners(self) -> list[Listener]:
        return [
            Listener(source, self.journal, owner=self.name, behind=self.systems.target_of(name, source.name))
            for name, adapter in self.adapters.items()
            for source in adapter.sources
        ]

    def _app(self) -> ASGIApp:
        """The doors first and bare, as they carry the load; the console with all its armour behind them."""
        routes: list[BaseRoute] = [*Readiness(self.journal, self.process, name=self.name).routes()]
        doors: list[BaseRoute] = []
        if token := self.configuration.filled_in(self.configuration.settings.metrics.token):
            routes.append(self._metrics_page(token=token))
        if "intake" in self.roles:
            for name, adapter in self.adapters.items():
                doors += counted_doors(name, adapter.webhook) if adapter.webhook else ()
            routes += [*doors, Mount("/api/v1", app=create_api(self._back()))]
        if "console" in self.roles:
            routes.append(Mount("/", app=self._console()))
        return DoorsFirst(doors, Router(routes))

    def _metrics_page(self, *, token: str) -> Route:
        return Route("/metrics", Metrics(self.journal, self.process, token=token).page)

    def _console(self) -> ASGIApp:
        return create_console(
            self.journal,
            self.configuration.settings.console,
            hand_out=self.broker.hand_out,
            groups=lambda: self.configuration.routes.dispatch.group,
            products=self.catalogue,
            group_of_product=lambda number: group_of_product(number, self.configuration.routes.dispatch),
            stopping=self._is_stopping,
            letters=LetterRoom(
                configuration=lambda: self.configuration.routes, shown=self._shown_to_recipient
            ),
        )

    def _shown_to_recipient(self, mail: SendMail) -> str:
        out = self.systems.serving("mail").mail
        return out.shown(mail) if out else mail.text

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


def open_journal(configuration: Configuration, shard: str) -> Journal:
    """The journal of this configuration, not started yet."""
    configuration.data.mkdir(parents=True, exist_ok=True)
    masters = tuple(bytes.fromhex(key) for key in configuration.secrets.get("master_keys").split())
    return Journal(
        configuration.journal_url,
        router=CityRoutes(configuration.routes),
        keys=Keys(masters=masters, pepper=configuration.key("pepper"), audit=configuration.key("audit")),
        clock=SystemClock() if configuration.embedded else SharedClock(),
        shard=shard,
        prefix=configuration.settings.hub.reference_prefix,
        config_version=configuration.routes.version,
        custody=Custody(
            terms=configuration.settings.retention,
            apart=Apart(configuration.apart, socket.gethostname()),
        ),
    )


def _broker(configuration: Configuration) -> TwoPriorities:
    url, ca_file = configuration.broker_url, configuration.settings.broker.ca_file
    if url == "memory:":
        return TwoPriorities(InProcessBroker(), InProcessBroker())
    return TwoPriorities(
        RabbitMqBroker(url, ca_file=ca_file), RabbitMqBroker(url, "wegwijzer.bulk", ca_file=ca_file)
    )


main = command_line(Hub, open_journal)

if __name__ == "__main__":
    main()
