"""The clerk at the counter of the demo: logged in to the console, registers on the counter's page."""

import asyncio
import time
import uuid
from dataclasses import dataclass, field

import httpx

from demo.catalogue import Offer, offers_in
from demo.scenes import Scene

PATIENCE = 90
"""Seconds in which a registration must get its receipt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """A console account."""

    name: str
    password: str = field(repr=False)


class Clerk:
    """Registers each scene until there is a receipt, always under the same id. `doors` and `console` are addresses of the hub.

    `pause`: seconds between two tries.
    """

    def __init__(self, doors: str, console: str, login: Login, *, pause: float = 1.0) -> None:
        self._console = console
        self._login = login
        self._pause = pause
        self._http = httpx.AsyncClient(
            base_url=doors,
            trust_env=False,
            timeout=20,
            headers={"Origin": console, "Accept": "application/json"},
        )
        self._csrf = ""

    async def offers(self, words: str) -> tuple[Offer, ...]:
        """What the clerk finds in the product catalogue."""
        self._csrf = self._csrf or await self._log_in()
        return offers_in(await self._http.get("/in/counter/products", params={"q": words}))

    async def register(self, scene: Scene, offer: Offer | None = None) -> set[str]:
        """Send a registration as often as the clerk clicks, all at once; the ids on the receipts.

        `offer`: the clerk answers with its text.
        """
        self._csrf = self._csrf or await self._log_in()
        form = {**self._form(scene), **(_answered_from(offer) if offer else {})}
        return set(await asyncio.gather(*[self._until_receipt(form) for _ in range(scene.times)]))

    async def move(self, ref: str, scene: Scene) -> None:
        """Take a case back and give it to another group: look at what that brings about, then do it."""
        self._csrf = self._csrf or await self._log_in()
        page = f"{self._console}/cases/{ref}/move"
        shown = (await self._http.get(page)).raise_for_status().text
        form = {
            "csrf": _hidden(shown, "csrf"),
            "once": _hidden(shown, "once"),
            "group": scene.group,
            "reason": scene.text,
            "tell": "yes" if scene.tell else "",
        }
        (await self._http.post(f"{page}/preview", data=form)).raise_for_status()
        answer = await self._http.post(page, data=form)
        if answer.status_code != 303:
            answer.raise_for_status()

    async def close(self) -> None:
        """Let go of the connections."""
        await self._http.aclose()

    async def _log_in(self) -> str:
        page = await self._http.get(f"{self._console}/login")
        token = _hidden(page.text, "csrf")
        form = {"name": self._login.name, "password": self._login.password, "csrf": token, "next": ""}
        await self._http.post(f"{self._console}/login", data=form)
        session = await self._http.get("/in/counter/session")
        return str(session.raise_for_status().json()["csrf"])

    def _form(self, scene: Scene) -> dict[str, str]:
        return {
            "csrf": self._csrf,
            "id": str(uuid.uuid4()),
            "product": scene.product,
            "subject": scene.subject,
            "text": scene.text,
            "name": scene.person,
            "email": scene.email,
            "address": scene.address,
            "answered": "1" if scene.answer else "",
            "answer": scene.answer,
        }

    async def _until_receipt(self, form: dict[str, str]) -> str:
        end = time.monotonic() + PATIENCE
        while True:
            heard = await self._heard(form)
            if isinstance(heard, httpx.Response) and heard.status_code not in {429, 503}:
                return str(heard.raise_for_status().json()["id"])
            if time.monotonic() > end:
                raise TimeoutError(f"no receipt for a registration in {PATIENCE} s; the last: {heard!r}")
            await asyncio.sleep(self._pause)

    async def _heard(self, form: dict[str, str]) -> httpx.Response | httpx.TransportError:
        try:
            return await self._http.post("/in/counter/", data=form)
        except httpx.TransportError as error:
            return error


def _answered_from(offer: Offer) -> dict[str, str]:
    """As the page fills it in when the clerk takes over a text."""
    return {"product": offer.id, "answered": "1", "answer": offer.answer, "source": offer.source}


def _hidden(page: str, name: str) -> str:
    """A hidden field of a form."""
    return page.split(f'name="{name}" value="', 1)[1].split('"', 1)[0]
