"""From a submission to the canonical model: a form of the website."""

from canonical_model.attachment import Attachment
from canonical_model.contact import Channel
from canonical_model.events import ContactReceived
from ports.submission.contract import Submission
from ports.submission.translate import to_contact


def to_event(
    submission: Submission,
    attachments: tuple[Attachment, ...],
    *,
    source: str,
    allow_test_numbers: bool = False,
) -> ContactReceived:
    """The contact. Raises `SubmissionError` with the JSON path of what is wrong."""
    contact = to_contact(
        submission,
        attachments,
        channel=Channel.WEB_FORM,
        source=source,
        allow_test_numbers=allow_test_numbers,
    )
    return ContactReceived(contact=contact)
