"""Refusals at a door as RFC 7807 problem documents: what, where, and what to do; never what somebody wrote."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec
from starlette.responses import Response

from ports.errors import NotUnderstoodError


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A kind of refusal. `name` ends up in the problem's type."""

    status: int
    name: str
    title: str


MALFORMED = Problem(status=400, name="malformed", title="The body is not well-formed")
NO_TOKEN = Problem(status=401, name="no-token", title="There is no access token that is valid here")
NOT_ALLOWED = Problem(status=403, name="not-allowed", title="The access token does not allow this")
NOT_PROVEN = Problem(status=403, name="identity-not-proven", title="The token does not prove who this is")
NOT_FOUND = Problem(status=404, name="not-found", title="There is nothing here for you")
TOO_SLOW = Problem(status=408, name="too-slow", title="The body took too long")
CONFLICT = Problem(status=409, name="conflict", title="This id was used for another submission")
TOO_LARGE = Problem(status=413, name="too-large", title="The submission is too large")
WRONG_TYPE = Problem(status=415, name="wrong-type", title="This door does not take that content type")
NOT_UNDERSTOOD = Problem(status=422, name="not-understood", title="The submission could not be understood")
NOT_SET_UP = Problem(status=503, name="not-set-up", title="The door is not set up well")
TRY_LATER = Problem(status=503, name="try-later", title="Not stored: try again later")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """One thing to mend. `path` is a JSON path into the body, "$" = the whole."""

    path: str
    detail: str


class RefusedError(Exception):
    """The request ends here, nothing was stored."""

    def __init__(self, problem: Problem, detail: str, *, retry_after: float | None = None) -> None:
        super().__init__(detail)
        self.problem = problem
        self.detail = detail
        self.retry_after = retry_after


class SubmissionError(NotUnderstoodError):
    """A submission does not follow the contract."""

    def __init__(self, *mistakes: Mistake, problem: Problem = NOT_UNDERSTOOD) -> None:
        super().__init__("; ".join(f"{one.path}: {one.detail}" for one in mistakes))
        self.mistakes = mistakes
        self.problem = problem


def misfit(path: str, detail: str, *, problem: Problem = NOT_UNDERSTOOD) -> SubmissionError:
    """A submission with one mistake."""
    return SubmissionError(Mistake(path=path, detail=detail), problem=problem)


def refusal(error: RefusedError, instance: str) -> Response:
    """The answer to a request that was not stored; where its body was left unread, the connection ends."""
    problem = error.problem
    headers = {"Connection": "close"} if problem.status in (401, 403, 408, 413) else {}
    if error.retry_after is not None:
        headers["Retry-After"] = str(math.ceil(error.retry_after))
    if problem is NO_TOKEN:
        headers["WWW-Authenticate"] = 'Bearer realm="wegwijzer", error="invalid_token"'
    if problem is NOT_ALLOWED:
        headers["WWW-Authenticate"] = 'Bearer realm="wegwijzer", error="insufficient_scope"'
    return document(problem, error.detail, instance, headers=headers)


def kept_but_not_understood(error: SubmissionError, message_id: str, instance: str) -> Response:
    """The answer to a submission that is stored for people to look at, with the receipt of that."""
    return document(error.problem, error.what, instance, mistakes=error.mistakes, message_id=message_id)


def document(
    problem: Problem,
    detail: str,
    instance: str,
    *,
    mistakes: Sequence[Mistake] = (),
    message_id: str = "",
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A problem document."""
    content: dict[str, object] = {
        "type": f"urn:wegwijzer:problem:{problem.name}",
        "title": problem.title,
        "status": problem.status,
        "detail": detail,
        "instance": instance,
    }
    if mistakes:
        content["errors"] = mistakes
    if message_id:
        content["id"] = message_id
    body = msgspec.json.encode(content)
    return Response(body, problem.status, headers=headers, media_type="application/problem+json")
