"""Refusals as RFC 9457 problem documents: what, where, and what to do; never what the citizen wrote."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec
from starlette.responses import Response

from ports.errors import NotUnderstoodError
from ports.submission.errors import Flaw, SubmissionError


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A kind of refusal. `name` ends up in the problem's type."""

    status: int
    name: str
    title: str


MALFORMED = Problem(status=400, name="malformed", title="The body is not well-formed")
NOT_AUTHENTIC = Problem(status=401, name="not-authentic", title="The sender is not known")
TOO_SLOW = Problem(status=408, name="too-slow", title="The body took too long")
CONFLICT = Problem(status=409, name="conflict", title="This id was used for another submission")
TOO_LARGE = Problem(status=413, name="too-large", title="The submission is too large")
WRONG_TYPE = Problem(status=415, name="wrong-type", title="This door does not take that content type")
NOT_UNDERSTOOD = Problem(status=422, name="not-understood", title="The submission could not be understood")
TRY_LATER = Problem(status=503, name="try-later", title="Not stored: try again later")


class RefusedError(Exception):
    """The request ends here, nothing was stored."""

    def __init__(self, problem: Problem, detail: str, *, retry_after: float | None = None) -> None:
        super().__init__(detail)
        self.problem = problem
        self.detail = detail
        self.retry_after = retry_after


_OF_FLAW = {
    Flaw.MALFORMED: MALFORMED,
    Flaw.WRONG_TYPE: WRONG_TYPE,
    Flaw.NOT_UNDERSTOOD: NOT_UNDERSTOOD,
}


def refusal(error: RefusedError) -> Response:
    """The answer to a request that was not stored; where its body was left unread, the connection ends."""
    headers = {"Connection": "close"} if error.problem in (NOT_AUTHENTIC, TOO_SLOW, TOO_LARGE) else {}
    if error.retry_after is not None:
        headers["Retry-After"] = str(math.ceil(error.retry_after))
    if error.problem is NOT_AUTHENTIC:
        headers["WWW-Authenticate"] = 'Bearer realm="wegwijzer"'
    return _document(error.problem, {"detail": error.detail}, headers)


def kept_but_not_understood(error: NotUnderstoodError, message_id: str) -> Response:
    """The answer to a submission that is stored for people to look at, with the receipt of that."""
    path, problem = "$", NOT_UNDERSTOOD
    if isinstance(error, SubmissionError):
        path, problem = error.path, _OF_FLAW[error.flaw]
    return _document(problem, {"detail": error.what, "path": path, "id": message_id}, {})


def _document(problem: Problem, members: Mapping[str, str], headers: Mapping[str, str]) -> Response:
    document = {
        "type": f"urn:wegwijzer:problem:{problem.name}",
        "title": problem.title,
        "status": problem.status,
        **members,
    }
    return Response(
        msgspec.json.encode(document), problem.status, headers=headers, media_type="application/problem+json"
    )
