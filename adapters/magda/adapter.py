"""Content Enricher for names: companies by KBO number, people by INSZ; only what is missing, only when switched on."""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import structlog
import xmlsec
from msgspec.structs import replace

from adapters.magda.client import MagdaClient, tls_of
from adapters.magda.settings import Companies, Persons, Settings
from adapters.magda.signing import Signer
from adapters.magda.translate import (
    Asker,
    Person,
    company_name_in,
    company_question,
    person_in,
    person_question,
)
from adapters.magda.troubles import REPLACED
from canonical_model.contact import Contact
from canonical_model.identifiers import Identifier, Scheme
from canonical_model.party import Party, PartyKind
from ports.adapter import Adapter, Tools
from ports.errors import HubError, MisconfiguredError
from ports.settings import parsed

log = structlog.get_logger()

REMEMBERED = 10_000
"""Names of companies in memory."""
_EXPIRING = timedelta(days=30)


def build(settings: Mapping[str, Any], tools: Tools) -> Adapter:
    """The enricher. Raises `MisconfiguredError` that names the setting, never its value."""
    checked = parsed(Settings, settings, tools.name)
    try:
        signer = Signer(checked)
        tls_of(checked)
    except (OSError, ValueError, xmlsec.Error) as error:
        raise MisconfiguredError(
            f"{tools.name}: certificate_file, key_file, key_password, ca_file: they can't be read or don't belong "
            f"together ({type(error).__name__})"
        ) from None
    names = Names(checked, MagdaClient(checked, signer, tools.clock), signer, tools)
    is_on = checked.persons or checked.companies
    return Adapter(check=names.check, close=names.close, enricher=names if is_on else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    name: str
    until: datetime


class Names:
    """Implements `ports.enricher.Enricher`."""

    def __init__(self, settings: Settings, client: MagdaClient, signer: Signer, tools: Tools) -> None:
        self._settings = settings
        self._client = client
        self._signer = signer
        self._tools = tools
        self._companies: OrderedDict[str, _Known] = OrderedDict()

    @property
    def name(self) -> str:
        return self._tools.name

    async def enrich(self, contact: Contact) -> Contact:
        party = contact.party
        if party.name:
            return contact
        persons, companies = self._settings.persons, self._settings.companies
        if companies and (number := _number(party, Scheme.KBO)):
            return _named(contact, await self._company(number.value, companies))
        is_person = party.kind is PartyKind.PERSON and persons and contact.channel in persons.channels
        if persons and is_person and (number := _number(party, Scheme.INSZ)):
            return _known(contact, await self._person(number, persons))
        return contact

    async def check(self) -> tuple[str, ...]:
        """Whether our certificate is still good, and whether MAGDA answers; never asks about a person."""
        found = list(self._certificate_findings())
        companies = self._settings.companies
        if not (companies or self._settings.persons):
            found.append("nothing is looked up: switch `persons` or `companies` on, or take this adapter out")
        if companies and companies.probe:
            try:
                if not await self._asked_company(companies.probe, companies):
                    found.append("MAGDA does not know the company of `companies.probe`")
            except HubError as error:
                found.append(error.what)
        return tuple(found)

    async def close(self) -> None:
        """Let go of the connections."""
        await self._client.close()

    async def _company(self, number: str, companies: Companies) -> str:
        now, known = self._tools.clock.now(), self._companies.get(number)
        if known and now < known.until:
            return known.name
        name = await self._asked_company(number, companies)
        self._companies[number] = _Known(name=name, until=now + timedelta(hours=companies.hours))
        while len(self._companies) > REMEMBERED:
            self._companies.popitem(last=False)
        return name

    async def _asked_company(self, number: str, companies: Companies) -> str:
        asker = self._asker()
        question = company_question(companies, asker, number)
        reply = await self._client.ask(companies.url, question, asker.reference)
        if reply is None or reply.content is None:
            return ""
        return company_name_in(reply.content, number, asker.at.date())

    async def _person(self, number: Identifier, persons: Persons) -> Person | None:
        """The look is written down before the question goes out: MAGDA's own log has our reference too."""
        asker = self._asker()
        subject = f"MAGDA {persons.name} {asker.reference}"
        purpose = f"{self._settings.purpose} ({self._settings.legal_basis})"[:200]
        await self._tools.looks.note(self.name, subject, purpose)
        question = person_question(persons, asker, number.value, persons.source)
        reply = await self._client.ask(persons.url, question, asker.reference)
        if reply is None or reply.content is None:
            return None
        return person_in(
            reply.content,
            number,
            replaced=any(trouble.code == REPLACED for trouble in reply.troubles),
            allow_test_numbers=self._settings.allow_test_numbers,
        )

    def _asker(self) -> Asker:
        return Asker(
            sender=self._settings.sender,
            capacity=self._settings.capacity,
            reference=str(uuid4()),
            at=self._tools.clock.now(),
        )

    def _certificate_findings(self) -> tuple[str, ...]:
        ends = self._signer.certificates[0].not_valid_after_utc
        now = self._tools.clock.now()
        if ends < now:
            return (f"our certificate has expired on {ends:%Y-%m-%d}: put a new one in `certificate_file`",)
        return (f"our certificate expires on {ends:%Y-%m-%d}",) if ends < now + _EXPIRING else ()


def _number(party: Party, scheme: Scheme) -> Identifier | None:
    return next((one for one in party.identifiers if one.scheme is scheme), None)


def _named(contact: Contact, name: str) -> Contact:
    return replace(contact, party=replace(contact.party, name=name)) if name else contact


def _known(contact: Contact, person: Person | None) -> Contact:
    """With the name, and the number that took the place of the old one; the old one stays, for earlier cases have it."""
    if person is None:
        return contact
    party = contact.party
    new = () if person.identifier in party.identifiers else (person.identifier,)
    return replace(contact, party=replace(party, name=person.name, identifiers=(*party.identifiers, *new)))
