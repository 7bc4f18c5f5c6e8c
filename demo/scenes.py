"""The morning as it is written down in `city/morning.toml`: who writes what, and who does what about it."""

import tomllib
from collections.abc import Sequence
from email.utils import parseaddr
from importlib import resources

import msgspec

from canonical_model.work_order import OrderState

GROUP_MAILBOXES = ("meldingen@leuven.test", "openbaardomein@leuven.test", "burgerzaken@leuven.test")
FORMS = ("json", "form", "drupal", "open-formulieren")
PORTALS = ("mijn_burgerprofiel", "eloket", "verenigingsloket")
SENT_MAILBOX = "verzonden@leuven.test"


class Scene(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing that happens; the head of the file tells what its fields mean."""

    name: str
    time: str
    door: str
    sender: str = ""
    to: tuple[str, ...] = ()
    subject: str = ""
    text: str = ""
    headers: dict[str, str] = {}
    address: str = ""
    postcode: str = ""
    service: str = ""
    at: tuple[float, float] | None = None
    category: str = ""
    persona: str = ""
    honeypot: str = ""
    files: tuple[str, ...] = ()
    times: int = 1
    wrapped: int = 0
    outcome: str = ""
    group: str = ""
    about: str = ""
    letter: int = 0
    answer: str = ""
    status: str = ""
    bounces: bool = False
    caller: str = ""
    number: str = ""
    topic: str = ""
    call: str = ""
    product: str = ""
    crew: str = ""
    state: OrderState = OrderState.ORDERED
    lost: bool = False
    tell: bool = False
    board: str = ""
    notices: int = 0
    search: str = ""
    magda: str = ""
    known_as: str = ""

    @property
    def person(self) -> str:
        """The sender's name; "" when nobody gave one."""
        return parseaddr(self.sender)[0]

    @property
    def email(self) -> str:
        """The sender's address; "" when nobody gave one."""
        return parseaddr(self.sender)[1]

    @property
    def opens_case(self) -> bool:
        return self.outcome == "case"

    @property
    def is_form(self) -> bool:
        return self.door in FORMS

    @property
    def is_street_report(self) -> bool:
        return self.door == "open311"

    @property
    def is_call(self) -> bool:
        return self.door == "phone"

    @property
    def is_system(self) -> bool:
        return self.door == "system"

    @property
    def is_portal(self) -> bool:
        return self.door in PORTALS

    @property
    def is_registration(self) -> bool:
        return self.door == "counter"

    @property
    def is_handling(self) -> bool:
        return self.door == "handler"

    @property
    def is_work(self) -> bool:
        return self.door == "crew"

    @property
    def is_move(self) -> bool:
        return self.door == "kcc"


def about(scene: Scene, scenes: Sequence[Scene]) -> tuple[Scene, ...]:
    """What handlers, crews and the contact centre do about the case that this scene opened, in order."""
    return tuple(
        each
        for each in scenes
        if each.about == scene.name and (each.is_handling or each.is_work or each.is_move)
    )


def read_scenes() -> tuple[Scene, ...]:
    """All scenes, in the order in which they happen."""
    text = (resources.files("demo") / "city" / "morning.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(text)["scene"], tuple[Scene, ...])


def attachment(name: str) -> bytes:
    """A file of `attachments/`."""
    return (resources.files("demo") / "attachments" / name).read_bytes()
