"""Who sits at the console: the log-in as adapters see it (`ports.staff.Staff`)."""

from starlette.requests import Request

from ports.staff import Employee

CSRF = "the-token-of-the-session"


class Desk:
    """Nobody, until somebody logs in."""

    def __init__(self) -> None:
        self.employee: Employee | None = None

    async def who(self, request: Request) -> Employee | None:
        return self.employee

    def log_in(self, *roles: str, language: str = "nl", name: str = "els") -> None:
        self.employee = Employee(name=name, roles=frozenset(roles), language=language, csrf=CSRF)

    def log_out(self) -> None:
        self.employee = None
