"""Who is calling, and what is going on with them: a caller's open cases, masked, every look written down first.

A number that is shown proves nothing about who calls: so neither names nor texts are shown, only what helps to
find the right case together with the caller.
"""

import asyncio
from datetime import datetime
from importlib import resources
from zoneinfo import ZoneInfo

import msgspec
from jinja2 import Environment
from starlette.responses import HTMLResponse, Response

from adapters.phone.texts import TEXTS
from canonical_model.contact import Language
from canonical_model.decision import Reference
from canonical_model.phone_number import masked_phone
from ports.adapter import Tools
from ports.cases import CaseSummary
from ports.products import Offer, offer

_BRUSSELS = ZoneInfo("Europe/Brussels")
MOST = 10
"""Cases that are shown: who is on the phone can't read more."""
PURPOSE = "screen-pop"
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


class OpenCase(msgspec.Struct, frozen=True, kw_only=True):
    """A case as whoever picks up the phone may see it. `page` is its place in the console."""

    ref: str
    page: str
    kind: str
    category: str
    status: str
    group: str
    channel: str
    opened_at: datetime
    due: datetime | None


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a number. `more`: there are more open cases than these, the newest."""

    number: str
    cases: tuple[OpenCase, ...]
    more: bool = False


class ScreenPop:
    """Looks up and shows. Pages are made of one template, without script."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        source = (resources.files("adapters.phone") / "caller.html").read_text("utf-8")
        self._template = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(
            source
        )

    async def products(self, text: str, language: Language) -> list[Offer]:
        """What the product catalogue has for these words. Raises the errors of `ports.errors`."""
        found = await self._tools.products.search(text, language, MOST)
        return [offer(product, language) for product in found]

    async def look(self, number: str, actor: str) -> Caller:
        """The open cases of this number (E.164), newest first. Raises `TransientError`: nothing may be shown."""
        name = Reference(system="phone", value=number, exclusive=False)
        found = await self._tools.cases.known_under([name], only_open=True, limit=MOST + 1)
        shown = found[:MOST]
        subjects: list[str] = [*(case.ref for case in shown)] or [f"{masked_phone(number)}: -"]
        await asyncio.gather(*[self._tools.looks.note(actor, subject, PURPOSE) for subject in subjects])
        return Caller(
            number=masked_phone(number), cases=tuple(map(_shown, shown)), more=len(found) > len(shown)
        )

    def page(self, language: str, **content: object) -> Response:
        """The page in the employee's language: `found` for the number that was `asked`, `offers` for the `words`."""
        return self._page(language, 200, catalogue=self._tools.products.available, **content)

    def refusal(self, language: str) -> Response:
        """The page for an employee who has no role for this."""
        return self._page(language, 403, refused=True)

    def _page(self, language: str, status: int, **content: object) -> Response:
        tongue = "en" if language == "en" else "nl"
        page = self._template.render(language=tongue, t=TEXTS[tongue], local=_local, **content)
        return HTMLResponse(page, status, headers=_HEADERS)


def _local(moment: datetime) -> str:
    return f"{moment.astimezone(_BRUSSELS):%d/%m/%Y %H:%M}"


def _shown(case: CaseSummary) -> OpenCase:
    return OpenCase(
        ref=case.ref,
        page=f"/cases/{case.ref}",
        kind=case.kind.value,
        category=case.category,
        status=case.status.value,
        group=case.group,
        channel=case.channel.value,
        opened_at=case.opened_at,
        due=case.due,
    )
