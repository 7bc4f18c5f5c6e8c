"""A telephone exchange that posts its calls, as cloud exchanges do: signed or with a token, as JSON or as a form.

Give it an HTTP client, the address of its door (`.../in/phone/cti/<system>`), and a webhook secret or a token.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

import httpx
from standardwebhooks import Webhook


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One exchange. `at`: what its clock says, for signatures."""

    client: httpx.AsyncClient
    address: str
    secret: str = ""
    token: str = ""
    at: datetime | None = None

    async def post(self, event: str, call_id: str, *, as_form: bool = False, **fields) -> httpx.Response:
        """One event of a call, in the generic CTI vocabulary."""
        told = {"event": event, "callId": call_id, "direction": "in", **fields}
        if call_id == "":
            del told["callId"]
        if as_form:
            return await self.client.post(self.address, data=told, headers=self._bearer())
        body = json.dumps(told, ensure_ascii=False)
        headers = self.signed(body) if self.secret else self._bearer()
        return await self.client.post(
            self.address, content=body.encode(), headers={"content-type": "application/json", **headers}
        )

    async def answered_call(self, call_id: str, number: str, **wrap_up) -> None:
        """From the first ring to the hang-up, with the employee's notes when there are any."""
        await self.post("newCall", call_id, **{"from": number, "to": "+3216272000"})
        await self.post("answer", call_id, user=["els"], **{"from": number})
        await self.post("hangup", call_id, cause="normalClearing", **{"from": number})
        if wrap_up:
            await self.post("wrapUp", call_id, **wrap_up)

    async def missed_call(self, call_id: str, number: str) -> None:
        """The caller hangs up before anybody picks up."""
        await self.post("newCall", call_id, **{"from": number, "to": "+3216272000"})
        await self.post("hangup", call_id, cause="cancel", **{"from": number})

    def signed(self, body: str, id_: str = "") -> dict[str, str]:
        """The headers of a signed body."""
        id_, at = id_ or uuid4().hex, self.at or datetime.now(UTC)
        return {
            "webhook-id": id_,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": Webhook(self.secret).sign(id_, at, body),
        }

    def _bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}
