"""What can be wrong at the door of the website, beside what `ports.problems` knows of every door for submissions."""

from starlette.responses import Response

from ports.errors import NotUnderstoodError
from ports.problems import MALFORMED, NOT_UNDERSTOOD, WRONG_TYPE, Problem, document
from ports.submission.errors import Flaw, SubmissionError

NOT_AUTHENTIC = Problem(
    status=401,
    name="not-authentic",
    title="The sender is not known",
    challenge='Bearer realm="wegwijzer"',
)

_OF_FLAW = {
    Flaw.MALFORMED: MALFORMED,
    Flaw.WRONG_TYPE: WRONG_TYPE,
    Flaw.NOT_UNDERSTOOD: NOT_UNDERSTOOD,
}


def kept_but_not_understood(error: NotUnderstoodError, message_id: str) -> Response:
    """The answer to a submission that is stored for people to look at, with the receipt of that."""
    path, problem = "$", NOT_UNDERSTOOD
    if isinstance(error, SubmissionError):
        path, problem = error.path, _OF_FLAW[error.flaw]
    return document(problem, detail=error.what, path=path, id=message_id)
