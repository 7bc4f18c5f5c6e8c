"""Files of a submission at a door: the hub's rules, with the place in the contract."""

from collections.abc import Iterable

from adapters.acmidm.problems import misfit
from ports.files import FileRefusedError, FileRules, Upload, to_files
from ports.intake import File


def judged(uploads: Iterable[Upload], rules: FileRules, path: str) -> tuple[File, ...]:
    """The files in a fixed order, each content once. Raises `SubmissionError`."""
    try:
        return to_files(uploads, rules)
    except FileRefusedError as error:
        place = "" if error.position is None else f"[{error.position}]"
        raise misfit(f"{path}{place}", error.what) from None
