"""A Roundup tracker as the hub's tracker, and its changes as a source."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import timedelta
from typing import Any, Literal

import msgspec

from adapters.roundup import translate
from adapters.roundup.client import (
    KeyTakenError,
    NotThereError,
    RoundupClient,
    StaleError,
)
from adapters.roundup.feed import Feed
from adapters.roundup.records import (
    CHANNEL,
    FILE,
    FILE_KEY,
    GROUP,
    ISSUE,
    KIND,
    MESSAGE,
    MESSAGE_KEY,
    PARTY,
    STATUS,
    USER,
    FileRow,
    IssueRow,
    KeyRow,
    MessageRow,
    R,
    Table,
    WordRow,
)
from adapters.roundup.settings import Settings
from adapters.tracking.assembly import tracker_adapter
from adapters.tracking.changes import understood
from adapters.tracking.words import CHANNELS, KINDS, STATUSES
from canonical_model.attachment import Attachment
from canonical_model.case import CanonicalCase, CaseRef
from ports.adapter import Adapter, Tools
from ports.errors import MisconfiguredError, NotUnderstoodError, RejectedError, TransientError
from ports.settings import parsed
from ports.tracker import (
    Capabilities,
    CaseChange,
    CaseQuery,
    ChangeBatch,
    Conflict,
    Created,
    Note,
    Page,
    TrackerCase,
    TrackerId,
)

ROUNDS = 20
"""How often a change is begun anew because somebody else was faster; each round somebody wins."""

CAPABILITIES = Capabilities(
    unique_key="enforced",
    version_check="exact",
)

Hanging = Literal["messages", "files"]


class RoundupTracker:
    """Cases in Roundup, through REST only. All promises and errors are those of `ports.tracker.Tracker`."""

    def __init__(self, client: RoundupClient, feed: Feed, user: tuple[str, str] = ("3", "hub")) -> None:
        self._client = client
        self._feed = feed
        self._user_id, self._user_name = user

    @property
    def capabilities(self) -> Capabilities:
        return CAPABILITIES

    async def ensure_ready(self, groups: Collection[str]) -> tuple[str, ...]:
        """Log-in, fields, vocabularies, and these groups."""
        try:
            return (
                *await self._wrong_user(),
                *await self._unlike(ISSUE),
                *await self._unlike(MESSAGE),
                *await self._unlike(FILE),
                *await self._unlike(PARTY),
                *await self._missing(STATUS, STATUSES.values()),
                *await self._missing(KIND, KINDS.values()),
                *await self._missing(CHANNEL, CHANNELS.values()),
                *await self._missing(GROUP, groups),
            )
        except MisconfiguredError as error:
            return (error.what,)

    async def create_if_absent(self, case: CanonicalCase) -> Created:
        """Roundup itself refuses a second record with our reference; the first text comes with the record.

        The text is made first, so where there is none there is no case yet either. A text whose case was not
        made (we were cut off in between) is used. A case that was deleted in the tracker counts as absent.
        """
        description = translate.to_description(case)
        texts = await self._with_key(MESSAGE_KEY, description.key)
        known = await self._with_reference(case.ref) if texts else ()
        if known:
            return Created(id=TrackerId(known[0].id), created=False)
        party_id = await self._party(case)
        message_id = texts[0] if texts else await self._post_message(description)
        values = translate.to_issue(case, party_id=party_id, message_id=message_id)
        try:
            return Created(id=TrackerId(await self._client.create("issue", values)), created=True)
        except KeyTakenError:
            return await self._made_by_another(case.ref)

    async def find(self, ref: CaseRef) -> tuple[TrackerCase, ...]:
        return tuple(_readable(row) for row in await self._with_reference(ref))

    async def get(self, id_: TrackerId) -> TrackerCase:
        row = await self._issue(id_)
        messages = await self._hanging(MESSAGE, row.messages)
        files = await self._hanging(FILE, row.files)
        return _readable(row, messages, files)

    async def update(self, id_: TrackerId, change: CaseChange, expect: str | None = None) -> TrackerCase:
        values = translate.to_change(change)
        for _ in range(ROUNDS):
            found = await self._client.item(ISSUE, id_)
            if expect is not None and str(found.row.version or 0) != expect:
                raise Conflict(f"case {found.row.canonical_id} is no longer at version {expect}")
            if not values or translate.shows(found.row, values):
                return _readable(_named(found.row, id_))
            try:
                await self._client.change("issue", id_, found.etag, values)
            except StaleError:
                continue
            return await self._read_back(id_, found.row, values)
        raise _too_busy()

    async def add_note(self, id_: TrackerId, note: Note) -> str:
        return await self._hang_on(id_, "messages", MESSAGE_KEY, note.key, lambda: self._post_message(note))

    async def find_note(self, id_: TrackerId, key: str) -> str | None:
        return await self._find_hanging(id_, "messages", MESSAGE_KEY, key)

    async def add_attachment(self, id_: TrackerId, key: str, attachment: Attachment, content: bytes) -> str:
        async def post() -> str:
            return await self._client.create_file(translate.to_file(key, attachment), content)

        return await self._hang_on(id_, "files", FILE_KEY, key, post)

    async def find_attachment(self, id_: TrackerId, key: str) -> str | None:
        return await self._find_hanging(id_, "files", FILE_KEY, key)

    async def list(self, query: CaseQuery, *, page: int = 1, size: int = 50) -> Page:
        filters = [*translate.to_filters(query), ("@sort", "id")]
        rows = await self._client.rows(ISSUE, filters, page=page, size=size)
        return Page(
            cases=tuple(_readable(row) for row in rows.items),
            next_page=page + 1 if page * size < rows.total else 0,
        )

    async def changes(self, cursor: str | None, limit: int = 200) -> ChangeBatch:
        return await understood(self._feed, cursor, limit)

    async def _with_reference(self, ref: CaseRef) -> tuple[IssueRow, ...]:
        return (await self._client.rows(ISSUE, [("canonical_id:", ref)])).items

    async def _made_by_another(self, ref: CaseRef) -> Created:
        known = await self._with_reference(ref)
        if not known:
            raise TransientError(f"Roundup has and has not case {ref}: ask again")
        return Created(id=TrackerId(known[0].id), created=False)

    async def _issue(self, id_: str) -> IssueRow:
        return _named((await self._client.item(ISSUE, id_)).row, id_)

    async def _read_back(self, id_: str, before: IssueRow, values: Mapping[str, str]) -> TrackerCase:
        """Roundup says 200 and means it, as far as known; a detector may have had its own ideas.

        Other values at a later version than ours are a handler's: newer, and theirs to set.
        """
        row = await self._issue(id_)
        ours = (before.version or 0) + 1
        if (row.version or 0) <= ours and not translate.shows(row, values):
            raise RejectedError(f"Roundup confirmed a change of {row.canonical_id} and did not apply it")
        return _readable(row)

    async def _party(self, case: CanonicalCase) -> str:
        """The id of the customer's record, made or brought up to date; "" when there is no customer."""
        if not case.party_ref:
            return ""
        told = translate.to_party(case)
        for _ in range(ROUNDS):
            known = (await self._client.rows(PARTY, [("ref:", case.party_ref)])).items
            try:
                if not known:
                    return await self._client.create("party", told)
                await self._refresh_party(known[0].id, told)
            except (KeyTakenError, StaleError):
                continue
            return known[0].id
        raise _too_busy()

    async def _refresh_party(self, id_: str, told: Mapping[str, str]) -> None:
        found = await self._client.item(PARTY, id_)
        news = translate.party_news(found.row, told)
        if news:
            await self._client.change("party", id_, found.etag, news)

    async def _post_message(self, note: Note) -> str:
        return await self._client.create("msg", translate.to_message(note))

    async def _hang_on(
        self, id_: str, where: Hanging, table: Table[KeyRow], key: str, post: Callable[[], Awaitable[str]]
    ) -> str:
        """Make a record once per key and hang it on the case once.

        Two steps for Roundup: whoever is cut off in between leaves a record that hangs nowhere; the next try
        finds it by its key. Two who try at once make two records, but the ETag lets only one hang its own.
        """
        candidate = ""
        for _ in range(ROUNDS):
            case = await self._client.item(ISSUE, id_)
            made = await self._with_key(table, key)
            hanging = [found for found in made if found in _ids(case.row, where)]
            if hanging:
                return hanging[0]
            candidate = candidate or (made[0] if made else await post())
            try:
                await self._client.link("issue", id_, case.etag, {where: [candidate]})
            except StaleError:
                continue
            return candidate
        raise _too_busy()

    async def _find_hanging(self, id_: str, where: Hanging, table: Table[KeyRow], key: str) -> str | None:
        made = await self._with_key(table, key)
        if not made:
            return None
        held = _ids(await self._issue(id_), where)
        return next((found for found in made if found in held), None)

    async def _with_key(self, table: Table[KeyRow], key: str) -> tuple[str, ...]:
        found = (await self._client.rows(table, [("hubref:", key)])).items
        return tuple(sorted((row.id for row in found), key=int))

    async def _hanging(self, table: Table[R], ids: Collection[str]) -> tuple[R, ...]:
        if not ids:
            return ()
        return (await self._client.rows(table, [("id", id_) for id_ in ids])).items

    async def _wrong_user(self) -> tuple[str, ...]:
        try:
            found = (await self._client.item(USER, self._user_id)).row.username
        except NotThereError:
            found = None
        if found == self._user_name:
            return ()
        return (f"Roundup's user {self._user_id} is not {self._user_name!r}: check user_id and user_name",)

    async def _unlike(self, table: Table[R]) -> tuple[str, ...]:
        """Asking for a field that does not exist is an error, also of an empty tracker."""
        try:
            await self._client.rows(table, size=1)
        except RejectedError as error:
            return (f"Roundup's class {table.name} is not as agreed: {error.what}",)
        return ()

    async def _missing(self, table: Table[WordRow], wanted: Collection[str]) -> tuple[str, ...]:
        held = {row.name for row in (await self._client.rows(table)).items}
        return tuple(
            f"Roundup has no {table.name} {word!r}: make it there" for word in wanted if word not in held
        )


def build(settings: Mapping[str, Any], tools: Tools) -> Adapter:
    """The adapter's factory; opens no connection."""
    checked = parsed(Settings, settings, tools.name)
    client = RoundupClient(checked)
    feed = Feed(client, timedelta(seconds=checked.overlap_seconds))
    tracker = RoundupTracker(client, feed, (checked.user_id, checked.user_name))
    return tracker_adapter(tracker, feed, tools, poll_seconds=checked.poll_seconds, close=client.close)


def _readable(
    row: IssueRow, messages: Collection[MessageRow] = (), files: Collection[FileRow] = ()
) -> TrackerCase:
    try:
        return translate.to_case(row, messages, files)
    except NotUnderstoodError as error:
        raise MisconfiguredError(f"case {row.canonical_id}: {error.what}") from error


def _named(row: IssueRow, id_: str) -> IssueRow:
    """A single record comes without its id."""
    return msgspec.structs.replace(row, id=id_)


def _ids(row: IssueRow, where: Hanging) -> tuple[str, ...]:
    return row.messages if where == "messages" else row.files


def _too_busy() -> TransientError:
    return TransientError("Roundup: others keep changing this record")
