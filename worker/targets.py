"""Commands turned into calls of the ports: a tracker and a mail relay as targets of effects, and who stands in for them."""

from canonical_model.attachment import Attachment
from canonical_model.case import CaseRef
from canonical_model.commands import (
    AddContact,
    AddNote,
    ChangeCase,
    Command,
    OpenCase,
    SendMail,
)
from canonical_model.status import CaseStatus
from ports.errors import MisconfiguredError, NotSupportedError, RejectedError
from ports.mail import MailOut
from ports.target import Fetch, Idempotency
from ports.tracker import CaseChange, Note, Tracker, TrackerCase, TrackerId


class TrackerTarget:
    """A tracker. Every step is looked up before it is repeated, so a command that broke off half-way is completed."""

    def __init__(self, tracker: Tracker) -> None:
        self._tracker = tracker

    @property
    def idempotency(self) -> Idempotency:
        enforced = self._tracker.capabilities.unique_key == "enforced"
        return Idempotency.NATIVE_KEY if enforced else Idempotency.PROBE

    async def apply(self, key: str, command: Command, fetch: Fetch) -> str:
        """See `ports.target.Target`; the id of the case or note in the tracker."""
        match command:
            case OpenCase(case=case):
                created = await self._tracker.create_if_absent(case)
                await self._attach(created.id, key, case.attachments, fetch)
                return created.id
            case AddContact():
                return await self._add_contact(key, command, fetch)
            case AddNote():
                return await self._add_note(key, command, fetch)
            case ChangeCase(case=ref):
                change = CaseChange(status=command.status, group=command.group, due=command.due)
                case_ = await self._case(ref)
                await self._tracker.update(case_.id, change)
                return case_.id
            case _:
                raise NotSupportedError("a tracker keeps cases, and tells nobody")

    async def find(self, key: str, command: Command) -> str | None:
        """See `ports.target.Target`."""
        match command:
            case OpenCase(case=case):
                return await self._found_whole(key, case.ref, case.attachments)
            case AddContact(case=ref, attachments=attachments):
                case_ = await self._case(ref)
                note = await self._tracker.find_note(case_.id, key)
                complete = note and await self._all_attached(case_.id, key, attachments)
                reopened = not command.reopen or case_.status is CaseStatus.IN_PROGRESS
                return note if complete and reopened else None
            case AddNote(case=ref, attachments=attachments):
                case_ = await self._case(ref)
                note = await self._tracker.find_note(case_.id, key)
                complete = note and await self._all_attached(case_.id, key, attachments)
                return note if complete else None
            case ChangeCase(case=ref):
                case_ = await self._case(ref)
                return case_.id if _already(case_, command) else None
            case _:
                return None

    async def _add_note(self, key: str, command: AddNote, fetch: Fetch) -> str:
        case = await self._case(command.case)
        note = Note(key=key, text=command.text, public=False, incoming=False)
        id_ = await self._tracker.add_note(case.id, note)
        await self._attach(case.id, key, command.attachments, fetch)
        return id_

    async def _add_contact(self, key: str, command: AddContact, fetch: Fetch) -> str:
        case = await self._case(command.case)
        note = Note(key=key, text=command.text, public=True, incoming=True, channel=command.channel)
        id_ = await self._tracker.add_note(case.id, note)
        await self._attach(case.id, key, command.attachments, fetch)
        if command.reopen:
            await self._tracker.update(case.id, CaseChange(status=CaseStatus.IN_PROGRESS))
        return id_

    async def _case(self, ref: CaseRef) -> TrackerCase:
        found = await self._tracker.find(ref)
        if len(found) != 1:
            raise RejectedError(f"the tracker has {len(found)} cases with number {ref}: one was expected")
        return found[0]

    async def _attach(
        self, case: TrackerId, key: str, attachments: tuple[Attachment, ...], fetch: Fetch
    ) -> None:
        for number, attachment in enumerate(attachments):
            name = f"{key}/file-{number}"
            if await self._tracker.find_attachment(case, name) is None:
                await self._tracker.add_attachment(case, name, attachment, await fetch(attachment))

    async def _found_whole(self, key: str, ref: CaseRef, attachments: tuple[Attachment, ...]) -> str | None:
        found = await self._tracker.find(ref)
        if found and await self._all_attached(found[0].id, key, attachments):
            return found[0].id
        return None

    async def _all_attached(self, case: TrackerId, key: str, attachments: tuple[Attachment, ...]) -> bool:
        for number in range(len(attachments)):
            if await self._tracker.find_attachment(case, f"{key}/file-{number}") is None:
                return False
        return True


class MailTarget:
    """A mail relay."""

    def __init__(self, mail: MailOut) -> None:
        self._mail = mail

    @property
    def idempotency(self) -> Idempotency:
        return self._mail.idempotency

    async def apply(self, key: str, command: Command, fetch: Fetch) -> str:
        """See `ports.target.Target`; the Message-ID."""
        if not isinstance(command, SendMail):
            raise NotSupportedError(f"a mail relay can't do {key}")
        await self._mail.send(command)
        return command.message_id

    async def find(self, key: str, command: Command) -> str | None:
        """See `ports.target.Target`."""
        if not isinstance(command, SendMail):
            raise NotSupportedError(f"a mail relay can't do {key}")
        return command.message_id if await self._mail.find(command.message_id) else None


class Quarantined:
    """Stands in for a target whose adapter could not start: its effects wait, and the reason is shown."""

    idempotency = Idempotency.PROBE

    def __init__(self, reason: str) -> None:
        self._reason = reason

    async def apply(self, key: str, command: Command, fetch: Fetch) -> str:
        raise MisconfiguredError(self._reason)

    async def find(self, key: str, command: Command) -> str | None:
        raise MisconfiguredError(self._reason)


def _already(case: TrackerCase, command: ChangeCase) -> bool:
    wanted = ((command.status, case.status), (command.group, case.group), (command.due, case.due))
    return all(asked is None or asked == actual for asked, actual in wanted)
