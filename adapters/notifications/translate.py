"""From `Notify` to a NotificatieBundel. Pure.

The top of the bundle and the keys of a category are public (help pages PostNotificatieV2 and Model/NotificatieBundel of Notificaties); the
nested parts are filled in from templates of the settings.
"""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from urllib.parse import quote
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from pydantic import JsonValue

from adapters.notifications.settings import PLACE, Category, Recipient, Settings
from canonical_model.commands import Notify
from canonical_model.decision import Reference
from canonical_model.identifiers import Scheme
from canonical_model.party import Party, PartyKind
from ports.errors import RejectedError

Json = dict[str, object]

BRUSSELS = ZoneInfo("Europe/Brussels")
_BUNDLES = UUID("1f6a7f0e-63a8-5b5e-8d55-0d0516000000")


def bundle_id(key: str) -> UUID:
    """`Id` of a bundle: the same for the same effect."""
    return uuid5(_BUNDLES, key)


def bundle_named(notice: str) -> UUID:
    """The `Id` behind what a `WithdrawNotice` names: that id itself, or the key of the effect. `RejectedError` for ""."""
    if not notice:
        raise RejectedError("it is not known which notification to call back: none was taken yet")
    try:
        return UUID(notice)
    except ValueError:
        return bundle_id(notice)


def names_of(party: Party) -> tuple[Reference, ...]:
    """Under which names a customer may have opted out."""
    numbers = [(one.scheme.value, one.value) for one in party.identifiers]
    contact = [("email", party.email), ("phone", party.phone)]
    return tuple(
        Reference(system=system, value=value, exclusive=False) for system, value in numbers + contact if value
    )


def recipient_of(party: Party, settings: Settings) -> Recipient:
    """How this customer is reached. `RejectedError` when the customer can't be reached by notification."""
    numbers = {one.scheme for one in party.identifiers}
    if party.kind is PartyKind.PERSON and Scheme.INSZ in numbers:
        return Recipient.NUMBER
    if party.kind is PartyKind.ANONYMOUS or not party.email:
        raise RejectedError(
            "the customer can't be reached by notification: no national register number, and no address"
        )
    if settings.opt_out is None:
        raise RejectedError(
            "the customer can't be reached by notification: no national register number, and `opt_out` is not set"
        )
    return Recipient.PERSON if party.kind is PartyKind.PERSON else Recipient.ORGANISATION


def expiry_of(command: Notify, settings: Settings) -> date:
    """The last day (in Belgium) on which this is still news."""
    there = command.changed_at.astimezone(BRUSSELS).date()
    return command.expires or there + timedelta(days=settings.valid_days)


def to_bundle(command: Notify, id_: UUID, settings: Settings, *, opt_out: str, now: datetime) -> Json:
    """The body. `opt_out`: where this customer can end notifications, "" when the service sees to that.

    Raises `RejectedError`: nobody to reach, no product, a required key without a value, or no news any more.
    """
    recipient = recipient_of(command.party, settings)
    expires = expiry_of(command, settings)
    if now.astimezone(BRUSSELS).date() > expires:
        raise RejectedError(f"it is no news any more since {expires.isoformat()}: it was not sent")
    name = settings.category_of.get(command.status, settings.category)
    body: Json = {
        "Id": str(id_),
        "AanbiederUri": settings.offerer,
        "Bestemmelingen": [_recipient(command.party, recipient, settings, opt_out)],
        "Categorie": name,
        "TransactieId": f"{settings.source}+{command.case}",
        "Vervaldatum": expires.isoformat(),
        "Kanalen": [
            filled(settings.templates.channel, {"channel": channel}) for channel in settings.channels
        ],
        "ProductId": _product(command, settings),
        "MerkCode": settings.brand,
        "SleutelWaardeParen": [
            filled(settings.templates.pair, {"key": key, "value": value})
            for key, value in _pairs(command, settings.holds(name), name, settings).items()
        ],
    }
    if settings.date_field:
        body[settings.date_field] = now.astimezone(BRUSSELS).replace(tzinfo=None, microsecond=0).isoformat()
    return body


def filled(template: JsonValue, values: Mapping[str, str]) -> JsonValue:
    """The template with its places filled in; fields whose text comes out empty are left out."""
    if isinstance(template, str):
        return PLACE.sub(lambda place: values[place[1]], template)
    if isinstance(template, dict):
        inner = {name: filled(one, values) for name, one in template.items()}
        return {name: one for name, one in inner.items() if one != ""}
    if isinstance(template, list):
        return [filled(one, values) for one in template]
    return template


def _recipient(party: Party, kind: Recipient, settings: Settings, opt_out: str) -> JsonValue:
    numbers = {one.scheme: one.value for one in party.identifiers}
    values = {
        "insz": numbers.get(Scheme.INSZ, ""),
        "kbo": numbers.get(Scheme.KBO, ""),
        "vcode": numbers.get(Scheme.VCODE, ""),
        "name": party.name,
        "email": party.email,
        "phone": party.phone,
        "opt_out": opt_out,
    }
    return filled(settings.templates.recipient(kind), values)


def _pairs(command: Notify, category: Category, name: str, settings: Settings) -> dict[str, str]:
    values = _about_case(command, settings) | _about_city(settings)
    pairs = {key: str(filled(text, values)).strip() for key, text in category.keys.items()}
    if missing := [key for key in category.required if not pairs[key]]:
        raise RejectedError(f"{name} can't do without {', '.join(missing)}: look at `categories`")
    return {key: value for key, value in pairs.items() if value}


def _about_case(command: Notify, settings: Settings) -> dict[str, str]:
    step = settings.statuses.step(None, command.status)
    return {
        "case": command.case,
        "subject": command.subject,
        "status": command.status.value,
        "phase": step.phase,
        "code": step.code,
        "detail": command.detail,
        "link": settings.link.replace("{case}", quote(command.case, safe="")),
        "date": command.changed_at.astimezone(BRUSSELS).date().isoformat(),
        "language": command.language.value,
    }


def _about_city(settings: Settings) -> dict[str, str]:
    sender = settings.sender
    return {
        "city": sender.city,
        "service": sender.service,
        "service_email": sender.email,
        "service_phone": sender.phone,
        "service_website": sender.website,
    }


def _product(command: Notify, settings: Settings) -> str:
    product = command.product or settings.product
    if not product:
        raise RejectedError("Notificaties wants a product with every notification: set `product`")
    return product
