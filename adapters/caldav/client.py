"""A task list on a CalDAV server: put once, change with the version that was read, ask what changed since a token.

RFC 4791 (CalDAV), RFC 6578 (sync-collection), RFC 9110 (If-Match, If-None-Match). Tried out on Radicale 3.9.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias
from urllib.parse import quote, unquote, urlsplit
from xml.parsers.expat import ExpatError
from xml.sax.saxutils import escape

import httpx
import xmltodict

from adapters.caldav.settings import Settings
from ports.answers import cause_of, retry_after
from ports.errors import (
    AdapterError,
    MisconfiguredError,
    RejectedError,
    TransientError,
    UncertainError,
)
from ports.http import PooledTransport
from ports.tracing import pass_trace_on

Tree: TypeAlias = "str | Sequence[Tree] | Mapping[str, Tree] | None"

_NAMESPACES = {"DAV:": "d", "urn:ietf:params:xml:ns:caldav": "c"}
_MOST_BATCHES = 1000
_SYNC = (
    '<?xml version="1.0" encoding="utf-8"?><d:sync-collection xmlns:d="DAV:"><d:sync-token>{token}</d:sync-token>'
    "<d:sync-level>1</d:sync-level><d:prop><d:getetag/></d:prop></d:sync-collection>"
)
_ABOUT = (
    '<?xml version="1.0" encoding="utf-8"?><d:propfind xmlns:d="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav"><d:prop>'
    "<d:resourcetype/><d:supported-report-set/><c:supported-calendar-component-set/></d:prop></d:propfind>"
)


class TakenError(RejectedError):
    """There is something under this name already."""


class ChangedError(RejectedError):
    """It changed since the version that was named, or it is gone."""


class StaleTokenError(RejectedError):
    """The server does not know this token any more: ask for everything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A task as it lies there. `etag` names this version; "" = the server names none."""

    content: bytes = field(repr=False)
    etag: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What changed: names with their version, and names that are gone. `token` for the next question."""

    changed: Mapping[str, str]
    gone: frozenset[str]
    token: str


class TaskListClient:
    """One list. Every call raises the errors of `ports.errors`; a write whose answer was lost is uncertain."""

    def __init__(self, settings: Settings, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._url = settings.url
        self._path = unquote(urlsplit(settings.url).path)
        self._http = httpx.AsyncClient(
            auth=httpx.BasicAuth(settings.username, settings.password.get_secret_value()),
            transport=transport or PooledTransport(connections=8),
            trust_env=False,
            follow_redirects=False,
            timeout=httpx.Timeout(settings.answer_seconds, connect=settings.connect_seconds),
            event_hooks={"request": [pass_trace_on]},
        )

    async def close(self) -> None:
        """Let go of the connections."""
        await self._http.aclose()

    async def get(self, name: str) -> Item | None:
        """A task; None when there is none of this name."""
        answer = await self._read("GET", self._address(name))
        if answer.status_code in {404, 410}:
            return None
        return Item(content=answer.content, etag=answer.headers.get("etag", ""))

    async def put_new(self, name: str, content: bytes) -> str:
        """Put it where nothing is; its version, "" when the server did not keep it as it was. `TakenError` else."""
        return await self._put(name, content, {"If-None-Match": "*"}, TakenError)

    async def put(self, name: str, content: bytes, etag: str) -> str:
        """Put it in the place of the version that was read; `ChangedError` when that is not there any more."""
        return await self._put(name, content, {"If-Match": etag or "*"}, ChangedError)

    async def delete(self, name: str) -> None:
        """Return when nothing lies under this name any more. May be repeated."""
        try:
            answer = await self._http.delete(self._address(name))
        except httpx.HTTPError as error:
            raise _broken_off(error) from error
        if not answer.is_success and answer.status_code not in {404, 410}:
            raise _refusal(answer, "deleting", UncertainError)

    async def changes(self, token: str) -> Changes:
        """What changed since the token; "" = everything that is there. Raises `StaleTokenError`."""
        changed: dict[str, str] = {}
        gone: set[str] = set()
        for _ in range(_MOST_BATCHES):
            body = _SYNC.format(token=escape(token))
            answer = await self._read("REPORT", self._url, body, {"Depth": "0"}, lists=True)
            batch, is_whole = self._batch(_tree(answer))
            changed = {name: etag for name, etag in changed.items() if name not in batch.gone} | dict(
                batch.changed
            )
            gone = (gone - batch.changed.keys()) | batch.gone
            token = batch.token
            if is_whole:
                return Changes(changed=changed, gone=frozenset(gone), token=token)
        raise TransientError("the task list does not come to an end of its changes")

    async def lacks(self) -> tuple[str, ...]:
        """What the list lacks for work orders, in plain words; () = nothing."""
        answer = await self._read("PROPFIND", self._url, _ABOUT, {"Depth": "0"}, lists=True)
        told = str(_tree(answer))
        wanted = {
            "'c:calendar'": "it is no calendar: check `url`",
            "VTODO": "it takes no tasks (VTODO)",
            "d:sync-collection": "it can't tell what changed (sync-collection, RFC 6578)",
        }
        return tuple(words for sign, words in wanted.items() if sign not in told)

    def _address(self, name: str) -> str:
        return f"{self._url}{quote(name, safe='')}"

    async def _put(
        self, name: str, content: bytes, condition: Mapping[str, str], unmet: type[RejectedError]
    ) -> str:
        headers = {"Content-Type": "text/calendar; charset=utf-8", **condition}
        try:
            answer = await self._http.put(self._address(name), content=content, headers=headers)
        except httpx.HTTPError as error:
            raise _broken_off(error) from error
        if answer.is_success:
            return str(answer.headers.get("etag", ""))
        if answer.status_code == 412 or (unmet is ChangedError and answer.status_code == 404):
            raise unmet("the task list holds another version")
        raise _refusal(answer, "writing", UncertainError)

    async def _read(
        self,
        method: str,
        url: str,
        body: str = "",
        headers: Mapping[str, str] | None = None,
        *,
        lists: bool = False,
    ) -> httpx.Response:
        more = {"Content-Type": "application/xml; charset=utf-8"} if body else {}
        try:
            answer = await self._http.request(
                method, url, content=body.encode(), headers={**more, **(headers or {})}
            )
        except httpx.HTTPError as error:
            raise TransientError("the task list can't be reached", detail=cause_of(error)) from error
        if answer.is_success or (not lists and answer.status_code in {404, 410}):
            return answer
        if "valid-sync-token" in _condition(answer):
            raise StaleTokenError("the task list does not know how far we had read")
        refusal = _refusal(answer, "reading", TransientError)
        if isinstance(refusal, RejectedError):
            raise MisconfiguredError(f"{refusal.what}: check `url`", detail=refusal.detail)
        raise refusal

    def _batch(self, tree: Tree) -> tuple[Changes, bool]:
        """One answer, and whether it is the last (RFC 6578 section 3.6: 507 for the list itself = there is more)."""
        changed: dict[str, str] = {}
        gone: set[str] = set()
        is_whole = True
        root = _at(tree, "d:multistatus")
        for response in _each(_at(root, "d:response")):
            name = self._name(_text(_at(response, "d:href")))
            status = _text(_at(response, "d:status"))
            if not name:
                is_whole = is_whole and " 507" not in status
            elif " 404" in status:
                gone.add(name)
            else:
                changed[name] = _etag(response)
        token = _text(_at(root, "d:sync-token"))
        if not token:
            raise TransientError("the task list did not tell how far it told")
        return Changes(changed=changed, gone=frozenset(gone), token=token), is_whole

    def _name(self, href: str) -> str:
        """The name within the list; "" for the list itself and for what is elsewhere."""
        path = unquote(urlsplit(href).path)
        name = path.removeprefix(self._path) if path.startswith(self._path) else ""
        return "" if "/" in name else name


def _tree(answer: httpx.Response) -> Tree:
    try:
        tree: Tree = xmltodict.parse(
            answer.content, process_namespaces=True, namespaces=_NAMESPACES, disable_entities=True
        )
    except (ExpatError, ValueError) as error:
        raise TransientError("the task list's answer is no XML", detail=type(error).__name__) from None
    return tree


def _at(tree: Tree, name: str) -> Tree:
    return tree.get(name) if isinstance(tree, Mapping) else None


def _each(tree: Tree) -> Sequence[Tree]:
    """One or many, as a list."""
    if tree is None:
        return ()
    return tree if isinstance(tree, Sequence) and not isinstance(tree, str) else (tree,)


def _text(tree: Tree) -> str:
    return tree if isinstance(tree, str) else ""


def _etag(response: Tree) -> str:
    found = (_text(_at(_at(one, "d:prop"), "d:getetag")) for one in _each(_at(response, "d:propstat")))
    return next((etag for etag in found if etag), "")


def _condition(answer: httpx.Response) -> str:
    """Which condition of the standard was not met, e.g. `d:valid-sync-token`; "" when it does not say."""
    try:
        error = _at(_tree(answer), "d:error")
    except TransientError:
        return ""
    names = error if isinstance(error, Mapping) else ()
    return next((name for name in names if not name.startswith("@")), "")


def _refusal(
    answer: httpx.Response, doing: str, in_doubt: type[TransientError] | type[UncertainError]
) -> AdapterError:
    """What an answer other than 2xx means; `in_doubt` when it does not say whether something was done."""
    status, condition = answer.status_code, _condition(answer)
    detail = f"HTTP {status} {condition}".strip()
    if status == 401 or (status == 403 and not condition):
        return MisconfiguredError(
            f"the task list does not let the hub in ({doing}): check `username` and `password`", detail=detail
        )
    if answer.is_redirect or status in {404, 405}:
        return MisconfiguredError(f"the task list is elsewhere ({doing}): check `url`", detail=detail)
    if status == 409 and not condition:
        return MisconfiguredError("the task list does not exist: make it, or check `url`", detail=detail)
    if status in {423, 429} or (status == 503 and "retry-after" in answer.headers):
        return TransientError(
            "the task list asks for patience", detail=detail, retry_after=retry_after(answer)
        )
    if status in {400, 403, 409, 413, 415, 422, 507}:
        return RejectedError(f"the task list refuses ({doing}, {detail})", detail=detail)
    return in_doubt(f"the task list failed ({doing})", detail=detail)


def _broken_off(error: Exception) -> AdapterError:
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout):
        return TransientError("the task list can't be reached", detail=cause_of(error))
    return UncertainError("the task list's answer was lost", detail=cause_of(error))
