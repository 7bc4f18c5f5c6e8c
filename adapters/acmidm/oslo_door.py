"""What comes in at a door for CloudEvents with an OSLO-Melding inside: from bytes to a submission. Pure."""

from dataclasses import dataclass

import msgspec
from starlette.datastructures import Headers

from adapters.acmidm.cloud_events import CloudEvent, read_cloud_event
from adapters.acmidm.oslo import Report, read_report, without_files
from adapters.acmidm.problems import misfit
from adapters.acmidm.proof import party_of
from adapters.acmidm.settings import Door
from adapters.acmidm.understood import Caller, Understood
from adapters.acmidm.uploads import judged
from canonical_model.contact import Channel, Contact
from canonical_model.events import ContactReceived
from canonical_model.identifiers import Scheme
from canonical_model.party import Party
from ports.files import FileRules
from ports.intake import File


@dataclass(frozen=True, slots=True, kw_only=True)
class OsloReader:
    """Reads for one portal: `scheme` is the number by which its customers are known."""

    channel: Channel
    scheme: Scheme
    door: Door
    event_types: tuple[str, ...]

    def __call__(self, body: bytes, headers: Headers, caller: Caller, rules: FileRules) -> Understood:
        """The submission. Raises `SubmissionError`, or `RefusedError` when the token does not prove who it is."""
        event = read_cloud_event(body, headers)
        if self.event_types and event.type not in self.event_types:
            raise misfit("$.type", "is not an event that this door takes")
        report = read_report(event.data, "$.data", allow_test_numbers=self.door.allow_test_numbers)
        if any(one.scheme is not self.scheme for one in report.claimed.identifiers):
            raise misfit("$.data.indiener", f"customers of this portal are known by their {self.scheme}")
        party = party_of(caller, report.claimed, vouches=self.door.vouches)
        files = judged(report.uploads, rules, "$.data.heeftBody.bijlage")
        return Understood(
            source_ref=event.ref,
            event=ContactReceived(contact=self._contact(report, party, files)),
            files=files,
            raw=_kept(event, party, files),
        )

    def _contact(self, report: Report, party: Party, files: tuple[File, ...]) -> Contact:
        return Contact(
            channel=self.channel,
            subject=report.title,
            text=report.text,
            kind=report.kind,
            category=report.category,
            product=report.product,
            language=report.language,
            party=party,
            location=report.location,
            attachments=tuple(file.attachment for file in files),
        )


def _kept(event: CloudEvent, party: Party, files: tuple[File, ...]) -> bytes:
    """The event without its files, and whose it was proven to be; the same event again gives the same bytes."""
    return msgspec.json.encode(
        {
            "event": {"id": event.id, "source": event.source, "type": event.type},
            "data": without_files(event.data),
            "identifiers": [(one.scheme.value, one.value) for one in party.identifiers],
            "attachments": [file.attachment for file in files],
        }
    )
