"""What is wrong with a submission, and where."""

from enum import StrEnum

from ports.errors import NotUnderstoodError


class Flaw(StrEnum):
    """The sort of mistake: not even well-formed, of a type that is not taken here, or not what the contract says."""

    MALFORMED = "malformed"
    WRONG_TYPE = "wrong-type"
    NOT_UNDERSTOOD = "not-understood"


class SubmissionError(NotUnderstoodError):
    """A submission does not follow the contract. `path` is a JSON path into our contract, "$" = the whole."""

    def __init__(self, path: str, expected: str, *, flaw: Flaw = Flaw.NOT_UNDERSTOOD) -> None:
        super().__init__(f"{path}: {expected}")
        self.path = path
        self.flaw = flaw
