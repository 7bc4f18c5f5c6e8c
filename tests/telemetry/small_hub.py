"""A whole hub in this process, with its doors on loopback: a tracker in memory, no mail relay, a broken adapter."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from demo.city_hall import city_file, keep_secret, without_crews
from hub import Hub
from settings import ROLES, load, make_secrets
from tests.servers.private import free_port

FORM_TOKEN = "f" * 40
METRICS_TOKEN = "m" * 40
SETTINGS = """
[hub]
listen = "{address}"
mail_domain = "hub.leuven.test"

[metrics]
token = "secret:metrics_token"
{metrics}

{more}

[adapters.tracker]
system = "memory"

[adapters.website]
system = "website"
secrets = []

[adapters.website.senders.forms]
tokens = ["secret:form_token"]

[adapters.nowhere]
system = "nowhere"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SmallHub:
    """A running hub, and who talks to it."""

    hub: Hub
    client: httpx.AsyncClient = field(repr=False)

    async def post(self, id_: str, **headers: str) -> httpx.Response:
        """A citizen sends a form."""
        form = {"id": id_, "subject": "Put in de weg", "message": "Een diepe put.", "name": "An Peeters"}
        return await self.client.post(
            "/in/website/form",
            data=form | {"email": "an.peeters@burger.test"},
            files=[("files", ("", b"", "application/octet-stream"))],  # as a browser sends an empty one
            headers={"Authorization": f"Bearer {FORM_TOKEN}"} | headers,
        )

    async def metrics(self) -> str:
        """What Prometheus gets."""
        answer = await self.client.get("/metrics", headers={"Authorization": f"Bearer {METRICS_TOKEN}"})
        assert answer.status_code == 200, answer.text
        return answer.text

    async def settled(self, target: str = "tracker", seconds: float = 20) -> None:
        """Return when nothing waits for this target."""
        async with asyncio.timeout(seconds):
            while True:
                board = await self.hub.journal.database.read(_waiting)
                if not board.get(target):
                    return
                await asyncio.sleep(0.05)


def configured(folder: Path, *, metrics: str = "", more: str = "") -> Path:
    """A folder with a configuration and its secrets; the path of hub.toml."""
    folder.mkdir(parents=True, exist_ok=True)
    make_secrets(folder / "secrets")
    keep_secret(folder, "form_token", FORM_TOKEN)
    keep_secret(folder, "metrics_token", METRICS_TOKEN)
    (folder / "dispatch.toml").write_text(without_crews(city_file("dispatch.toml")), "utf-8")
    text = SETTINGS.format(address=f"127.0.0.1:{free_port()}", metrics=metrics, more=more)
    (folder / "hub.toml").write_text(text, "utf-8")
    return folder / "hub.toml"


@asynccontextmanager
async def running(path: Path, roles: Sequence[str] = ROLES) -> AsyncIterator[SmallHub]:
    """The hub of a configuration, until the end of the block."""
    configuration = load(path)
    hub = Hub(configuration, roles)
    await hub.start()
    serving = asyncio.create_task(hub.serve())
    try:
        base = f"http://{configuration.settings.hub.listen}"
        async with httpx.AsyncClient(base_url=base, trust_env=False, timeout=20) as client:
            await _listening(client)
            yield SmallHub(hub=hub, client=client)
    finally:
        hub.stop()
        await serving
        await hub.close()


async def _listening(client: httpx.AsyncClient) -> None:
    async with asyncio.timeout(20):
        while True:
            try:
                await client.get("/health/live")
            except httpx.TransportError:
                await asyncio.sleep(0.02)
            else:
                return


def _waiting(connection: object) -> dict[str, int]:
    from sqlalchemy import Connection, func, select

    from journal.schema import effects

    assert isinstance(connection, Connection)
    query = (
        select(effects.c.target, func.count().label("number"))
        .where(effects.c.state.in_(("due", "claimed", "unknown")))
        .group_by(effects.c.target)
    )
    return {row.target: row.number for row in connection.execute(query)}
