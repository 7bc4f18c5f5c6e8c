"""The tables. Times are microseconds since 1970 in UTC; ids are 32 hexadecimal digits that sort by time.
Text is compared by its bytes, on both databases.

Bodies live apart from what is listed and searched. No column outside `bodies`, `files` and `users` holds
personal data: names of people, addresses and texts are sealed, identifiers are keyed hashes.
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    false,
    text,
)

from canonical_model.status import OPEN

metadata = MetaData()

# On SQLite `sqlite_with_rowid=False` lets the primary key itself order the rows: one tree to write, not two.

ID = String(32)

STUCK = "state = 'parked' AND parked_effects = 0"
"""Messages that nobody could decide about; what is parked because of an effect is found by that effect."""
OPEN_CASE = "status NOT IN ('answered', 'closed')"
"""Cases that somebody still has to answer: a few of all that are kept. As an index has it, SQLite makes a table of three words or more anew for each row written."""
OPEN_STATUSES: Final = tuple(sorted(status.value for status in OPEN))
"""The same statuses, as values."""

messages = Table(
    "messages",
    metadata,
    Column("id", ID, primary_key=True),
    Column("identity", String(32), nullable=False, unique=True),  # hash of source and source_ref
    Column("source", String(200), nullable=False),
    Column("source_ref", Text, nullable=False),
    Column("content_hash", String(32), nullable=False),
    Column("kind", String(40), nullable=False),
    Column("channel", String(40), nullable=False),
    Column("state", String(12), nullable=False),
    Column("reason", Text, nullable=False),
    Column("rule", String(200), nullable=False),
    Column("case_ref", String(20)),
    Column("open_effects", Integer, nullable=False),
    Column("parked_effects", Integer, nullable=False),
    Column("received_at", BigInteger, nullable=False),
    Column("schema_version", SmallInteger, nullable=False),
    Column("config_version", String(16), nullable=False),
    Column("traceparent", String(60), nullable=False, server_default=""),
    Index("messages_of_case", "case_ref", "id"),
    Index(
        "messages_that_need_somebody",
        "state",
        "id",
        sqlite_where=text("state IN ('parked', 'quarantined')"),
        postgresql_where=text("state IN ('parked', 'quarantined')"),
    ),
    Index(
        "messages_stuck",
        "id",
        sqlite_where=text(STUCK),
        postgresql_where=text(STUCK),
    ),
    sqlite_with_rowid=False,
)

bodies = Table(  # sealed; owner = message id or effect id
    "bodies",
    metadata,
    Column("owner", ID, primary_key=True),
    Column("key_id", ID, nullable=False),
    Column("media_type", String(100), nullable=False),
    Column("raw", LargeBinary),
    Column("canonical", LargeBinary),
    Column("schema_version", SmallInteger, nullable=False),
)

files = Table(  # sealed attachments, by claim
    "files",
    metadata,
    Column("message_id", ID, primary_key=True),
    Column("claim", String(64), primary_key=True),
    Column("data", LargeBinary, nullable=False),
)

data_keys = Table(  # one key per contact, kept with its case: deleting it erases the contact
    "data_keys",
    metadata,
    Column("message_id", ID, primary_key=True),
    Column("case_ref", String(20)),
    Column("wrapped", LargeBinary, nullable=False),
    Index("data_keys_of_case", "case_ref"),
    sqlite_with_rowid=False,
)

cases = Table(
    "cases",
    metadata,
    Column("ref", String(20), primary_key=True),
    Column("kind", String(20), nullable=False),
    Column("channel", String(40), nullable=False),
    Column("handler_group", String(100), nullable=False),
    Column("status", String(30), nullable=False),
    Column("category", String(100), nullable=False),
    Column("area", String(100), nullable=False),
    Column("tracker_id", String(100), nullable=False),
    Column("opened_at", BigInteger, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    Column("due", BigInteger),
    Column("effect_count", Integer, nullable=False),
    Column("tracker_version", BigInteger, nullable=False),
    Column("origin", String(200), nullable=False, server_default=""),
    Column("origin_ref", Text, nullable=False, server_default=""),
    Column("answered_at_once", Boolean, nullable=False, server_default=false()),
    Column("key_id", ID, nullable=False),
    Column("card", LargeBinary),  # sealed: what is needed to write to the customer
    Column("card_version", SmallInteger, nullable=False),
    Index("cases_by_due", "due", sqlite_where=text(OPEN_CASE), postgresql_where=text(OPEN_CASE)),
    Index("cases_of_origin", "origin", "changed_at"),
    Index(
        "cases_of_first_line",
        "opened_at",
        "channel",
        "answered_at_once",
        sqlite_where=text("channel IN ('counter', 'phone')"),
        postgresql_where=text("channel IN ('counter', 'phone')"),
    ),
    sqlite_with_rowid=False,
)

case_history = Table(
    "case_history",
    metadata,
    Column("case_ref", String(20), primary_key=True),
    Column("at", BigInteger, primary_key=True),
    Column("status", String(30), primary_key=True),
    Column("handler_group", String(100), nullable=False),
    Column("caused_by", ID, nullable=False),
    sqlite_with_rowid=False,
)

references = Table(
    "case_references",
    metadata,
    Column("hash", String(32), primary_key=True),
    Column("shared_by", String(20), primary_key=True),  # its case again; empty when no other case may have it
    Column("case_ref", String(20), nullable=False),
    Column("system", String(60), nullable=False),
    Column("shown", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Index("references_of_case", "case_ref", "hash", unique=True),
    sqlite_with_rowid=False,
)

effects = Table(
    "effects",
    metadata,
    Column("id", ID, primary_key=True),
    Column("key", String(200), nullable=False, unique=True),
    Column("case_ref", String(20), nullable=False),
    Column("message_id", ID, nullable=False),
    Column("target", String(60), nullable=False),
    Column("action", String(40), nullable=False),
    Column("seq", Integer, nullable=False),
    Column("blocking", Boolean, nullable=False),
    Column("state", String(12), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("deaths", SmallInteger, nullable=False),
    Column("due_at", BigInteger, nullable=False),
    Column("handout_at", BigInteger),  # when the sweeper hands it out (again); NULL = nobody need do anything
    Column("owner", String(80), nullable=False),
    Column("outside_id", String(300), nullable=False),
    Column("error", String(60), nullable=False),
    Column("reason", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("finished_at", BigInteger),
    Column("key_id", ID, nullable=False),
    Column("bulk", Boolean, nullable=False, server_default=false()),  # others may go first
    Index("effects_of_case", "case_ref", "seq"),
    Index(
        "effects_to_hand_out",
        "bulk",
        "handout_at",
        sqlite_where=text("handout_at IS NOT NULL"),
        postgresql_where=text("handout_at IS NOT NULL"),
    ),
    Index(
        "effects_that_need_somebody",
        "id",
        sqlite_where=text("state = 'parked'"),
        postgresql_where=text("state = 'parked'"),
    ),
    sqlite_with_rowid=False,
)

attempts = Table(
    "attempts",
    metadata,
    Column("effect_id", ID, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("started_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger, nullable=False),
    Column("outcome", String(12), nullable=False),
    Column("error", String(60), nullable=False),
    Column("what", Text, nullable=False),
    Column("worker", String(80), nullable=False),
    sqlite_with_rowid=False,
)

standings = Table(  # how a case stands in each outside system that was told of it
    "standings",
    metadata,
    Column("case_ref", String(20), primary_key=True),
    Column("system", String(60), primary_key=True),
    Column("state", String(30), nullable=False),
    Column("outside_id", String(300), nullable=False),
    Column("trip", SmallInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("compare_at", BigInteger),  # when to look again whether it is so over there; NULL = no more
    Index(
        "standings_to_compare",
        "system",
        "compare_at",
        sqlite_where=text("compare_at IS NOT NULL"),
        postgresql_where=text("compare_at IS NOT NULL"),
    ),
    sqlite_with_rowid=False,
)

work_items = Table(  # what a person must look into
    "work_items",
    metadata,
    Column("case_ref", String(20), primary_key=True),
    Column("name", String(60), primary_key=True),
    Column("what", Text, nullable=False),
    Column("opened_at", BigInteger, nullable=False),
    Column("closed_at", BigInteger),
    Column("closed_by", String(100), nullable=False, server_default=""),
    Index(
        "work_items_open",
        "opened_at",
        sqlite_where=text("closed_at IS NULL"),
        postgresql_where=text("closed_at IS NULL"),
    ),
    sqlite_with_rowid=False,
)

timers = Table(
    "timers",
    metadata,
    Column("case_ref", String(20), primary_key=True),
    Column("name", String(40), primary_key=True),
    Column("due_at", BigInteger, nullable=False),
    Column("round", Integer, nullable=False),
    Index("timers_by_due", "due_at"),
    sqlite_with_rowid=False,
)

systems = Table(  # what the worker knows of each target: held by a person, or by its circuit breaker
    "systems",
    metadata,
    Column("name", String(60), primary_key=True),
    Column("paused", Boolean, nullable=False),
    Column("paused_by", String(100), nullable=False),
    Column("paused_reason", Text, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("failing_since", BigInteger, nullable=False),  # the first of those failures
    Column("open_until", BigInteger, nullable=False),
    Column("incident_id", ID),
    Column("last_ok_at", BigInteger, nullable=False),
    Column("last_error_at", BigInteger, nullable=False),
    Column("last_error", Text, nullable=False),
    Column("minute", BigInteger, nullable=False),
    Column("tries_this_minute", Integer, nullable=False),
)

incidents = Table(
    "incidents",
    metadata,
    Column("id", ID, primary_key=True),
    Column("system", String(60), nullable=False),
    Column("kind", String(40), nullable=False),
    Column("what", Text, nullable=False),
    Column("opened_at", BigInteger, nullable=False),
    Column("closed_at", BigInteger),
    Index("incidents_by_time", "opened_at"),
)

checkpoints = Table(
    "checkpoints",
    metadata,
    Column("owner", String(200), primary_key=True),
    Column("name", String(200), primary_key=True),
    Column("value", Text, nullable=False),
    Column("saved_at", BigInteger, nullable=False, server_default="0"),
    Column("case_ref", String(20)),  # whose number stands in the name: it goes with its case
    Index(
        "checkpoints_of_cases",
        "case_ref",
        sqlite_where=text("case_ref IS NOT NULL"),
        postgresql_where=text("case_ref IS NOT NULL"),
    ),
)

leases = Table(
    "leases",
    metadata,
    Column("name", String(200), primary_key=True),
    Column("owner", String(80), nullable=False),
    Column("until", BigInteger, nullable=False),
)

# Messages per day of receipt, source and state; kept with every change, never counted afterwards.
tally = Table(
    "tally",
    metadata,
    Column("day", Integer, primary_key=True),  # days since 1970, UTC
    Column("source", String(200), primary_key=True),
    Column("state", String(12), primary_key=True),
    Column("shard", String(20), primary_key=True),  # one per writing process: they never wait for each other
    Column("count", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# Effects per day on which they were written down, target and state, kept in the same way.
target_tally = Table(
    "target_tally",
    metadata,
    Column("day", Integer, primary_key=True),
    Column("target", String(60), primary_key=True),
    Column("state", String(12), primary_key=True),  # written, waiting, parked, applied, skipped
    Column("shard", String(20), primary_key=True),
    Column("count", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

retention = Table(  # where each rule of `journal.retention` stands on its walk along its table
    "retention",
    metadata,
    Column("name", String(60), primary_key=True),
    Column("position", Text, nullable=False),  # empty: the walk is over
    Column("ended_at", BigInteger, nullable=False),
    Column("removed", BigInteger, nullable=False),  # on this walk
    Column("total", BigInteger, nullable=False),
)

# A replay is a plan: a list of effects (or undecided messages) frozen at one moment, with what came of each.
replay_plans = Table(
    "replay_plans",
    metadata,
    Column("id", ID, primary_key=True),
    Column("made_at", BigInteger, nullable=False),
    Column("made_by", String(100), nullable=False),
    Column("reason", Text, nullable=False),
    Column("selection", Text, nullable=False),
    Column("state", String(12), nullable=False),
    Column("place", String(40), nullable=False),  # how far the freezing is
    Column("row_count", Integer, nullable=False),
    Column("waiting", Integer, nullable=False),  # rows still to be released
    Column("in_flight", Integer, nullable=False),  # rows released whose end is not known yet
    Column("released", Integer, nullable=False),
    Column("citizens", Integer, nullable=False),  # rows that would mail citizens
    Column("canary", Integer, nullable=False),  # stop after so many rows, once; 0 = don't
    Column("pace", Integer, nullable=False),  # rows per minute; 0 = as fast as the targets take them
    Column("paced_at", BigInteger, nullable=False),
    Column("approved_by", String(100), nullable=False),
    Column("started_by", String(100), nullable=False),
    Column("note", Text, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    Column("finished_at", BigInteger),
    Index("replay_plans_by_state", "state"),
    sqlite_with_rowid=False,
)

replay_rows = Table(
    "replay_rows",
    metadata,
    Column("plan_id", ID, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("kind", String(10), nullable=False),  # effect or message
    Column("subject", ID, nullable=False),
    Column("case_ref", String(20), nullable=False),
    Column("target", String(60), nullable=False),
    Column("action", String(40), nullable=False),
    Column("verdict", String(12), nullable=False),
    Column("citizen", Boolean, nullable=False),  # a citizen would get mail
    Column("state", String(12), nullable=False),
    Column("decided_by", String(100), nullable=False),
    Column("released_at", BigInteger),
    Column("settled_at", BigInteger),
    Column("error", String(60), nullable=False),
    Column("what", Text, nullable=False),
    Index("replay_rows_by_state", "plan_id", "state", "target", "number"),
    Index("replay_rows_by_subject", "plan_id", "subject", unique=True),
    sqlite_with_rowid=False,
)

replay_totals = Table(  # how many rows of a plan are where; kept with every change, never counted afterwards
    "replay_totals",
    metadata,
    Column("plan_id", ID, primary_key=True),
    Column("target", String(60), primary_key=True),
    Column("action", String(40), primary_key=True),
    Column("verdict", String(12), primary_key=True),
    Column("citizen", Boolean, primary_key=True),
    Column("state", String(12), primary_key=True),
    Column("count", Integer, nullable=False),
    sqlite_with_rowid=False,
)

numbers = Table(
    "numbers",
    metadata,
    Column("year", Integer, primary_key=True),
    Column("next", BigInteger, nullable=False),
)

audit = Table(
    "audit",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("actor", String(100), nullable=False),
    Column("action", String(60), nullable=False),
    Column("subject", String(200), nullable=False),
    Column("detail", Text, nullable=False),
    Column("hash", String(64), nullable=False),
)

users = Table(
    "users",
    metadata,
    Column("name", String(100), primary_key=True),
    Column("password_hash", Text, nullable=False),
    Column("roles", Text, nullable=False),
    Column("language", String(2), nullable=False),
    Column("failed_logins", Integer, nullable=False),
    Column("locked_until", BigInteger, nullable=False),
)

sessions = Table(
    "sessions",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    Column("user_name", String(100), nullable=False),
    Column("csrf", String(64), nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
)

letter_texts = Table(  # every version that people saved of a letter's text; never changed, never removed
    "letter_texts",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("language", String(2), nullable=False),
    Column("name", String(40), nullable=False),
    Column("number", Integer, nullable=False),  # of this letter in this language, from 1
    Column("subject", Text),  # NULL, as the text: again as in the files
    Column("text", Text),
    Column("saved_at", BigInteger, nullable=False),
    Column("saved_by", String(100), nullable=False),
    Column("reason", Text, nullable=False),
    Index("letter_texts_by_number", "language", "name", "number", unique=True),
)

api_credentials = Table(  # of existing systems; only a hash of the secret part
    "api_credentials",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("system", String(40), nullable=False),
    Column("secret_hash", String(64), nullable=False),
    Column("scopes", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("revoked_at", BigInteger),
)

# News for a system in the order in which it became readable; its text is in the effect's body.
api_feed = Table(
    "api_feed",
    metadata,
    Column("system", String(40), primary_key=True),
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("effect_key", String(200), nullable=False, unique=True),
    Column("at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

opt_outs = Table(  # who does not want notifications, by keyed hash; the last wish counts
    "opt_outs",
    metadata,
    Column("hash", String(32), primary_key=True),
    Column("out", Boolean, nullable=False),
    Column("at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

api_allowances = Table(  # requests of a credential that were handed out to processes, per minute
    "api_allowances",
    metadata,
    Column("credential", String(16), primary_key=True),
    Column("minute", BigInteger, nullable=False),
    Column("taken", Integer, nullable=False),
)
