"""The tracker: an off-the-shelf product in which handler groups work on cases."""

from collections.abc import Collection
from datetime import datetime
from typing import Literal, NewType, Protocol

from canonical_model.attachment import Attachment
from canonical_model.case import CanonicalCase, CaseRef
from canonical_model.contact import Channel
from canonical_model.events import CaseChanged
from canonical_model.status import CaseStatus
from canonical_model.value import Hidden, Value

TrackerId = NewType("TrackerId", str)
"""The tracker's own id of a case."""


class Capabilities(Value, frozen=True, kw_only=True):
    """What a tracker product can and cannot do; the hub adapts to it."""

    unique_key: Literal["enforced", "checked", "none"]
    version_check: Literal["exact", "racy", "none"]


class TrackerCase(Value, frozen=True, kw_only=True):
    """A case as the tracker holds it. `version` is opaque: for `update(expect=...)` only."""

    id: TrackerId
    ref: CaseRef
    status: CaseStatus
    group: str
    subject: Hidden[str]
    due: datetime | None
    party_ref: str
    version: str
    notes: tuple["Note", ...] = ()
    attachments: tuple[str, ...] = ()


class Note(Value, frozen=True, kw_only=True):
    """A text on a case. `key` is ours and unique; `public` ones are meant for or come from the customer."""

    key: str
    text: Hidden[str]
    public: bool
    incoming: bool
    channel: Channel | None = None


class CaseChange(Value, frozen=True, kw_only=True):
    """Fields to set; None leaves a field as it is."""

    status: CaseStatus | None = None
    group: str | None = None
    due: datetime | None = None


class CaseQuery(Value, frozen=True, kw_only=True):
    """Which cases to list; None = whatever. `due_before` is UTC."""

    group: str | None = None
    status: CaseStatus | None = None
    open: bool | None = None
    party_ref: str | None = None
    due_before: datetime | None = None


class Page(Value, frozen=True, kw_only=True):
    """A page of a list; `next_page` is 0 when this is the last."""

    cases: tuple[TrackerCase, ...]
    next_page: int


class ChangeBatch(Value, frozen=True, kw_only=True):
    """Changes since a cursor, oldest first; the same change may come in two batches."""

    changes: tuple[CaseChanged, ...]
    cursor: str


class Created(Value, frozen=True, kw_only=True):
    """`created` is False when the case was there already."""

    id: TrackerId
    created: bool


class Conflict(Exception):  # noqa: N818 - the field's word for a failed version check
    """Somebody changed the case since the version that was expected; read it again and decide."""


class Tracker(Protocol):
    """Stores cases. Never trust a 2xx: every write is read back where the product drops fields in silence.

    All calls raise `TransientError` (unreachable, busy, throttled), `UncertainError` (the answer of a write
    was lost), `RejectedError` (the tracker refuses, or did not keep what it confirmed), `MisconfiguredError`.
    """

    @property
    def capabilities(self) -> Capabilities:
        """What this product can do."""
        ...

    async def ensure_ready(self, groups: Collection[str]) -> tuple[str, ...]:
        """What is missing for work to start (log-in, groups, statuses, fields), in plain words; () = ready."""
        ...

    async def create_if_absent(self, case: CanonicalCase) -> Created:
        """One case per reference, however often and however parallel this is called. Without attachments."""
        ...

    async def find(self, ref: CaseRef) -> tuple[TrackerCase, ...]:
        """All cases with our reference (a tuple, so that doubles are visible), without notes."""
        ...

    async def get(self, id_: TrackerId) -> TrackerCase:
        """The case with its notes and the names of its attachments."""
        ...

    async def update(self, id_: TrackerId, change: CaseChange, expect: str | None = None) -> TrackerCase:
        """Set fields and read back. Raises `Conflict` when `expect` is no longer the version."""
        ...

    async def add_note(self, id_: TrackerId, note: Note) -> str:
        """Add a note once: the same `note.key` again returns the first one's id."""
        ...

    async def find_note(self, id_: TrackerId, key: str) -> str | None:
        """The id of the note with this key that hangs on this case, or None."""
        ...

    async def add_attachment(self, id_: TrackerId, key: str, attachment: Attachment, content: bytes) -> str:
        """Add a file once per `key`; name in UTF-8, bytes identical."""
        ...

    async def find_attachment(self, id_: TrackerId, key: str) -> str | None:
        """The id of the file with this key that hangs on this case, or None."""
        ...

    async def list(self, query: CaseQuery, *, page: int = 1, size: int = 50) -> Page:
        """Cases that fit, without notes."""
        ...

    async def changes(self, cursor: str | None, limit: int = 200) -> ChangeBatch:
        """What people did since the cursor, at least once each. The hub's own writes may be among it."""
        ...
