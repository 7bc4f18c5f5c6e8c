"""The mails that the routes send: to the customer in his own language, to handler groups in Dutch."""

import hmac
from hashlib import sha256

from canonical_model.case import CaseRecord
from canonical_model.commands import SendMail
from canonical_model.contact import Language
from canonical_model.decision import ANSWER, Intent, Reference
from routes.configuration import GIVEN, RouteConfiguration

MAIL = "mail"
"""Name of the target that mail goes to."""
REMINDER = "reminder-"
"""How the discriminators of mails to handler groups begin."""


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
            text=words[text].format(**values),
        ),
    )


def message_id(case: CaseRecord, discriminator: str, configuration: RouteConfiguration) -> str:
    """The Message-ID of a mail of ours: always the same for the same mail, and not to be guessed.

    Answering it proves that somebody received it, so it is keyed.
    """
    name = f"{case.ref}/{discriminator}".encode()
    digest = hmac.new(configuration.pseudonym_key, name, sha256).hexdigest()[:24]
    return f"{case.ref}.{digest}@{configuration.mail_domain}".lower()


def sent(intent: Intent) -> Reference:
    """The reference by which a reply to this mail finds its case."""
    if not isinstance(intent.command, SendMail):
        raise TypeError("only mails are replied to")
    return Reference(system="mail-id", value=intent.command.message_id)


def _given(case: CaseRecord, configuration: RouteConfiguration, answer: str = "") -> dict[str, str]:
    values = (case.ref, case.card.subject, configuration.city, case.group, answer)
    return dict(zip(GIVEN, values, strict=True))


def _one_line(text: str) -> str:
    """A subject without line breaks or other signs that a header can't hold."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())


def _to_customer(
    case: CaseRecord,
    configuration: RouteConfiguration,
    text: str,
    *,
    discriminator: str,
    automatic: bool = False,
    answer: str = "",
) -> Intent:
    words, values = configuration.texts[case.card.language], _given(case, configuration, answer)
    return Intent(
        target=MAIL,
        discriminator=discriminator,
        blocking=False,
        command=SendMail(
            message_id=message_id(case, discriminator, configuration),
            to=case.card.party.email,
            subject=_one_line(words[f"{text}_subject"].format(**values)),
            text=words[text].format(**values),
            case=case.ref,
            language=case.card.language,
            automatic=automatic,
            in_reply_to=case.card.last_message_id,
            references=case.card.references,
        ),
    )
