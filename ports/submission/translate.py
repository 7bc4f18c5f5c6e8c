"""A submission of the contract as a canonical contact. Pure: the same submission, the same contact."""

import re
from datetime import UTC, datetime
from hashlib import sha256
from zoneinfo import ZoneInfo

from canonical_model.attachment import Attachment
from canonical_model.case import CASE_REF
from canonical_model.contact import NEW_THREAD, Channel, Contact, Language, Thread
from canonical_model.identifiers import Identifier, InvalidIdentifierError, establishment, insz, kbo, vcode
from canonical_model.location import NOWHERE, Location, Point
from canonical_model.party import ANONYMOUS, Party, PartyKind
from ports.submission.contract import Organisation, Person, Place, Submission
from ports.submission.errors import SubmissionError

_BRUSSELS = ZoneInfo("Europe/Brussels")
_EMAIL = re.compile(r"[^\s@<>()\[\],;:\\\"]+@[^\s@<>()\[\],;:\\\"]+\.[^\s@<>()\[\],;:\\\".]+")
_LANGUAGES = {language.value: language for language in Language}

_TOO_FAST = 3
_TOO_MANY_LINKS = 5
_TOO_MANY_REPEATS = 3


def to_contact(
    submission: Submission,
    attachments: tuple[Attachment, ...],
    *,
    channel: Channel,
    source: str,
    allow_test_numbers: bool = False,
) -> Contact:
    """The contact. Raises `SubmissionError` with the JSON path of what is wrong.

    Copies of one submission (same source, id and text) get the same fingerprint, however they arrive. A case
    that it names is only claimed: whoever knows better verifies it.
    """
    subject = _line(submission.subject)
    if not subject and not submission.message.strip():
        raise SubmissionError("$.message", "subject and message are both empty")
    return Contact(
        channel=channel,
        subject=subject,
        text=submission.message,
        kind=submission.kind,
        category=_line(submission.category),
        product=_line(submission.product),
        language=_language(submission.language),
        party=_party(submission, allow_test_numbers=allow_test_numbers),
        location=_location(submission.location) if submission.location else NOWHERE,
        attachments=attachments,
        thread=_thread(submission.case or subject),
        fingerprint=_fingerprint(source, submission),
        suspicions=suspicions(submission),
        occurred_at=_moment(submission.submitted_at),
    )


def suspicions(submission: Submission) -> tuple[str, ...]:
    """Signs of spam. They lead to quarantine, where a person looks; nothing is thrown away for them."""
    message = submission.message
    seconds = submission.filled_in_seconds
    signs = (
        ("honeypot", bool(submission.honeypot)),
        ("filled_in_too_fast", seconds is not None and seconds < _TOO_FAST),
        ("many_links", _links(message) > _TOO_MANY_LINKS),
        ("repeated_text", _repeats_itself(message)),
    )
    return tuple(name for name, seen in signs if seen)


def _links(message: str) -> int:
    text = message.lower() if "W" in message else message  # no other letter becomes a w
    addresses = text.count("://") if "/" in text else 0
    return addresses + text.count("www.") - (text.count("://www.") if addresses else 0)


def _repeats_itself(message: str) -> bool:
    if "\n" not in message:
        return False
    lines = [line for line in map(str.strip, message.splitlines()) if len(line) > 10]
    return len(lines) - len(set(lines)) > _TOO_MANY_REPEATS


def _party(submission: Submission, *, allow_test_numbers: bool) -> Party:
    if not submission.person and not submission.organisation:
        return ANONYMOUS
    person = submission.person or Person()
    organisation = submission.organisation or Organisation()
    identifiers = _identifiers(person, organisation, allow_test_numbers=allow_test_numbers)
    party = Party(
        kind=_kind(person, organisation),
        name=_name(person, organisation),
        email=_email(person.email),
        phone=_line(person.phone),
        identifiers=identifiers,
    )
    return ANONYMOUS if party == ANONYMOUS else party


def _kind(person: Person, organisation: Organisation) -> PartyKind:
    if organisation.vcode:
        return PartyKind.ASSOCIATION
    if organisation != Organisation():
        return PartyKind.ORGANISATION
    return PartyKind.PERSON if person != Person() else PartyKind.ANONYMOUS


def _name(person: Person, organisation: Organisation) -> str:
    names = [_line(person.name), _line(organisation.name)]
    return f"{names[0]} ({names[1]})" if all(names) else "".join(names)


def _identifiers(
    person: Person, organisation: Organisation, *, allow_test_numbers: bool
) -> tuple[Identifier, ...]:
    def national(text: str) -> Identifier:
        return insz(text, allow_test_numbers=allow_test_numbers)

    given = (
        ("$.person.insz", person.insz, national),
        ("$.organisation.kbo", organisation.kbo, kbo),
        ("$.organisation.vestigingsnummer", organisation.vestigingsnummer, establishment),
        ("$.organisation.vcode", organisation.vcode, vcode),
    )
    found: list[Identifier] = []
    for path, text, parsed in given:
        try:
            found += [parsed(text)] if text.strip() else []
        except InvalidIdentifierError as error:
            raise SubmissionError(path, str(error)) from None
    return tuple(found)


def _email(text: str) -> str:
    address = text.strip()
    if address and not (_EMAIL.fullmatch(address) and address.isprintable()):
        raise SubmissionError("$.person.email", "is not an e-mail address")
    return address


def _location(place: Place) -> Location:
    if (place.latitude is None) is not (place.longitude is None):
        raise SubmissionError("$.location", "give latitude and longitude, or neither")
    location = Location(
        address=_line(place.address),
        postcode=_line(place.postcode),
        area=_line(place.area).lower(),
        point=_point(place.latitude, place.longitude),
    )
    return NOWHERE if location == NOWHERE else location


def _point(latitude: float | None, longitude: float | None) -> Point | None:
    if latitude is None or longitude is None:
        return None
    return Point(latitude=latitude, longitude=longitude)


def _language(tag: str) -> Language:
    return _LANGUAGES.get(tag.strip()[:2].lower(), Language.NL)


def _thread(text: str) -> Thread:
    claimed = CASE_REF.search(text)
    return Thread(claimed_case=claimed[0]) if claimed else NEW_THREAD


def _moment(moment: datetime | None) -> datetime | None:
    if moment is None:
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=_BRUSSELS)
    try:
        return aware.astimezone(UTC)
    except OverflowError:
        raise SubmissionError("$.submitted_at", "is not a date of our time") from None


def _fingerprint(source: str, submission: Submission) -> str:
    parts = (source, submission.id, submission.subject, submission.message)
    return sha256("\0".join(parts).encode()).hexdigest()


def _line(text: str) -> str:
    return " ".join(text.split())
