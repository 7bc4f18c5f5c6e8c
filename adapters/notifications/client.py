"""The calls of Notificaties. Nothing here knows what a case is."""

from uuid import UUID

from adapters.digitaal_vlaanderen.problems import problems_in
from adapters.digitaal_vlaanderen.service import Service
from adapters.notifications.settings import Settings
from adapters.notifications.translate import Json
from ports.errors import NotOfferedError, RejectedError


class NotificationsClient:
    """Every call raises the errors of `ports.errors`; all may be repeated, since a bundle is known by its id."""

    def __init__(self, service: Service, settings: Settings) -> None:
        self._service = service
        self._paths = settings.paths
        self._known_already = settings.known_already

    async def send(self, bundle: Json) -> None:
        """Return when the service took it, now or before."""
        await self._service.post(self._paths.send, bundle, expected=self._known_already)

    async def withdraw(self, id_: UUID) -> None:
        """Return when it is not under way any more. `NotOfferedError` where nothing can be called back."""
        if not self._paths.withdraw:
            raise NotOfferedError("a notification can't be called back here: it ends by its expiry date")
        path = self._paths.withdraw.replace("{id}", str(id_))
        answer = await self._service.delete(path, {}, expected=(404,))
        if answer.status_code == 404 and not problems_in(answer.content):
            raise RejectedError("a 404 that Notificaties did not write itself: look at paths.withdraw")

    async def log_in(self) -> None:
        """Get a token, if we have none."""
        await self._service.log_in()

    async def close(self) -> None:
        """Let go of the connections."""
        await self._service.close()
