"""An adapter, seen from the composition root: what it offers and how to build it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fastapi import APIRouter

from ports.board import StatusBoard
from ports.cases import Cases
from ports.clock import Clock
from ports.crew import Crew
from ports.enricher import Enricher
from ports.feeds import Feeds, NoFeeds
from ports.intake import Accept, Checkpoints
from ports.looks import Looks, NobodyLooks
from ports.mail import MailOut
from ports.notices import Notices
from ports.opt_outs import NobodyOptedOut, OptOuts, WaysOut
from ports.products import Catalogue, Products
from ports.secrets import Secrets
from ports.source import Source
from ports.staff import NobodyOnDuty, Staff
from ports.target import Target
from ports.tracker import Tracker


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What every adapter is given. `name` is the instance's name in `hub.toml`.

    `cases` answers questions about cases, `staff` tells which employee is behind a request, `looks` writes down
    who looked at a customer, `feeds` lets others read what was done, `opt_outs` knows who does not want to be
    notified, `ways_out` makes the links by which they say so, `products` is the product catalogue (without one, it has no products).
    """

    name: str
    accept: Accept
    checkpoints: Checkpoints
    clock: Clock
    secrets: Secrets
    cases: Cases
    staff: Staff = field(default_factory=NobodyOnDuty)
    looks: Looks = field(default_factory=NobodyLooks)
    feeds: Feeds = field(default_factory=NoFeeds)
    opt_outs: OptOuts = field(default_factory=NobodyOptedOut)
    ways_out: WaysOut = field(default_factory=WaysOut)
    products: Products = field(default_factory=Catalogue)


async def _nothing_to_close() -> None:
    """Most adapters hold nothing open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    """A running adapter: the ports that it implements, a self-test, and how to let go.

    `check` must look at settings, connection and credentials without changing anything outside; it returns
    what is wrong, in words that say what to do; () = fine. `webhook` is mounted under `/in/<name>`.
    `informed` takes `TellSystem` commands for cases that came through this adapter. `areas` are the parts of the
    city that its enricher may name: `wegwijzer check` looks whether the dispatch table knows them. `way_out` makes the link
    by which who has a mail address ends notifications.
    """

    check: Callable[[], Awaitable[tuple[str, ...]]]
    close: Callable[[], Awaitable[None]] = _nothing_to_close
    sources: tuple[Source, ...] = ()
    webhook: APIRouter | None = None
    tracker: Tracker | None = None
    mail: MailOut | None = None
    informed: Target | None = None
    board: StatusBoard | None = None
    notices: Notices | None = None
    crew: Crew | None = None
    enricher: Enricher | None = None
    products: Products | None = None
    areas: tuple[str, ...] = ()
    way_out: Callable[[str], str] | None = None


Build = Callable[[Mapping[str, Any], Tools], Adapter]
"""An adapter's factory: settings as they stand in `hub.toml`, secrets already filled in.

Raises `MisconfiguredError` naming the setting; must not open connections.
"""
