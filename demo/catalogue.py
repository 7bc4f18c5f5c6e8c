"""The product catalogue of the demo city: what it publishes, and what an employee reads in it."""

import tomllib
from datetime import UTC, datetime
from importlib import resources
from typing import Any

import httpx
import msgspec

from canonical_model.product import marked_source, with_source
from demo.outside.ipdc import Ipdc

_AWAY = 503


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A version of a product; the head of `city/catalogue.toml` tells what its fields mean."""

    number: str
    at: datetime
    name: str
    text: str
    words: tuple[str, ...] = ()
    how: str = ""
    cost: str = ""
    in_feed: bool = True


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """A product as an employee finds it at the counter or on the telephone."""

    id: str
    name: str
    answer: str
    version: str
    source: str

    @property
    def given(self) -> str:
        """The answer as the city gives it: with its version and date."""
        return with_source(self.answer, marked_source(self.source))


class CityCatalogue:
    """Publishes what the file says, and what changes in the morning."""

    def __init__(self, key: str) -> None:
        self.system = Ipdc(key=key)
        text = (resources.files("demo") / "city" / "catalogue.toml").read_text("utf-8")
        self._last: dict[str, Entry] = {}
        for entry in msgspec.convert(tomllib.loads(text)["version"], tuple[Entry, ...]):
            self._publish(entry)

    def offered(self) -> dict[str, str]:
        """The version of every product that customers can have, by its number."""
        return {
            one.number: one.version if one.in_feed else f"{datetime.fromisoformat(one.at):%Y%m%dT%H%M%S.%fZ}"
            for one in self.system.offered()
            if not one.withdrawn
        }

    @property
    def numbers(self) -> tuple[str, ...]:
        """Of every product, also of one that was withdrawn."""
        return tuple(self._last)

    def reprice(self, number: str, cost: str) -> None:
        """A new version of this product, of this moment."""
        now = datetime.now(UTC)
        self._publish(msgspec.structs.replace(self._last[number], cost=f"<p>{cost}</p>", at=now))

    def withdraw(self, number: str) -> None:
        """A tombstone."""
        self.system.bury(number, _moment(datetime.now(UTC)))

    def _publish(self, entry: Entry) -> None:
        self._last[entry.number] = entry
        fields: dict[str, Any] = {"naam": {"nl": entry.name}, "beschrijving": {"nl": entry.text}}
        if entry.words:
            fields["zoektermen"] = {"nl": list(entry.words)}
        if entry.how:
            fields["procedures"] = [{"naam": {"nl": "Aanvragen"}, "beschrijving": {"nl": entry.how}}]
        if entry.cost:
            fields["kosten"] = [{"naam": {"nl": "Prijs"}, "beschrijving": {"nl": entry.cost}}]
        self.system.publish(entry.number, _moment(entry.at), in_feed=entry.in_feed, **fields)


def offers_in(response: httpx.Response) -> tuple[Offer, ...]:
    """What a door of the hub found; () while it can't look."""
    if response.status_code == _AWAY:
        return ()
    return tuple(msgspec.convert(response.raise_for_status().json()["products"], list[Offer]))


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
