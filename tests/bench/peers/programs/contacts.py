"""The contact that every peer takes, the group it goes to, and the case that the sink is sent."""

import os

from pydantic import BaseModel, Field
from standardwebhooks.webhooks import Webhook

GROUPS = 20
SINK = os.environ["PEER_SINK"]
_webhook = Webhook(os.environ["PEER_SECRET"])


class Location(BaseModel):
    """Where it is about."""

    address: str = ""
    postcode: str = ""


class Contact(BaseModel):
    """The JSON of the website's form."""

    id: str = Field(min_length=1, max_length=200)
    kind: str
    category: str
    subject: str = Field(max_length=500)
    message: str
    language: str = "nl"
    location: Location | None = None


def validated(body: bytes, headers: dict[str, str]) -> Contact:
    """The contact; `WebhookVerificationError` or pydantic's `ValidationError` when it is none of ours."""
    _webhook.verify(body, headers)
    return Contact.model_validate_json(body)


def routed(contact: Contact) -> str:
    """The group for this subject; the first takes what nobody else does."""
    return _GROUPS.get(contact.category, "groep-0")


def case(contact: Contact) -> dict[str, str]:
    """What is delivered, as the hub's own adapter sends it."""
    return {
        "ref": contact.id,
        "group": routed(contact),
        "subject": contact.subject,
        "description": contact.message,
    }


_GROUPS = {f"onderwerp-{number}": f"groep-{number}" for number in range(GROUPS)}
