"""What a customer filled in on a page: checked, and made into a contact. Pure.

Who it is comes from the persona of the session; the form only tells what it is about and how to reach the customer.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import msgspec
from msgspec.structs import replace

from adapters.acmidm.persona import Persona
from adapters.acmidm.questions import answers_in, in_words, mistakes_in_answers
from adapters.acmidm.settings import Category
from canonical_model.case import CaseRef
from canonical_model.contact import NEW_THREAD, Channel, Contact, Kind, Language, Thread
from canonical_model.events import ContactReceived
from canonical_model.location import Location
from canonical_model.party import Party
from ports.intake import File, Inbound

LONGEST_LINE = 500
LONGEST_TEXT = 50_000
_EMAIL = re.compile(r"[^\s@<>()\[\],;:\\\"]+@[^\s@<>()\[\],;:\\\"]+\.[^\s@<>()\[\],;:\\\".]+")
_ID = re.compile(r"[A-Za-z0-9_-]{16,64}")
_LINES = ("subject", "category", "address", "postcode", "email", "phone")


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A form as it was filled in; it may be shown again. `id` was given out when the form was shown.

    `asked`: the category whose further questions the form showed; `answers` are those to them, by field.
    """

    id: str
    kind: str = Kind.QUESTION
    subject: str = field(default="", repr=False)
    message: str = field(default="", repr=False)
    category: str = ""
    address: str = field(default="", repr=False)
    postcode: str = ""
    email: str = field(default="", repr=False)
    phone: str = field(default="", repr=False)
    asked: str = ""
    answers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)


def draft_of(texts: Mapping[str, str]) -> Draft:
    """The form's fields; what is missing is empty, what does not belong there is left out."""
    lines = {name: " ".join(texts.get(name, "").split()) for name in _LINES}
    return Draft(
        id=texts.get("id", "").strip(),
        kind=texts.get("kind", ""),
        message=texts.get("message", "").strip(),
        asked=texts.get("asked", ""),
        answers=answers_in(texts),
        **lines,
    )


def is_form_id(text: str) -> bool:
    """Whether it may be an id that a form got from us."""
    return _ID.fullmatch(text) is not None


def mistakes_in(draft: Draft, categories: Mapping[str, Category]) -> dict[str, str]:
    """What the customer must mend: field -> code of the text that says so. {} = nothing."""
    category = categories.get(draft.category)
    codes = {name: _of_line(getattr(draft, name)) for name in _LINES}
    codes["kind"] = "" if draft.kind in set(Kind) else "choose"
    codes["subject"] = codes["subject"] or ("" if draft.subject else "empty")
    codes["category"] = "" if draft.category in ("", *categories) else "choose"
    codes["email"] = "" if not draft.email or _EMAIL.fullmatch(draft.email) else "email"
    if category and category.place == "required" and not draft.address:
        codes["address"] = "empty"
    mistakes = {name: code for name, code in codes.items() if code} | mistakes_in_reply(draft)
    return mistakes | (mistakes_in_answers(category, draft.answers) if category and was_asked(draft) else {})


def was_asked(draft: Draft) -> bool:
    """Whether the form showed the questions of the category that was chosen."""
    return draft.asked == draft.category


def mistakes_in_reply(draft: Draft) -> dict[str, str]:
    """The same for a reply, which has only a message."""
    code = "empty" if not draft.message else "long" if len(draft.message) > LONGEST_TEXT else ""
    return {"message": code} if code else {}


def source_ref(persona: Persona, form_id: str) -> str:
    """Our id for what this customer sent with this form: nobody else's form can get in its way."""
    owner = "/".join(f"{one.system}:{one.value}" for one in persona.names)
    return f"{form_id}-{sha256(f'{owner}/{form_id}'.encode()).hexdigest()[:16]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Where a form came in: the source of its messages, and the door that its customer knocked on."""

    source: str
    channel: Channel
    language: Language


def new_contact(
    draft: Draft, persona: Persona, files: tuple[File, ...], desk: Desk, category: Category | None
) -> Inbound:
    """A new question, report, suggestion or complaint, with the answers to the category's questions under it."""
    answers = in_words(category, draft.answers) if category else ""
    contact = Contact(
        channel=desk.channel,
        subject=draft.subject,
        text="\n\n".join(filter(None, (draft.message, answers))),
        kind=Kind(draft.kind),
        category=draft.category,
        product=category.product if category else "",
        language=desk.language,
        party=_reachable(persona.party, draft),
        location=Location(address=draft.address, postcode=draft.postcode),
        attachments=tuple(file.attachment for file in files),
        thread=NEW_THREAD,
    )
    return _inbound(draft, persona, files, desk, contact)


def reply(
    draft: Draft, persona: Persona, files: tuple[File, ...], desk: Desk, case: CaseRef, subject: str
) -> Inbound:
    """A further contact about a case that the adapter knows to be this customer's."""
    contact = Contact(
        channel=desk.channel,
        subject=subject or case,
        text=draft.message,
        language=desk.language,
        party=persona.party,
        attachments=tuple(file.attachment for file in files),
        thread=Thread(verified_case=case),
    )
    return _inbound(draft, persona, files, desk, contact)


def _inbound(
    draft: Draft, persona: Persona, files: tuple[File, ...], desk: Desk, contact: Contact
) -> Inbound:
    return Inbound(
        source=desk.source,
        source_ref=source_ref(persona, draft.id),
        raw=_kept(draft, contact, files),
        media_type="application/json",
        event=ContactReceived(contact=contact),
        files=files,
    )


def _kept(draft: Draft, contact: Contact, files: tuple[File, ...]) -> bytes:
    """What came in, with who the token said it was, in a fixed order: a second click must give the same bytes."""
    kept: dict[str, Any] = {
        "form": draft,
        "case": contact.thread.verified_case,
        "identifiers": [(one.scheme.value, one.value) for one in contact.party.identifiers],
        "attachments": [file.attachment for file in files],
    }
    return msgspec.json.encode(kept)


def _reachable(party: Party, draft: Draft) -> Party:
    """How to reach a customer is his own choice; who he is, is not."""
    return replace(party, email=draft.email, phone=draft.phone)


def _of_line(text: str) -> str:
    return "long" if len(text) > LONGEST_LINE else ""
