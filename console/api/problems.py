"""Refusals as RFC 9457 problem documents: what, where, and what to do; never what was sent."""

import math
from dataclasses import dataclass

import msgspec
from starlette.responses import Response

MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A kind of refusal."""

    status: int
    name: str
    title: str


MALFORMED = Problem(status=400, name="malformed", title="The request is not well-formed")
NOT_AUTHENTIC = Problem(status=401, name="not-authentic", title="The caller is not known")
NOT_ALLOWED = Problem(status=403, name="not-allowed", title="The credential is not meant for this")
NOT_FOUND = Problem(status=404, name="not-found", title="There is no such thing of yours")
WRONG_METHOD = Problem(status=405, name="wrong-method", title="That can't be done here")
TOO_SLOW = Problem(status=408, name="too-slow", title="The body took too long")
CONFLICT = Problem(status=409, name="conflict", title="This id was used for another event")
TOO_LARGE = Problem(status=413, name="too-large", title="The request is too large")
WRONG_TYPE = Problem(status=415, name="wrong-type", title="That content type is not taken here")
NOT_UNDERSTOOD = Problem(status=422, name="not-understood", title="The request could not be understood")
TOO_MANY = Problem(status=429, name="too-many", title="Too many requests this minute")
UNEXPECTED = Problem(status=500, name="unexpected", title="Something went wrong here")
TRY_LATER = Problem(status=503, name="try-later", title="Not done: try again later")

BY_STATUS = {
    one.status: one
    for one in (MALFORMED, NOT_AUTHENTIC, NOT_ALLOWED, NOT_FOUND, WRONG_METHOD, NOT_UNDERSTOOD)
}


class ProblemDocument(msgspec.Struct, frozen=True, omit_defaults=True):
    """A problem as it is sent. `path`: where in the body; `receipt`: under what number the hub kept it."""

    type: str
    title: str
    status: int
    detail: str
    path: str = ""
    receipt: str = ""


class RefusedError(Exception):
    """The request ends here."""

    def __init__(
        self,
        problem: Problem,
        detail: str,
        *,
        path: str = "",
        receipt: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(detail)
        self.problem = problem
        self.retry_after = retry_after
        self.document = ProblemDocument(
            type=f"urn:wegwijzer:problem:{problem.name}",
            title=problem.title,
            status=problem.status,
            detail=detail,
            path=path,
            receipt=receipt,
        )


def answer(error: RefusedError) -> Response:
    """The problem as a response; where the body was left unread, the connection ends."""
    headers = {"Connection": "close"} if error.problem in (NOT_AUTHENTIC, TOO_SLOW, TOO_LARGE) else {}
    if error.retry_after is not None:
        headers["Retry-After"] = str(max(1, math.ceil(error.retry_after)))
    if error.problem is NOT_AUTHENTIC:
        headers["WWW-Authenticate"] = 'Bearer realm="wegwijzer"'
    return Response(
        msgspec.json.encode(error.document), error.problem.status, headers=headers, media_type=MEDIA_TYPE
    )
