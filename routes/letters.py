"""The mails that the routes send: to the customer in his own language, to handler groups in Dutch."""

import hmac
from collections.abc import Mapping
from hashlib import sha256
from typing import Final

from msgspec.structs import replace

from canonical_model.case import CaseRecord
from canonical_model.commands import SendMail
from canonical_model.contact import Language
from canonical_model.decision import ANSWER, Intent, Reference
from canonical_model.public_status import PublicStatus
from routes.configuration import GIVEN, RouteConfiguration

MAIL = "mail"
"""Name of the target that mail goes to."""
REMINDER = "reminder-"
"""How the discriminators of mails to handler groups begin."""
PROGRESS: Final[Mapping[PublicStatus, str]] = {
    PublicStatus.IN_PROGRESS: "progress",
    PublicStatus.PLANNED: "planned",
}
"""The statuses that `progress` tells, and by which text. The others have a function of their own, or none."""


def acknowledgement(case: CaseRecord, configuration: RouteConfiguration) -> Intent:
    """Says that it arrived, and under which number; promises nothing else."""
    return _to_customer(
        case, configuration, "acknowledgement", discriminator="acknowledgement", automatic=True
    )


def answer(case: CaseRecord, key: str, text: str, configuration: RouteConfiguration) -> Intent:
    """A handler's answer, once per text."""
    return _to_customer(case, configuration, "answer", discriminator=f"{ANSWER}{key}", answer=text)


def closed_without_answer(case: CaseRecord, configuration: RouteConfiguration) -> Intent:
    """Tells honestly that the group closed the case, and how to come back."""
    return _to_customer(case, configuration, "closed", discriminator=f"closed-{case.tracker_version}")


def progress(
    case: CaseRecord,
    status: PublicStatus,
    discriminator: str,
    configuration: RouteConfiguration,
    detail: str = "",
) -> Intent:
    """Says where the case stands; `detail` is in the customer's words, "" = nothing more is known.

    `ValueError` for a status that is not in `PROGRESS`.
    """
    if status not in PROGRESS:
        raise ValueError(f"no letter of progress tells {status}: see the other functions of routes.letters")
    return _to_customer(
        case, configuration, PROGRESS[status], discriminator=discriminator, automatic=True, detail=detail
    )


def waiting_for_customer(
    case: CaseRecord, question: str, discriminator: str, configuration: RouteConfiguration
) -> Intent:
    """Asks the customer what the handlers need to go on; `ValueError` without a question."""
    return _to_customer(
        case, configuration, "waiting", discriminator=discriminator, question=_needed("question", question)
    )


def done(case: CaseRecord, evidence: str, discriminator: str, configuration: RouteConfiguration) -> Intent:
    """Says that the work on site was done, and by what that is known; `ValueError` without evidence."""
    return _to_customer(
        case, configuration, "done", discriminator=discriminator, evidence=_needed("evidence", evidence)
    )


def moved(
    case: CaseRecord, discriminator: str, configuration: RouteConfiguration, detail: str = ""
) -> Intent:
    """Says that the case went to another group: the one that `case` names now."""
    return _to_customer(
        case, configuration, "moved", discriminator=discriminator, automatic=True, detail=detail
    )


def reminder(case: CaseRecord, to: str, text: str, timer: str, configuration: RouteConfiguration) -> Intent:
    """To a handler group or the KCC: this case waits for an answer. One mail per firing of the `timer`."""
    words, values = configuration.texts[Language.NL], _given(case, configuration)
    discriminator = f"{REMINDER}{timer}"
    return Intent(
        target=MAIL,
        discriminator=discriminator,
        blocking=False,
        command=SendMail(
            message_id=message_id(case, discriminator, configuration),
            to=to,
            subject=_one_line(words[f"{text}_subject"].format(**values)),
            text=filled_in(words[text], values),
        ),
    )


def message_id(case: CaseRecord, discriminator: str, configuration: RouteConfiguration) -> str:
    """The Message-ID of a mail of ours: always the same for the same mail, and not to be guessed.

    Answering it proves that somebody received it, so it is keyed.
    """
    name = f"{case.ref}/{discriminator}".encode()
    digest = hmac.new(configuration.pseudonym_key, name, sha256).hexdigest()[:24]
    return f"{case.ref}.{digest}@{configuration.mail_domain}".lower()


def with_way_out(intent: Intent) -> Intent:
    """The same mail, in place of a notification: it offers to end those. Of other commands nothing changes."""
    if not isinstance(intent.command, SendMail):
        return intent
    return replace(intent, command=replace(intent.command, opt_out=True))


def sent(intent: Intent) -> Reference:
    """The reference by which a reply to this mail finds its case."""
    if not isinstance(intent.command, SendMail):
        raise TypeError("only mails are replied to")
    return Reference(system="mail-id", value=intent.command.message_id)


def filled_in(text: str, values: Mapping[str, str]) -> str:
    """The text with its blanks filled in; a paragraph that is nothing but empty blanks is left out."""
    paragraphs = ((paragraph, paragraph.format(**values)) for paragraph in text.split("\n\n"))
    return "\n\n".join(filled for paragraph, filled in paragraphs if filled or not paragraph)


def _given(case: CaseRecord, configuration: RouteConfiguration, **words: str) -> dict[str, str]:
    known = {
        "ref": case.ref,
        "subject": case.card.subject,
        "city": configuration.city,
        "group": _label(case, configuration),
        **words,
    }
    return {name: known.get(name, "") for name in GIVEN}


def _needed(name: str, text: str) -> str:
    if not text.strip():
        raise ValueError(f"this letter says nothing without its {name}")
    return text.strip()


def _one_line(text: str) -> str:
    """A subject without line breaks or other signs that a header can't hold."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())


def _label(case: CaseRecord, configuration: RouteConfiguration) -> str:
    """What people call the group; the tracker's name for one that left the dispatch table."""
    labels = {group.name: group.label for group in configuration.dispatch.group}
    return labels.get(case.group, case.group)


def _to_customer(
    case: CaseRecord,
    configuration: RouteConfiguration,
    text: str,
    *,
    discriminator: str,
    automatic: bool = False,
    **given: str,
) -> Intent:
    words = configuration.texts[case.card.language]
    given = {name: value.strip() if name == "detail" else value for name, value in given.items()}
    values = _given(case, configuration, **given)
    return Intent(
        target=MAIL,
        discriminator=discriminator,
        blocking=False,
        command=SendMail(
            message_id=message_id(case, discriminator, configuration),
            to=case.card.party.email,
            subject=_one_line(words[f"{text}_subject"].format(**values)),
            text=filled_in(words[text], values),
            case=case.ref,
            language=case.card.language,
            automatic=automatic,
            in_reply_to=case.card.last_message_id,
            references=case.card.references,
        ),
    )
