"""The console's sessions for adapters with a page of their own: `ports.staff.Staff`."""

from datetime import timedelta

from starlette.requests import Request

from console.accounts import Accounts
from console.settings import ConsoleSettings
from journal.journal import Journal
from ports.staff import Employee


def accounts_of(journal: Journal, settings: ConsoleSettings) -> Accounts:
    """The accounts in a journal, with the console's terms for sessions."""
    return Accounts(
        journal.database,
        journal.clock,
        idle=timedelta(minutes=settings.idle_minutes),
        longest=timedelta(hours=settings.longest_hours),
    )


class ConsoleStaff:
    """Whoever is logged in to the console."""

    def __init__(self, accounts: Accounts, cookie: str) -> None:
        self._accounts = accounts
        self._cookie = cookie

    async def who(self, request: Request) -> Employee | None:
        token = request.cookies.get(self._cookie, "")
        session = await self._accounts.session(token) if token else None
        if session is None:
            return None
        user = session.user
        return Employee(
            name=user.name, roles=frozenset(user.roles), language=user.language, csrf=session.csrf
        )
