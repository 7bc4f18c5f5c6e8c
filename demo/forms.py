"""The city's website of the demo: posts forms in the four shapes that real form builders send."""

import asyncio
import base64
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import urlencode

import httpx
from standardwebhooks import Webhook

from demo.scenes import Scene, attachment

PATIENCE = 90
"""Seconds in which a form must get its receipt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """How the website, the report app and the telephone prove who they are."""

    webhook: str = field(repr=False)
    form: str = field(repr=False)
    drupal: str = field(repr=False)
    open_forms: str = field(repr=False)
    report_app: str = field(repr=False)
    phone: str = field(repr=False)
    screen_pop: str = field(repr=False)
    portal: str = field(repr=False)


class Website:
    """Posts each form until it gets a receipt, always with the same id. `run` keeps several mornings apart.

    `pause`: seconds between two tries.
    """

    def __init__(self, doors: str, tokens: Tokens, run: str, *, pause: float = 1.0) -> None:
        self._pause = pause
        self._tokens = tokens
        self._run = run
        self._http = httpx.AsyncClient(base_url=doors, trust_env=False, timeout=20)

    async def post(self, scene: Scene) -> set[str]:
        """Post a form as often as its citizen clicks, all at once; the ids on the receipts."""
        posts = {
            "json": self._json,
            "form": self._form,
            "drupal": self._drupal,
            "open-formulieren": self._open_forms,
        }
        requests = [posts[scene.door](scene) for _ in range(scene.times)]
        return set(await asyncio.gather(*[self._until_receipt(request) for request in requests]))

    async def close(self) -> None:
        """Let go of the connections."""
        await self._http.aclose()

    async def _until_receipt(self, request: httpx.Request) -> str:
        end = time.monotonic() + PATIENCE
        while True:
            heard = await self._heard(request)
            if isinstance(heard, httpx.Response) and heard.status_code not in {429, 503}:
                return str(heard.raise_for_status().json()["id"])
            if time.monotonic() > end:
                raise TimeoutError(f"no receipt for a form in {PATIENCE} s; the last answer: {heard!r}")
            await asyncio.sleep(self._pause)

    async def _heard(self, request: httpx.Request) -> httpx.Response | httpx.TransportError:
        try:
            return await self._http.send(request)
        except httpx.TransportError as error:
            return error

    def _json(self, scene: Scene) -> httpx.Request:
        submission = {
            "id": self._id(scene),
            "subject": scene.subject,
            "message": scene.text,
            "language": "nl",
            "person": _filled({"name": scene.person, "email": scene.email}),
            "location": _filled({"address": scene.address, "postcode": scene.postcode}),
            "honeypot": scene.honeypot,
            "filled_in_seconds": 41,
        }
        body = json.dumps(submission, ensure_ascii=False)
        now = datetime.now(UTC)
        signed = {
            "content-type": "application/json",
            "webhook-id": self._id(scene),
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": Webhook(self._tokens.webhook).sign(self._id(scene), now, body),
        }
        return self._http.build_request("POST", "json", content=body.encode(), headers=signed)

    def _form(self, scene: Scene) -> httpx.Request:
        fields = {
            "id": self._id(scene),
            "subject": scene.subject,
            "message": scene.text,
            "name": scene.person,
            "email": scene.email,
            "address": scene.address,
            "postcode": scene.postcode,
        }
        files = [("files", (name, attachment(name), "image/jpeg")) for name in scene.files]
        empty = [("files", ("", b"", "application/octet-stream"))]
        return self._http.build_request(
            "POST", "form", data=_filled(fields), files=files or empty, headers=_bearer(self._tokens.form)
        )

    def _drupal(self, scene: Scene) -> httpx.Request:
        elements = {
            "webform_id": "contact",
            "uuid": self._id(scene),
            "onderwerp": scene.subject,
            "bericht": scene.text,
            "naam": scene.person,
            "e_mail": scene.email,
            "straat": scene.address,
            "postcode": scene.postcode,
        }
        return self._http.build_request(
            "POST",
            "drupal",
            content=urlencode(elements),
            headers={
                "Content-Type": "application/x-www-form-urlencoded",
                "X-Wegwijzer-Token": self._tokens.drupal,
            },
        )

    def _open_forms(self, scene: Scene) -> httpx.Request:
        values: dict[str, object] = {
            "onderwerp": scene.subject,
            "omschrijving": scene.text,
            "naam": scene.person,
            "email": scene.email,
            "adres": scene.address,
        }
        if scene.files:
            values["foto"] = [
                {"file_name": name, "content": base64.b64encode(attachment(name)).decode()}
                for name in scene.files
            ]
        schema: dict[str, object] = {"type": "object", "properties": {}}
        body = {
            "values": values,
            "values_schema": schema,
            "metadata": {"public_reference": self._id(scene), "form_name": "Contact met de stad"},
            "metadata_schema": schema,
        }
        return self._http.build_request(
            "POST", "open-formulieren", json=body, headers=_bearer(self._tokens.open_forms)
        )

    def _id(self, scene: Scene) -> str:
        return f"{scene.name}-{self._run}"


def _filled(fields: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in fields.items() if value}


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
