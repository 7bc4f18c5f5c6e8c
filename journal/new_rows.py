"""The rows that a message leaves behind, and those that it changes: field for field, in the order in which they are sent.

What they hold of people is sealed or hashed by now. Times are microseconds since 1970.
"""

from collections.abc import Iterator

from msgspec import Struct

from journal.rows import InsertRows, PutRows, UpdateRows, Write
from journal.schema import (
    attempts,
    bodies,
    case_history,
    cases,
    data_keys,
    effects,
    files,
    messages,
    references,
    timers,
)


class NewMessage(Struct):
    """A row of `messages`."""

    id: str
    identity: str
    source: str
    source_ref: str
    content_hash: str
    kind: str
    channel: str
    state: str
    reason: str
    rule: str
    case_ref: str | None
    open_effects: int
    parked_effects: int
    received_at: int
    schema_version: int
    config_version: str
    traceparent: str


class NewBody(Struct):
    """A row of `bodies`."""

    owner: str
    key_id: str
    media_type: str
    raw: bytes | None
    canonical: bytes | None
    schema_version: int


class NewKey(Struct):
    """A row of `data_keys`."""

    message_id: str
    case_ref: str | None
    wrapped: bytes


class NewFile(Struct):
    """A row of `files`."""

    message_id: str
    claim: str
    data: bytes


class NewReference(Struct):
    """A row of `case_references`."""

    hash: str
    shared_by: str
    case_ref: str
    system: str
    shown: str
    at: int


class NewHistory(Struct):
    """A row of `case_history`."""

    case_ref: str
    at: int
    status: str
    handler_group: str
    caused_by: str


class NewEffect(Struct):
    """A row of `effects`: due, until somebody claims it."""

    id: str
    key: str
    case_ref: str
    message_id: str
    target: str
    action: str
    seq: int
    blocking: bool
    due_at: int
    handout_at: int
    created_at: int
    key_id: str
    bulk: bool
    state: str = "due"
    attempts: int = 0
    deaths: int = 0
    owner: str = ""
    outside_id: str = ""
    error: str = ""
    reason: str = ""


class NewCase(Struct):
    """A row of `cases`."""

    ref: str
    kind: str
    channel: str
    handler_group: str
    status: str
    category: str
    area: str
    tracker_id: str
    opened_at: int
    changed_at: int
    due: int | None
    effect_count: int
    tracker_version: int
    origin: str
    origin_ref: str
    answered_at_once: bool
    key_id: str
    card: bytes | None
    card_version: int


class ChangedCase(Struct):
    """What may change in a row of `cases` whose status and term stay: an index has these, and most changes leave it alone."""

    handler_group: str
    category: str
    area: str
    tracker_id: str
    changed_at: int
    effect_count: int
    tracker_version: int
    ref: str


class MovedCase(Struct):
    """What may change in a row of `cases`, but for its card."""

    handler_group: str
    status: str
    category: str
    area: str
    tracker_id: str
    changed_at: int
    due: int | None
    effect_count: int
    tracker_version: int
    ref: str


class ChangedCard(Struct):
    """A new card in a row of `cases`."""

    card: bytes | None
    card_version: int
    ref: str


class NewTimer(Struct):
    """A row of `timers`."""

    case_ref: str
    name: str
    due_at: int
    round: int


class NewAttempt(Struct):
    """A row of `attempts`."""

    effect_id: str
    number: int
    started_at: int
    ended_at: int
    outcome: str
    error: str
    what: str
    worker: str


class SettledEffect(Struct):
    """What the outcome of an attempt changes in a row of `effects`."""

    state: str
    due_at: int
    handout_at: int | None
    outside_id: str
    error: str
    reason: str
    finished_at: int | None
    id: str


class MovedMessage(Struct):
    """What the outcomes of its effects change in a row of `messages`."""

    open_effects: int
    parked_effects: int
    state: str
    id: str


class NewRows:
    """What the messages of one transaction leave behind, but for their cases."""

    def __init__(self) -> None:
        self.messages: list[NewMessage] = []
        self.bodies: list[NewBody] = []
        self.keys: list[NewKey] = []
        self.files: list[NewFile] = []
        self.effects: list[NewEffect] = []
        self.references: list[NewReference] = []
        self.history: list[NewHistory] = []

    def writes(self) -> Iterator[Write]:
        """All but the files, which may be large."""
        yield InsertRows(messages), self.messages
        yield InsertRows(bodies), self.bodies
        yield InsertRows(data_keys), self.keys
        yield InsertRows(effects), self.effects
        yield InsertRows(references, ignoring=True), self.references
        yield InsertRows(case_history, ignoring=True), self.history


INSERT_CASES = InsertRows(cases)
INSERT_FILES = InsertRows(files)
CHANGE_CASES = UpdateRows(cases, "ref", ChangedCase.__struct_fields__[:-1])
MOVE_CASES = UpdateRows(cases, "ref", MovedCase.__struct_fields__[:-1])
CHANGE_CARDS = UpdateRows(cases, "ref", ChangedCard.__struct_fields__[:-1])
PUT_TIMERS = PutRows(timers, ("case_ref", "name"))
INSERT_ATTEMPTS = InsertRows(attempts)
SETTLE_EFFECTS = UpdateRows(effects, "id", SettledEffect.__struct_fields__[:-1])
MOVE_MESSAGES = UpdateRows(messages, "id", MovedMessage.__struct_fields__[:-1])
