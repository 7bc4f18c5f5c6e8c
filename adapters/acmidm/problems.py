"""What can be wrong at a door of the portals, beside what `ports.problems` knows of every door for submissions."""

from dataclasses import dataclass

from starlette.responses import Response

from ports.errors import NotUnderstoodError
from ports.problems import NOT_UNDERSTOOD, Problem, document

_BEARER = 'Bearer realm="wegwijzer"'

NO_TOKEN = Problem(
    status=401,
    name="no-token",
    title="There is no access token that is valid here",
    challenge=f'{_BEARER}, error="invalid_token"',
)
NOT_ALLOWED = Problem(
    status=403,
    name="not-allowed",
    title="The access token does not allow this",
    challenge=f'{_BEARER}, error="insufficient_scope"',
)
NOT_PROVEN = Problem(status=403, name="identity-not-proven", title="The token does not prove who this is")
NOT_FOUND = Problem(status=404, name="not-found", title="There is nothing here for you")
NOT_SET_UP = Problem(status=503, name="not-set-up", title="The door is not set up well")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """One thing to mend. `path` is a JSON path into the body, "$" = the whole."""

    path: str
    detail: str


class SubmissionError(NotUnderstoodError):
    """A submission does not follow the contract."""

    def __init__(self, *mistakes: Mistake, problem: Problem = NOT_UNDERSTOOD) -> None:
        super().__init__("; ".join(f"{one.path}: {one.detail}" for one in mistakes))
        self.mistakes = mistakes
        self.problem = problem


def misfit(path: str, detail: str, *, problem: Problem = NOT_UNDERSTOOD) -> SubmissionError:
    """A submission with one mistake."""
    return SubmissionError(Mistake(path=path, detail=detail), problem=problem)


def kept_but_not_understood(error: SubmissionError, message_id: str, instance: str) -> Response:
    """The answer to a submission that is stored for people to look at, with the receipt of that."""
    return document(error.problem, detail=error.what, instance=instance, errors=error.mistakes, id=message_id)
