"""Refusals, with the codes of the standard: what is wrong and what to do, never what the reporter wrote."""

from ports.errors import NotUnderstoodError

BAD_REQUEST, FORBIDDEN, NOT_FOUND, TOO_SLOW, CONFLICT, TOO_LARGE, TRY_LATER = (
    400,
    403,
    404,
    408,
    409,
    413,
    503,
)


class RefusedError(Exception):
    """The request ends here, nothing was stored. `code` is also the status of the answer."""

    def __init__(self, code: int, description: str, *, retry_after: float | None = None) -> None:
        super().__init__(description)
        self.code = code
        self.description = description
        self.retry_after = retry_after


class ReportError(NotUnderstoodError):
    """A report of a known app that does not follow the standard: kept for people, and refused with this code."""

    def __init__(self, description: str, *, code: int = BAD_REQUEST) -> None:
        super().__init__(description)
        self.code = code
