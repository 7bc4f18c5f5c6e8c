"""Content-Based Router: which handler group gets a case. A table decides; the first line that fits wins."""

import msgspec

from canonical_model.case import CaseRecord
from canonical_model.contact import Contact
from canonical_model.location import Location
from routes.classify import Subject, classify
from routes.configuration import Dispatch, Example, Rule


class Destination(msgspec.Struct, frozen=True, kw_only=True):
    """The group, the rule that chose it, and the field team that gets a work order at once ("" = none)."""

    group: str
    rule: str
    crew: str = ""


def dispatch(contact: Contact, subject: Subject, table: Dispatch) -> Destination:
    """The first rule that fits, else the default group: the contact centre, which also calls people back."""
    if contact.callback_by:
        return Destination(group=table.default, rule="callback")
    for rule in table.rules_for(subject.category):
        if _fits(rule, contact, subject):
            return Destination(group=rule.group, rule=rule.name, crew=rule.crew)
    return Destination(group=table.default, rule="default")


def crew_of(case: CaseRecord, table: Dispatch) -> str:
    """The field team that works for this case's group on such cases; "" when it has none."""
    return next(
        (rule.crew for rule in table.rules_for(case.category) if rule.crew and rule.group == case.group),
        "",
    )


def wrong_examples(table: Dispatch) -> tuple[str, ...]:
    """What the table's own examples say is wrong with it, in words; () = all right."""
    complaints: list[str] = []
    for number, example in enumerate(table.example, 1):
        contact = _contact(example)
        found = dispatch(contact, classify(contact, table), table)
        if found.group != example.expect:
            complaints.append(
                f"dispatch example {number} expects {example.expect!r} but rule {found.rule!r} gives {found.group!r}"
            )
    return tuple(complaints)


def _fits(rule: Rule, contact: Contact, subject: Subject) -> bool:
    """Whether a rule for this category fits in all else."""
    return (
        (not rule.kind or subject.kind in rule.kind)
        and (not rule.product or contact.product in rule.product)
        and (not rule.area or subject.area in rule.area)
        and (not rule.channel or contact.channel in rule.channel)
        and (not rule.addressed_to or contact.addressed_to in rule.addressed_to)
    )


def group_of_product(product: str, dispatch: Dispatch) -> str:
    """The group of the first line that names this product, whatever else that line asks; "" when none names it."""
    return next((rule.group for rule in dispatch.rule if product in rule.product), "")


def _contact(example: Example) -> Contact:
    return Contact(
        channel=example.channel,
        subject=example.subject,
        text=example.text,
        kind=example.kind,
        category=example.category,
        product=example.product,
        location=Location(area=example.area),
        addressed_to=example.addressed_to,
    )
