"""What a running hub decides by: the files as they were last read, under the letters that people saved since."""

import asyncio
from dataclasses import replace

import structlog

from console.letters import deciding, left_out
from journal.journal import Journal
from journal.letter_texts import InForce
from ports.errors import MisconfiguredError, TransientError
from routes.router import CityRoutes
from settings.configuration import Configuration, refuse_not_running, reloadable
from settings.sections import Settings
from worker.presence import Presence

log = structlog.get_logger()


class LiveConfiguration:
    """The configuration of one process; its journal and its reconciler follow it.

    `files` is what was read last, `routes` what decides: the files', with the saved letters over theirs.
    """

    def __init__(self, files: Configuration, journal: Journal, *, name: str) -> None:
        self.files = files
        self.routes = files.routes
        self._journal = journal
        self._name = name
        self._letters = InForce(seq=0, versions=())
        self._changing = asyncio.Lock()
        self._presence: Presence | None = None

    def appear(self) -> None:
        """Say on this machine that this process lives, and by which version it decides."""
        self._presence = Presence(self.files.processes, self.files.routes.version)

    def vanish(self) -> None:
        """This process is gone soon."""
        if self._presence:
            self._presence.end()

    async def reload(self) -> None:
        """Decide by the files as they are now, from the next message on.

        With a fault in them all stays as it was, and the log and `wegwijzer reload` tell why.
        """
        async with self._changing:
            before = self.files
            try:
                fresh = await asyncio.to_thread(reloadable, before.file)
                refuse_not_running(fresh, before.settings)
            except MisconfiguredError as error:
                log.error("reload_refused", version=before.routes.version, reason=error.what)  # noqa: TRY400 - a setting, not a bug
                self._tell_version(refused=error.what)
                return
            self._take_over(fresh)
            log.info(
                "reloaded",
                before=before.routes.version,
                version=fresh.routes.version,
                after_restart=_needing_restart(before.settings, fresh.settings),
            )
            self._tell_version()
            await self._note_reload(before.routes.version)

    async def follow_letters(self) -> None:
        """What people save of a letter, in whatever process, holds here within a second."""
        if await self._journal.letter_texts.newest() == self._letters.seq:
            return
        async with self._changing:
            before = self.routes.version
            self._letters = await self._journal.letter_texts.in_force()
            self._decide()
            log.info(
                "letters_changed",
                before=before,
                version=self.routes.version,
                left_out=left_out(self._letters),
            )

    def _take_over(self, fresh: Configuration) -> None:
        """What decides; the adapters of this process stay as they are."""
        running, known = self.files.routes, self.files.settings.adapters
        crews = frozenset(name for name in fresh.routes.crews if name in known)
        routes = replace(fresh.routes, informed=running.informed, crews=running.crews | crews)
        settings = self.files.settings.model_copy(update={"reconcile": fresh.settings.reconcile})
        self.files = replace(self.files, settings=settings, routes=routes)
        self._decide()

    def _decide(self) -> None:
        self.routes = deciding(self.files.routes, self._letters)
        self._journal.follow(CityRoutes(self.routes), self.routes.version)

    def _tell_version(self, refused: str = "") -> None:
        if self._presence:
            self._presence.tell(self.files.routes.version, refused)

    async def _note_reload(self, before: str) -> None:
        version = self.files.routes.version
        try:
            await self._journal.audit(self._name, "configuration_changed", version, f"before: {before}")
        except TransientError as error:
            log.warning("reload_not_noted", version=version, reason=error.what)


def _needing_restart(old: Settings, fresh: Settings) -> list[str]:
    """The sections of hub.toml that differ and that a running hub does not take over."""
    told = {"city", "mail_domain", "dispatch", "texts"}
    sections = [name for name in Settings.model_fields if name not in ("answers", "reconcile")]
    differ = [name for name in sections if getattr(old, name) != getattr(fresh, name)]
    hub_differs = old.hub.model_dump(exclude=told) != fresh.hub.model_dump(exclude=told)
    return [name for name in differ if name != "hub" or hub_differs]
