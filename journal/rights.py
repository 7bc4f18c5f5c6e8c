"""What each role of the hub may do in PostgreSQL: only what it needs, as SQL for the owner of the database.

Nobody but the scheduler (retention) and the console (erasure, sessions) can delete what came in; nobody can change a line of the
audit trail; only the owner changes tables. `SELECT ... FOR UPDATE` needs the right to update.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping

from journal.schema import metadata

Rights = Mapping[str, str]
"""Table -> the rights on it, as letters: S(elect), I(nsert), U(pdate), D(elete)."""

_WORDS = {"S": "SELECT", "I": "INSERT", "U": "UPDATE", "D": "DELETE"}

_EVERYBODY: Rights = {
    "cases": "S",
    "data_keys": "S",
    "effects": "S",
    "numbers": "S",
    "checkpoints": "S",
    "opt_outs": "S",
    "systems": "SIU",
    "incidents": "SIU",
    "audit": "SI",
    "letter_texts": "S",
}
_DECIDE: Rights = {
    "cases": "SIU",
    "case_history": "SI",
    "case_references": "SI",
    "effects": "SI",
    "bodies": "I",
    "timers": "SIUD",
    "standings": "SIU",
    "work_items": "SIU",
    "tally": "SIU",
    "target_tally": "SIU",
}
_ACCEPT: Rights = {**_DECIDE, "messages": "SI", "data_keys": "SI", "files": "I", "numbers": "SIU"}
_ANSWER: Rights = {
    "bodies": "SI",
    "messages": "SI",
    "api_credentials": "S",
    "api_allowances": "SIU",
    "api_feed": "S",
    "opt_outs": "SIU",
}
"""Questions about cases, which adapters ask for the systems behind them; and who opts out at their pages."""
_SETTLE: Rights = {**_DECIDE, "effects": "SIU", "attempts": "SI", "messages": "SU", "api_feed": "SI"}
_LEASES: Rights = {"leases": "SIU"}
_REMEMBER: Rights = {"checkpoints": "SIUD"}
"""What adapters remember: how far they read, what a door heard, who logged out, which steps of an order were done."""
_REMOVE: Rights = {
    "bodies": "SUD",
    "files": "SD",
    "attempts": "SD",
    "effects": "SUD",
    "messages": "SUD",
    "case_references": "SD",
    "cases": "SUD",
    "case_history": "SD",
    "timers": "SD",
    "standings": "SD",
    "work_items": "SD",
    "data_keys": "SD",
    "sessions": "SD",
    "leases": "SIUD",
    "checkpoints": "SIUD",
    "incidents": "SD",
    "tally": "SD",
    "target_tally": "SD",
    "replay_plans": "SIUD",
    "replay_rows": "SIUD",
    "replay_totals": "SIUD",
    "audit": "SD",
    "retention": "SIU",
    "api_feed": "SD",
}
_LOOK: Rights = dict.fromkeys(metadata.tables, "S")
_PEOPLE: Rights = {
    "users": "SIU",
    "replay_plans": "SIU",
    "replay_rows": "SIU",
    "replay_totals": "SIUD",
    "sessions": "SIUD",
    "data_keys": "SUD",
    "files": "SD",
    "bodies": "SIU",
    "numbers": "SIU",
    "api_credentials": "SIU",
    "letter_texts": "SI",
}


def _together(*parts: Rights) -> Rights:
    letters: defaultdict[str, set[str]] = defaultdict(set)
    for part in (_EVERYBODY, *parts):
        for table, rights in part.items():
            letters[table].update(rights)
    return {table: "".join(right for right in _WORDS if right in mine) for table, mine in letters.items()}


RIGHTS: Mapping[str, Rights] = {
    "intake": _together(_ACCEPT, _ANSWER, _REMEMBER),
    "listener": _together(_ACCEPT, _ANSWER, _REMEMBER, _LEASES),
    "worker": _together(_SETTLE, _REMEMBER, {"bodies": "SI", "files": "S"}),
    "scheduler": _together(_ACCEPT, _SETTLE, _LEASES, _REMOVE),
    "console": _together(_LOOK, _ACCEPT, _SETTLE, _PEOPLE),
}
"""For each role of `wegwijzer run`. A process with several roles logs in with a name that is member of each."""


def statements(prefix: str) -> Iterator[str]:
    """SQL that makes a group `<prefix>_<role>` per role with these rights and no others. May be repeated."""
    for role, rights in RIGHTS.items():
        name = f"{prefix}_{role}"
        yield (f"DO $$ BEGIN CREATE ROLE {name} NOLOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$")
        yield f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {name}"
        yield f"GRANT USAGE ON SCHEMA public TO {name}"
        yield f"GRANT SELECT ON alembic_version TO {name}"
        for table, letters in sorted(rights.items()):
            words = ", ".join(_WORDS[letter] for letter in letters)
            yield f'GRANT {words} ON "{table}" TO {name}'
    yield "REVOKE CREATE ON SCHEMA public FROM PUBLIC"
