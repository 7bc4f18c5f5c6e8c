"""Notificaties as the way to draw attention: who wants it, what it says, and sending it once."""

from collections.abc import Mapping
from typing import Any

import httpx
import structlog

from adapters.digitaal_vlaanderen.service import Service
from adapters.notifications.client import NotificationsClient
from adapters.notifications.settings import Recipient, Settings
from adapters.notifications.translate import bundle_id, bundle_named, names_of, recipient_of, to_bundle
from adapters.notifications.way_out import WayOut
from adapters.notifications.webhook import OptOutPages
from canonical_model.commands import Command, Notify, WithdrawNotice
from ports.adapter import Adapter, Tools
from ports.errors import AdapterError, NotSupportedError
from ports.notices import NOT_WANTED
from ports.settings import parsed
from ports.target import Fetch, Idempotency

log = structlog.get_logger()


class Notifications:
    """Implements `ports.notices.Notices`."""

    def __init__(
        self, settings: Settings, client: NotificationsClient, tools: Tools, way_out: WayOut | None
    ) -> None:
        self._settings = settings
        self._client = client
        self._tools = tools
        self._way_out = way_out

    @property
    def idempotency(self) -> Idempotency:
        """A bundle bears an id made from the effect's key, and the service takes an id once."""
        return Idempotency.NATIVE_KEY

    async def apply(self, key: str, command: Command, fetch: Fetch) -> str:
        """See `ports.target.Target`; the id of the bundle, or `NOT_WANTED`."""
        match command:
            case Notify():
                return await self._notify(key, command)
            case WithdrawNotice(notice=notice):
                return await self._withdraw(notice)
            case _:
                raise NotSupportedError("notifications tell of changes, and nothing else")

    async def find(self, key: str, command: Command) -> str | None:
        """See `ports.target.Target`. Nobody can be asked; what may have arrived is sent again under the same id."""
        return None

    async def check(self) -> tuple[str, ...]:
        """Settings, and whether we are let in; sends nothing."""
        found: list[str] = []
        if not self._settings.product:
            found.append("product: none is set, so cases without a product of their own are not notified")
        try:
            await self._client.log_in()
        except AdapterError as error:
            found.append(error.what)
        return tuple(found)

    async def close(self) -> None:
        """Let go of the connections."""
        await self._client.close()

    async def _notify(self, key: str, command: Notify) -> str:
        if await self._tools.opt_outs.opted_out(names_of(command.party)):
            log.info("notification_not_wanted", case=command.case)
            return NOT_WANTED
        id_ = bundle_id(key)
        bundle = to_bundle(
            command, id_, self._settings, opt_out=self._link(command), now=self._tools.clock.now()
        )
        await self._client.send(bundle)
        return str(id_)

    async def _withdraw(self, notice: str) -> str:
        if notice == NOT_WANTED:
            return NOT_WANTED
        id_ = bundle_named(notice)
        await self._client.withdraw(id_)
        return str(id_)

    def _link(self, command: Notify) -> str:
        """The way out for whom we reach by data of ours."""
        by_number = recipient_of(command.party, self._settings) is Recipient.NUMBER
        return "" if by_number or self._way_out is None else self._way_out.link(command.party.email)


def build(
    settings: Mapping[str, Any], tools: Tools, *, transport: httpx.AsyncBaseTransport | None = None
) -> Adapter:
    """The notices and the way out. Raises `MisconfiguredError` that names the setting, never its value."""
    checked = parsed(Settings, settings, tools.name)
    service = Service("Notificaties", checked, checked.log_in, tools.clock, transport=transport)
    way_out = WayOut(checked.opt_out, tools.name) if checked.opt_out else None
    notices = Notifications(checked, NotificationsClient(service, checked), tools, way_out)
    return Adapter(
        check=notices.check,
        close=notices.close,
        notices=notices,
        way_out=way_out.link if way_out else None,
        webhook=OptOutPages(way_out, tools, checked.sender.city).router() if way_out else None,
    )
