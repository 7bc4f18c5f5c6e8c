"""Looks an appointment up in JCC-Afspraken, to fill the form in.

JCC's WARP API (as open-forms speaks it, `jcc_rest`): OAuth2 client credentials; `GET appointment?id=`; what is missing has no
key; times come back without offset; a business failure is a 200 with `acknowledgeIsSuccess` false, or without an id.
"""

from datetime import datetime
from typing import TypeVar
from zoneinfo import ZoneInfo

import httpx
import msgspec

from adapters.counter.settings import Appointments
from ports.clock import Clock
from ports.errors import MisconfiguredError, TransientError
from ports.http import PooledTransport
from ports.moments import told_moment

_RENEW_SECONDS = 30
_T = TypeVar("_T")


class _Activity(msgspec.Struct):
    id: str | int = ""


class _Customer(msgspec.Struct, rename="camel"):
    is_main_customer: bool = False
    first_name: str = ""
    last_name_prefix: str = ""
    last_name: str = ""
    email_address: str = ""
    phone_number: str = ""
    mobile_phone_number: str = ""


class _Appointment(msgspec.Struct, rename="camel"):
    id: str | int | None = None
    acknowledge_is_success: bool = True
    acitivity_list: list[_Activity] = []  # their spelling
    customer_list: list[_Customer] = []
    start_date_time: str = ""


class _Token(msgspec.Struct):
    access_token: str
    expires_in: float = 300


class Appointment(msgspec.Struct, frozen=True, kw_only=True):
    """What was agreed, as far as it helps to fill the form in. `at` in UTC; None when it has no readable time."""

    code: str
    product: str
    name: str
    email: str
    phone: str
    at: datetime | None

    def __repr__(self) -> str:
        return "Appointment(...)"


class AppointmentClient:
    """Asks JCC. Raises `TransientError` or `MisconfiguredError`; only reads, so all may be repeated."""

    def __init__(
        self, settings: Appointments, clock: Clock, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._token, self._token_ends = "", 0.0
        self._http = httpx.AsyncClient(
            base_url=f"{settings.url.rstrip('/')}/",
            transport=transport or PooledTransport(connections=8),
            timeout=settings.timeout,
            trust_env=False,
            follow_redirects=False,
            headers={"Accept": "application/json"},
        )

    async def close(self) -> None:
        """Let go of the connections."""
        await self._http.aclose()

    async def find(self, code: str, language: str) -> Appointment | None:
        """The appointment with this code; None when there is none."""
        answer = await self._asked(code, language)
        if answer.status_code == 401:  # a token can be withdrawn before its time
            self._token = ""
            answer = await self._asked(code, language)
        if answer.status_code in (400, 404):
            return None
        self._refuse(answer)
        found = _decoded(answer, _Appointment)
        if not found.acknowledge_is_success or found.id in (None, ""):
            return None
        return self._understood(code, found)

    async def log_in(self) -> None:
        """Get a token when the one at hand is about to end."""
        now = self._clock.now().timestamp()
        if self._token and now < self._token_ends - _RENEW_SECONDS:
            return
        form = {"grant_type": "client_credentials", "scope": self._settings.scope}
        secret = self._settings.client_secret.get_secret_value()
        try:
            answer = await self._http.post(
                self._settings.token_url,
                data={**form, "client_id": self._settings.client_id, "client_secret": secret},
            )
        except httpx.TransportError as error:
            raise TransientError("JCC's log-in can't be reached", detail=type(error).__name__) from None
        if answer.status_code in (400, 401, 403):
            raise MisconfiguredError("JCC refuses our client: check `client_id`, `client_secret` and `scope`")
        self._refuse(answer)
        token = _decoded(answer, _Token)
        self._token, self._token_ends = token.access_token, now + token.expires_in

    async def _asked(self, code: str, language: str) -> httpx.Response:
        await self.log_in()
        headers = {"Authorization": f"Bearer {self._token}", "language": language}
        try:
            return await self._http.get("appointment", params={"id": code}, headers=headers)
        except httpx.TransportError as error:
            raise TransientError("JCC can't be reached", detail=type(error).__name__) from None

    def _refuse(self, answer: httpx.Response) -> None:
        if answer.status_code in (401, 403):
            raise MisconfiguredError("JCC refuses our token: check what `client_id` may do")
        if not answer.is_success:
            raise TransientError(f"JCC answered {answer.status_code}")

    def _understood(self, code: str, found: _Appointment) -> Appointment:
        customers = sorted(found.customer_list, key=lambda one: not one.is_main_customer)
        main = customers[0] if customers else _Customer()
        names = (main.first_name, main.last_name_prefix, main.last_name)
        products = [self._settings.activities.get(str(one.id), "") for one in found.acitivity_list]
        return Appointment(
            code=code,
            product=next(filter(None, products), ""),
            name=" ".join(part.strip() for part in names if part.strip()),
            email=main.email_address,
            phone=main.mobile_phone_number or main.phone_number,
            at=told_moment(found.start_date_time, ZoneInfo(self._settings.time_zone)),
        )


def _decoded(answer: httpx.Response, type_: type[_T]) -> _T:
    try:
        return msgspec.json.decode(answer.content, type=type_)
    except msgspec.DecodeError:
        raise TransientError("JCC answered something that is not in its contract") from None
