"""Who of the city's own people is behind a request: for adapters with a page that employees use."""

from dataclasses import dataclass, field
from typing import Protocol

from starlette.requests import Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Employee:
    """Somebody who is logged in to the console. `csrf` must come back with every form of the page."""

    name: str
    roles: frozenset[str]
    language: str
    csrf: str = field(repr=False)


class Staff(Protocol):
    """Knows the console's sessions."""

    async def who(self, request: Request) -> Employee | None:
        """The employee whose session this request carries; None: send them to `/login?next=...`."""
        ...


class NobodyOnDuty:
    """No console, no employees."""

    async def who(self, request: Request) -> Employee | None:
        return None
