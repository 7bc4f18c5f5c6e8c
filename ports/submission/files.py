"""Files that come along with a submission: the hub's rules for files, with the place in our contract."""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from ports.files import FileRefusedError, FileRules
from ports.files import Upload as FileUpload
from ports.files import to_files as judged
from ports.intake import File
from ports.submission.contract import Submission, Upload
from ports.submission.errors import SubmissionError


def to_files(uploads: Iterable[Upload], rules: FileRules) -> tuple[File, ...]:
    """The files in a fixed order, each content once. Raises `SubmissionError` with the place in the list."""
    try:
        return judged((FileUpload(upload.name, upload.content) for upload in uploads), rules)
    except FileRefusedError as error:
        place = "" if error.position is None else f"[{error.position}]"
        raise SubmissionError(f"$.attachments{place}", error.what) from None


def without_files(submission: Submission | Mapping[str, str], files: Sequence[File]) -> bytes:
    """What is kept of a submission whose files are kept apart (Claim Check); equal ones give equal bytes."""
    return msgspec.json.encode({"submission": submission, "attachments": [file.attachment for file in files]})
