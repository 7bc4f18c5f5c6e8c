"""The telephone exchange of the demo: posts each call, event by event, signed, in the generic CTI vocabulary."""

import asyncio
import base64
import io
import json
import math
import struct
import time
import wave
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TypeAlias

import httpx
from standardwebhooks import Webhook

from demo.catalogue import Offer, offers_in
from demo.forms import Tokens
from demo.scenes import Scene

PATIENCE = 90
"""Seconds in which an event must be taken."""
MAIN_NUMBER = "+3216272000"

Event: TypeAlias = tuple[str, Mapping[str, object]]


class Telephone:
    """Posts each event until it is taken. `doors`: of the hub's telephone; `run` keeps several mornings apart."""

    def __init__(self, doors: str, tokens: Tokens, run: str, *, pause: float = 1.0) -> None:
        self._door = f"{doors}/cti/kcc"
        self._catalogue = f"{doors}/products"
        self._token = tokens.screen_pop
        self._webhook = Webhook(tokens.phone)
        self._run = run
        self._pause = pause
        self._http = httpx.AsyncClient(trust_env=False, timeout=20)

    async def offers(self, words: str) -> tuple[Offer, ...]:
        """What the employee's software finds in the product catalogue."""
        headers = {"Authorization": f"Bearer {self._token}"}
        return offers_in(await self._http.get(self._catalogue, params={"q": words}, headers=headers))

    async def call(self, scene: Scene, offer: Offer | None = None) -> None:
        """One call, from the first ring to the employee's notes. Every event is posted twice, as exchanges do.

        `offer`: the employee reads its answer out.
        """
        for number, (event, fields) in enumerate(_events(scene, offer)):
            told = {
                "event": event,
                "callId": f"{scene.name}-{self._run}",
                "direction": "in",
                "from": scene.number,
                "fromName": scene.caller,
                "to": MAIN_NUMBER,
                "topic": scene.topic,
                "occurredAt": datetime.now(UTC).isoformat(),
                **fields,
            }
            for _ in range(2):
                await self._until_taken(json.dumps(told, ensure_ascii=False), f"{told['callId']}-{number}")

    async def close(self) -> None:
        """Let go of the connections."""
        await self._http.aclose()

    async def _until_taken(self, body: str, id_: str) -> None:
        end = time.monotonic() + PATIENCE
        while True:
            heard = await self._heard(body, id_)
            if isinstance(heard, httpx.Response) and heard.status_code not in {429, 503}:
                heard.raise_for_status()
                return
            if time.monotonic() > end:
                raise TimeoutError(
                    f"an event of a call was not taken in {PATIENCE} s; the last answer: {heard!r}"
                )
            await asyncio.sleep(self._pause)

    async def _heard(self, body: str, id_: str) -> httpx.Response | httpx.TransportError:
        now = datetime.now(UTC)
        headers = {
            "content-type": "application/json",
            "webhook-id": id_,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": self._webhook.sign(id_, now, body),
        }
        try:
            return await self._http.post(self._door, content=body.encode(), headers=headers)
        except httpx.TransportError as error:
            return error


def _events(scene: Scene, offer: Offer | None) -> Iterable[Event]:
    """What the exchange tells of a call that went like this."""
    yield "newCall", {}
    if scene.call == "answered":
        yield "answer", {"user": "els"}
        yield "hangup", {"cause": "normalClearing"}
        answer = offer.answer if offer else scene.answer
        notes = {"subject": scene.subject, "notes": scene.text, "answer": answer}
        source = {"source": offer.source, "product": offer.id} if offer else {}
        yield "wrapUp", {**notes, **source, "user": "els", "resolved": bool(answer)}
        return
    if scene.call == "callback":
        yield "callbackRequest", {"number": scene.number, "slot": "14-16 u"}
    if scene.call == "voicemail":
        sound = base64.b64encode(a_sound()).decode()
        yield "voicemail", {"recording": sound, "recordingName": "bericht.wav", "duration": 1}
    yield "hangup", {"cause": "cancel"}


def a_sound() -> bytes:
    """A second of a beep: what a spoken message is in the demo."""
    rate = 8000
    samples = [int(8000 * math.sin(2 * math.pi * 440 * moment / rate)) for moment in range(rate)]
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(rate)
        sound.writeframes(struct.pack(f"<{rate}h", *samples))
    return file.getvalue()
