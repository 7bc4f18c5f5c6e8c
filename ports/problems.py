"""Refusals at the doors for submissions, as problem documents (RFC 9457): what, and what to do; never what somebody wrote."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import msgspec
from starlette.responses import Response

from ports.bodies import BodyProblem, BodyRefusedError

_LEFT_UNREAD: Final = frozenset({401, 403, 408, 413})
"""Answers to requests whose body nobody read: the connection can't be used again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A kind of refusal. `name` ends up in the problem's type; `challenge`: how to log in, as RFC 9110, 11.6.1 writes it."""

    status: int
    name: str
    title: str
    challenge: str = ""


MALFORMED = Problem(status=400, name="malformed", title="The body is not well-formed")
TOO_SLOW = Problem(status=408, name="too-slow", title="The body took too long")
CONFLICT = Problem(status=409, name="conflict", title="This id was used for another submission")
TOO_LARGE = Problem(status=413, name="too-large", title="The submission is too large")
WRONG_TYPE = Problem(status=415, name="wrong-type", title="This door does not take that content type")
NOT_UNDERSTOOD = Problem(status=422, name="not-understood", title="The submission could not be understood")
TRY_LATER = Problem(status=503, name="try-later", title="Not stored: try again later")

_OF_BODY: Mapping[BodyProblem, Problem] = {
    BodyProblem.TOO_LARGE: TOO_LARGE,
    BodyProblem.TOO_SLOW: TOO_SLOW,
    BodyProblem.CUT_OFF: MALFORMED,
    BodyProblem.TOO_BUSY: TRY_LATER,
}


class RefusedError(Exception):
    """The request ends here, nothing was stored. `retry_after` in seconds."""

    def __init__(self, problem: Problem, detail: str, *, retry_after: float | None = None) -> None:
        super().__init__(detail)
        self.problem = problem
        self.detail = detail
        self.retry_after = retry_after


def unread(error: BodyRefusedError) -> RefusedError:
    """The refusal of a request whose body was not read to its end."""
    return RefusedError(_OF_BODY[error.problem], error.what, retry_after=error.retry_after)


def refusal(error: RefusedError, **members: object) -> Response:
    """The answer to a request that was not stored; where its body was left unread, the connection ends."""
    problem = error.problem
    headers = {"Connection": "close"} if problem.status in _LEFT_UNREAD else {}
    if error.retry_after is not None:
        headers["Retry-After"] = str(math.ceil(error.retry_after))
    if problem.challenge:
        headers["WWW-Authenticate"] = problem.challenge
    return document(problem, headers, detail=error.detail, **members)


def document(problem: Problem, headers: Mapping[str, str] | None = None, **members: object) -> Response:
    """A problem document with these members beside its type, title and status."""
    content = {
        "type": f"urn:wegwijzer:problem:{problem.name}",
        "title": problem.title,
        "status": problem.status,
        **members,
    }
    return Response(
        msgspec.json.encode(content), problem.status, headers=headers, media_type="application/problem+json"
    )
