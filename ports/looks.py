"""Who looked at a customer: every look outside the console's own pages leaves a line in the audit trail."""

from typing import Protocol

from ports.errors import MisconfiguredError

LONGEST = 200
"""Characters of a subject in the audit trail."""


class Looks(Protocol):
    """Writes looks down before anything is shown."""

    async def note(self, actor: str, subject: str, purpose: str) -> None:
        """`actor` looked at `subject` for `purpose`; durable once this returns.

        `subject` names what was looked at without personal data (a case number, a pseudonym) and holds at most
        `LONGEST` characters. May be repeated: each call is a look of its own. Raises `TransientError` when it
        could not be written down: then show nothing.
        """
        ...


class NobodyLooks:
    """No audit trail, so nobody may look."""

    async def note(self, actor: str, subject: str, purpose: str) -> None:
        raise MisconfiguredError("looks at customers can't be written down here: nothing may be shown")
