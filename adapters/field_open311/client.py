"""An Open311 server on the wire: addresses, key, time-outs, pages, and what its refusals mean.

Facts that shaped it: 200 and 201 both mean made, and so does a 400 that says "is a duplicate"; a failure inside is a
page of HTML, and the order may exist all the same; a list may end at 1000 records without saying so.
"""

import re
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from urllib.parse import quote, urlsplit

import httpx

from adapters.field_open311.answers import (
    Request,
    Update,
    complaint_in,
    requests_in,
    services_in,
    updates_in,
    without,
)
from adapters.field_open311.settings import Settings
from ports.answers import cause_of, retry_after
from ports.errors import (
    AdapterError,
    MisconfiguredError,
    NotUnderstoodError,
    RejectedError,
    TransientError,
    UncertainError,
)
from ports.files import Upload, media_type
from ports.http import PooledTransport
from ports.tracing import pass_trace_on

Pairs = Sequence[tuple[str, str]]
R = TypeVar("R")

_MOST_PAGES = 200
_SHORTEST = timedelta(seconds=2)
"""A stretch of time that is not cut in two any more."""
_DUPLICATE = re.compile(
    r"\b(is|as) a duplicate\b|\balready (exists|been (reported|submitted))\b", re.IGNORECASE
)
_TOO_OLD = re.compile(
    r"(date|time).*\b(greater|later|newer|after|older|before|recent)\b", re.IGNORECASE | re.DOTALL
)


class DuplicateError(RejectedError):
    """The planning has this order already, it says."""


class TooOldError(RejectedError):
    """The planning takes no update that is older than what it has."""


class FailedError(TransientError):
    """The planning is there, and failed to answer this question: with an error of its own, in no words that we know, or never."""


class NotThereError(RejectedError):
    """No such thing, or the planning does not offer it."""


class PlanningClient:
    """Asks and posts. Every call raises the errors of `ports.errors`; a post whose answer was lost is uncertain."""

    def __init__(self, settings: Settings, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._settings = settings
        self._base = settings.url.rstrip("/")
        key = settings.api_key
        self._known: list[tuple[str, str]] = [
            *([("jurisdiction_id", settings.jurisdiction)] if settings.jurisdiction else []),
            *([("api_key", key.get_secret_value())] if key else []),
        ]
        self._http = httpx.AsyncClient(
            transport=transport or PooledTransport(connections=8),
            trust_env=False,
            follow_redirects=False,
            timeout=httpx.Timeout(settings.answer_seconds, connect=settings.connect_seconds),
            event_hooks={"request": [pass_trace_on]},
        )

    async def close(self) -> None:
        """Let go of the connections."""
        await self._http.aclose()

    async def services(self) -> frozenset[str]:
        """The codes of what can be ordered."""
        (page,) = await self._pages("services", (), services_in, most=1)
        return page

    async def request(self, id_: str) -> Request | None:
        """One order; None when the planning does not know it."""
        return await self._one(f"requests/{quote(id_, safe='')}", lambda request: request.id in ("", id_))

    async def by_token(self, token: str) -> Request | None:
        """The order that a token stands for, without id as long as it has none; None when the token is not known."""
        return await self._one(f"tokens/{quote(token, safe='')}", lambda _: True)

    async def requests(self, start: datetime, end: datetime, service: str = "") -> tuple[Request, ...]:
        """All orders (of a service) that were made in this stretch of time, both ends included."""

        async def ask(start: datetime, end: datetime) -> Sequence[Request]:
            query = (*((("service_code", service),) if service else ()), *_stretch(start, end))
            return [one for page in await self._pages("requests", query, requests_in) for one in page]

        return tuple(await self._cut(ask, start, end))

    async def updates(self, start: datetime, end: datetime) -> tuple[Update, ...]:
        """All steps with a time in this stretch, both ends included, in the planning's own order."""

        async def ask(start: datetime, end: datetime) -> Sequence[Update]:
            pages = await self._pages("servicerequestupdates", _stretch(start, end), updates_in)
            return [one for page in pages for one in page]

        return tuple(await self._cut(ask, start, end))

    async def post_request(self, fields: Pairs, files: Sequence[Upload] = ()) -> Request:
        """Make an order; the answer has its id or a token. Raises `DuplicateError` when it says that it has it."""
        answer = await self._post("requests", fields, files)
        try:
            made = next((one for one in requests_in(answer.content) if one.id or one.token), None)
        except NotUnderstoodError:
            made = None
        if made is None:
            raise UncertainError("the planning took an order and told no number", detail=_kind(answer))
        return made

    async def post_update(self, fields: Pairs, files: Sequence[Upload] = ()) -> None:
        """Tell a step. Raises `TooOldError` when the planning has a newer one."""
        await self._post("servicerequestupdates", fields, files)

    async def _one(self, path: str, fits: Callable[[Request], bool]) -> Request | None:
        try:
            pages = await self._pages(path, (), requests_in, most=1)
        except NotThereError:
            return None
        return next((one for page in pages for one in page if fits(one)), None)

    async def _pages(
        self, path: str, query: Pairs, read: Callable[[bytes], R], *, most: int = _MOST_PAGES
    ) -> list[R]:
        """The answers, one after the other where the planning says that there are more."""
        url: httpx.URL | None = httpx.URL(
            f"{self._base}/{path}.{self._settings.format}", params=[*self._known, *query]
        )
        found: list[R] = []
        while url is not None and len(found) < most:
            answer = await self._get(url, path)
            try:
                found.append(read(answer.content))
            except NotUnderstoodError as error:
                raise FailedError(error.what, detail=f"reading {_class_of(path)}: {_kind(answer)}") from None
            url = self._next(url, answer)
        return found

    def _next(self, url: httpx.URL, answer: httpx.Response) -> httpx.URL | None:
        """The next page, on the same server only."""
        said = answer.headers.get("x-next-page-url") or answer.links.get("next", {}).get("url", "")
        if not said:
            return None
        there = url.join(said)
        ours, theirs = urlsplit(str(url)), urlsplit(str(there))
        if (ours.scheme, ours.netloc) != (theirs.scheme, theirs.netloc):
            raise MisconfiguredError("the planning's next page is on another server: check `url`")
        return there.copy_merge_params(dict(self._known))

    async def _cut(
        self,
        ask: Callable[[datetime, datetime], Awaitable[Sequence[R]]],
        start: datetime,
        end: datetime,
    ) -> list[R]:
        """All records of a stretch of time; one with so many that some may be missing is asked in two halves."""
        found = list(await ask(start, end))
        if len(found) < self._settings.page_limit or end - start <= _SHORTEST:
            return found
        middle = start + (end - start) / 2
        halves = [*await self._cut(ask, start, middle), *await self._cut(ask, middle, end)]
        return list(dict.fromkeys(halves))

    async def _get(self, url: httpx.URL, path: str) -> httpx.Response:
        try:
            answer = await self._http.get(url)
        except httpx.ReadTimeout as error:
            raise FailedError(
                f"the planning took too long (reading {_class_of(path)})", detail=cause_of(error)
            ) from error
        except httpx.HTTPError as error:
            raise TransientError("the planning can't be reached", detail=cause_of(error)) from error
        if answer.is_success:
            return answer
        refusal = _refusal(answer, f"reading {_class_of(path)}", FailedError)
        if isinstance(refusal, RejectedError) and not ("/" in path and isinstance(refusal, NotThereError)):
            raise MisconfiguredError(f"{refusal.what}: check `url`", detail=refusal.detail)
        raise refusal

    async def _post(self, path: str, fields: Pairs, files: Sequence[Upload]) -> httpx.Response:
        data: dict[str, list[str]] = {}
        for name, value in (*self._known, *fields):
            data.setdefault(name, []).append(value)
        parts = [
            (self._settings.photo_field, (file.name, file.content, media_type(file.content)))
            for file in files
        ]
        url = f"{self._base}/{path}.{self._settings.format}"
        try:
            answer = await self._http.post(url, data=data, files=parts or None)
        except httpx.HTTPError as error:
            raise _broken_off(error) from error
        if answer.is_success:
            return answer
        sent = tuple(value for _, value in (*self._known, *fields))
        raise _refusal(answer, f"posting {path}", UncertainError, sent)


def _stretch(start: datetime, end: datetime) -> Pairs:
    return (("start_date", _stamp(start)), ("end_date", _stamp(end)))


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _refusal(
    answer: httpx.Response,
    doing: str,
    in_doubt: type[TransientError] | type[UncertainError],
    sent: Sequence[str] = (),
) -> AdapterError:
    """What an answer other than 2xx means; `in_doubt` when it does not say whether something was done."""
    status, words = answer.status_code, complaint_in(answer.content)
    detail = f"HTTP {status}: {_kind(answer)}"
    if status in {401, 403}:
        return MisconfiguredError(
            f"the planning does not let the hub in ({doing}): check `api_key` and `jurisdiction`",
            detail=detail,
        )
    if answer.is_redirect or status == 405:
        return MisconfiguredError(f"the planning is elsewhere ({doing}): check `url`", detail=detail)
    if status in {404, 410}:
        return NotThereError(f"the planning does not know this ({doing})", detail=detail)
    if status == 429 or (status == 503 and "retry-after" in answer.headers):
        return TransientError(
            "the planning asks for patience", detail=detail, retry_after=retry_after(answer)
        )
    if status >= 500 or status in {408, 425} or not words:
        return in_doubt(f"the planning failed ({doing})", detail=detail)
    return _meant(words)(f"the planning refuses ({doing}): {without(words, sent)}", detail=detail)


def _meant(words: str) -> type[RejectedError]:
    if _DUPLICATE.search(words):
        return DuplicateError
    return TooOldError if _TOO_OLD.search(words) else RejectedError


def _broken_off(error: Exception) -> AdapterError:
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout):
        return TransientError("the planning can't be reached", detail=cause_of(error))
    return UncertainError("the planning's answer was lost", detail=cause_of(error))


def _kind(answer: httpx.Response) -> str:
    """What sort of answer it was, never what it says."""
    return str(answer.headers.get("content-type", "no content type")).partition(";")[0][:60]


def _class_of(path: str) -> str:
    return path.partition("/")[0]
