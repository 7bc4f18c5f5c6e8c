"""Files that come along with a submission: the hub's rules for files, with the place in our contract."""

from collections.abc import Iterable

from adapters.website.problems import SubmissionError
from adapters.website.submission import Upload
from ports.files import FileRefusedError, FileRules
from ports.files import Upload as FileUpload
from ports.files import to_files as judged
from ports.intake import File


def to_files(uploads: Iterable[Upload], rules: FileRules) -> tuple[File, ...]:
    """The files in a fixed order, each content once. Raises `SubmissionError` with the place in the list."""
    try:
        return judged((FileUpload(upload.name, upload.content) for upload in uploads), rules)
    except FileRefusedError as error:
        place = "" if error.position is None else f"[{error.position}]"
        raise SubmissionError(f"$.attachments{place}", error.what) from None
