"""A portal with its pages in an application of its own, a provider that really listens, and visitors with a browser's habits."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.routing import Mount

from adapters.memory.cases import MemoryCases
from adapters.memory.checkpoints import MemoryCheckpoints
from canonical_model.case import CaseRef
from canonical_model.contact import Channel, Kind, Language
from canonical_model.decision import Reference
from canonical_model.events import Answer
from canonical_model.status import CaseStatus, StatusChange
from demo.acmidm import AcmIdm, Registered
from ports.adapter import Adapter, Build, Tools
from ports.cases import CaseSummary, CaseView, Outcome
from ports.clock import ManualClock
from tests.adapters.given import given
from tests.adapters.website.memory_intake import MemoryIntake

ORIGIN = "https://contact.leuven.test"
NOW = datetime(2026, 11, 26, 9, 30, tzinfo=UTC)
COOKIE_SECRET = "een geheim van meer dan tweeendertig tekens"
CLIENT = "6776"


@dataclass
class Stage:
    """Everything around a portal, and the portal."""

    provider: AcmIdm
    clock: ManualClock = field(default_factory=lambda: ManualClock(NOW))
    intake: MemoryIntake = field(default_factory=MemoryIntake)
    cases: MemoryCases = field(default_factory=MemoryCases)
    checkpoints: MemoryCheckpoints = field(default_factory=MemoryCheckpoints)
    adapters: list[Adapter] = field(default_factory=list)
    visitors: list[httpx.AsyncClient] = field(default_factory=list)

    def tools(self, name: str) -> Tools:
        return given(
            name=name,
            accept=self.intake,
            checkpoints=self.checkpoints,
            clock=self.clock,
            cases=self.cases,
        )

    def portal(self, build: Build, name: str, settings: Mapping[str, Any]) -> Starlette:
        """An application with this portal where the hub would mount it."""
        adapter = build(settings, self.tools(name))
        self.adapters.append(adapter)
        assert adapter.webhook is not None
        return Starlette(routes=[Mount(f"/in/{name}", app=adapter.webhook)])

    def visitor(self, app: Starlette, name: str) -> "Visitor":
        client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=ORIGIN)
        self.visitors.append(client)
        return Visitor(client, f"/in/{name}", self.provider)

    async def close(self) -> None:
        for client in self.visitors:
            await client.aclose()
        for adapter in self.adapters:
            await adapter.close()


@dataclass
class Visitor:
    """Somebody with a browser: keeps cookies, says where a form comes from, finds the token in the page."""

    client: httpx.AsyncClient
    base: str
    provider: AcmIdm

    async def get(self, path: str, **headers: str) -> httpx.Response:
        return await self.client.get(f"{self.base}{path}", headers=headers)

    async def to_provider(self, path: str = "/login") -> str:
        """Where the log-in button leads."""
        answer = await self.get(path)
        assert answer.status_code == 303, answer.text
        return answer.headers["location"]

    async def back_from_provider(self, address: str, person: str) -> str:
        """Choose somebody there; the address that the browser is sent back to."""
        async with httpx.AsyncClient(trust_env=False) as elsewhere:
            answer = await elsewhere.get(f"{address}&als={person}")
        assert answer.status_code == 303, answer.text
        return answer.headers["location"]

    async def log_in(self, person: str, path: str = "/login") -> httpx.Response:
        """All the way in; the answer of our callback."""
        back = await self.back_from_provider(await self.to_provider(path), person)
        return await self.client.get(back)

    async def form(self, path: str) -> dict[str, str]:
        """The hidden fields of the last form on a page."""
        page = await self.get(path)
        assert page.status_code == 200, page.text
        return hidden(page.text)

    async def post(
        self,
        path: str,
        fields: Mapping[str, str],
        files: list[tuple[str, bytes]] | None = None,
        **headers: str,
    ) -> httpx.Response:
        parts: list[tuple[str, Any]] = [(name, (None, value)) for name, value in fields.items()]
        parts += [("files", (name, content, "application/octet-stream")) for name, content in files or []]
        sent = {"Origin": ORIGIN, "Sec-Fetch-Site": "same-origin", **headers}
        return await self.client.post(f"{self.base}{path}", files=parts, headers=sent)


def hidden(page: str) -> dict[str, str]:
    """The hidden fields of the last form."""
    last = page.rpartition("<form")[2]
    return dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', last))


def registered(provider: AcmIdm, name: str, client: Registered | None = None) -> None:
    """Make the portal known to the provider, with a secret unless said otherwise."""
    back = (f"{ORIGIN}/in/{name}/callback",)
    provider.clients[CLIENT] = client or Registered(id=CLIENT, secret="s3cret", redirect_uris=back)


def pages(provider: AcmIdm, **log_in: Any) -> dict[str, Any]:
    """Settings of the pages."""
    return {
        "public_url": ORIGIN,
        "cookie_secrets": [COOKIE_SECRET],
        "contact": "016 00 00 00",
        "log_in": {
            "issuer": provider.issuer,
            "client_id": CLIENT,
            "client_authentication": "client_secret_post",
            "client_secret": "s3cret",
            **log_in,
        },
    }


def a_case(ref: str = "LEU-2026-000123", **changes: Any) -> CaseView:
    """A report with a history and an answer."""
    summary: dict[str, Any] = {
        "ref": CaseRef(ref),
        "kind": Kind.REPORT,
        "channel": Channel.MIJN_BURGERPROFIEL,
        "group": "wegen-oost",
        "status": CaseStatus.WAITING_FOR_CUSTOMER,
        "category": "voetpad",
        "area": "kessel-lo",
        "origin": "mijn_burgerprofiel/pages",
        "origin_ref": "x",
        "opened_at": NOW.replace(hour=7),
        "changed_at": NOW,
        "due": NOW.replace(month=12, day=17),
        "subject": "Losse stoeptegel <b>nr. 12</b>",
        **changes,
    }
    return CaseView(
        summary=CaseSummary(**summary),
        language=Language.NL,
        history=(
            StatusChange(status=CaseStatus.NEW, at=NOW.replace(hour=7), by="hub"),
            StatusChange(status=CaseStatus.WAITING_FOR_CUSTOMER, at=NOW, by="tracker"),
        ),
        answers=(
            Answer(key="1", text="Aan welke kant ligt de tegel?\n<script>x</script>", at=NOW.replace(hour=9)),
        ),
    )


def named(scheme: str, value: str) -> list[Reference]:
    return [Reference(system=scheme, value=value, exclusive=False)]


def settled(stage: Stage, source: str, source_ref: str, view: CaseView | None) -> None:
    """Say what became of a message."""
    outcome = Outcome(
        message_id="m-1",
        state="done",
        reason="opened",
        received_at=NOW,
        case=view.summary if view else None,
    )
    stage.cases.settle(source, source_ref, outcome)
