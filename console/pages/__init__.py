"""The pages, one module for each thing that people come for."""

from console.pages import (
    audit,
    balance,
    cases,
    customers,
    effects,
    entrance,
    failures,
    live,
    messages,
    quarantine,
    receipts,
    replay_api,
    replays,
    search,
    start,
    systems,
)

ROUTERS = (
    entrance.router,
    start.router,
    live.router,
    messages.router,
    search.router,
    cases.router,
    customers.router,
    effects.router,
    failures.router,
    quarantine.router,
    systems.router,
    balance.router,
    audit.router,
    replays.router,
    replay_api.router,
    receipts.router,
)
