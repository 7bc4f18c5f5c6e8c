"""What a customer can do once logged in: see own cases with their history and answers, begin a new one, reply."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import structlog
from starlette.responses import Response

from adapters.acmidm.draft import (
    Desk,
    Draft,
    draft_of,
    is_form_id,
    mistakes_in,
    mistakes_in_reply,
    new_contact,
    reply,
    source_ref,
    was_asked,
)
from adapters.acmidm.questions import PREFIX
from adapters.acmidm.sessions import Session
from adapters.acmidm.settings import Category, Limits
from adapters.acmidm.transaction import TRANSACTION_STATUS
from adapters.acmidm.visit import PageProblemError, Visit
from canonical_model.case import CASE_REF, CaseRef
from canonical_model.contact import Channel, Kind, Language
from canonical_model.identifiers import Scheme, masked
from canonical_model.status import OPEN, CaseStatus
from ports.adapter import Tools
from ports.bodies import BodyReader, BodyRefusedError
from ports.cases import CaseView
from ports.errors import RejectedError
from ports.files import FileRefusedError, to_files
from ports.forms import Form, FormError, read_form
from ports.intake import File, Inbound

log = structlog.get_logger()

SMALL = 200_000
"""Bytes of a form without files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taking:
    """What may come in: by which channel, how much, about what."""

    channel: Channel
    limits: Limits
    categories: Mapping[str, Category]


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """A form that came in: its fields, its files, and what is wrong with those."""

    draft: Draft
    files: tuple[File, ...]
    mistakes: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One line in the story of a case: a status that it got, or an answer."""

    at: datetime
    status: CaseStatus | None = None
    answer: str = ""


class CasePages:
    """The pages behind the log-in."""

    def __init__(self, taking: Taking, tools: Tools) -> None:
        limits = taking.limits
        self._taking = taking
        self._tools = tools
        self._source = f"{tools.name}/pages"
        self._rules = limits.file_rules()
        self._reader = BodyReader(
            limit=limits.max_body_bytes, shared_limit=limits.max_held_bytes, seconds=limits.body_seconds
        )

    async def home(self, visit: Visit) -> Response:
        """The way in; for somebody who is logged in, their own cases."""
        if visit.session is None:
            return visit.page("welcome.html")
        cases = await self._tools.cases.known_under(visit.session.persona.names)
        waiting = [case for case in cases if case.status is CaseStatus.WAITING_FOR_CUSTOMER]
        return visit.page(
            "cases.html",
            party=_party_words(visit.session),
            waiting=waiting,
            open_cases=[case for case in cases if case.status in OPEN and case not in waiting],
            ended=[case for case in cases if case.status not in OPEN],
            statuses=TRANSACTION_STATUS,
        )

    async def blank(self, visit: Visit) -> Response:
        """An empty form, with what is known filled in."""
        session = _logged_in(visit)
        draft = Draft(id=_new_id(), email=session.persona.party.email)
        return self._form(visit, draft, {})

    async def submit(self, visit: Visit) -> Response:
        """A new contact: once safely stored, on to its receipt."""
        if visit.session is None:
            return await self._too_late(visit)
        session = visit.session
        async with self._reader.body(visit.request) as body:
            filled = self._filled(visit, session, body)
            draft = filled.draft
            category = self._taking.categories.get(draft.category)
            mistakes = mistakes_in(draft, self._taking.categories) | _of_files(filled, category)
            if category and category.fields and not was_asked(draft):
                return self._form(visit, draft, mistakes, notice="questions", status=422)
            if mistakes:
                return self._form(visit, draft, mistakes, status=422)
            contact = new_contact(draft, session.persona, filled.files, self._desk(visit), category)
            if not await self._took(contact):
                return self._form(visit, replace(draft, id=_new_id()), {}, notice="sent_before", status=409)
        return visit.to(f"/sent/{draft.id}")

    async def sent(self, visit: Visit) -> Response:
        """The receipt: what became of it, as far as is known."""
        session = _logged_in(visit)
        form = str(visit.request.path_params["form"])
        outcome = await self._tools.cases.outcome(self._source, source_ref(session.persona, form))
        if outcome is None:
            raise PageProblemError(404, "not_found")
        return visit.page("sent.html", outcome=outcome)

    async def case(self, visit: Visit) -> Response:
        """One case of this customer, with a form to reply."""
        session = _logged_in(visit)
        view = await self._own_case(visit, session)
        return self._case(visit, view, Draft(id=_new_id()), {})

    async def reply(self, visit: Visit) -> Response:
        """A further contact about an own case."""
        if visit.session is None:
            return await self._too_late(visit)
        session = visit.session
        view = await self._own_case(visit, session)
        async with self._reader.body(visit.request) as body:
            filled = self._filled(visit, session, body)
            draft = filled.draft
            mistakes = mistakes_in_reply(draft) | filled.mistakes
            if mistakes:
                return self._case(visit, view, draft, mistakes, status=422)
            summary = view.summary
            written = reply(
                draft, session.persona, filled.files, self._desk(visit), summary.ref, summary.subject
            )
            if not await self._took(written):
                again = replace(draft, id=_new_id())
                return self._case(visit, view, again, {}, notice="sent_before", status=409)
        return visit.to(f"/sent/{draft.id}")

    async def small_form(self, visit: Visit) -> Mapping[str, str]:
        """The fields of a form that carries no token: it changes nothing but what the browser shows."""
        async with _SMALL_READER.body(visit.request) as body:
            return _texts(visit, body)

    async def _too_late(self, visit: Visit) -> Response:
        """The session was over before the form was sent: give back what was typed, and store nothing."""
        try:
            async with _SMALL_READER.body(visit.request) as body:
                draft = draft_of(_texts(visit, body))
        except BodyRefusedError as error:
            raise PageProblemError(401, "log_in_first") from error
        return visit.page("too_late.html", 401, draft=draft)

    async def _took(self, inbound: Inbound) -> bool:
        """Whether it is safely stored; False when this form was sent before, with something else in it."""
        try:
            receipt = await self._tools.accept(inbound)
        except RejectedError:
            return False
        log.info("portal_contact_taken", source=inbound.source, message_id=receipt.message_id)
        return True

    async def _own_case(self, visit: Visit, session: Session) -> CaseView:
        """The case, when it is this customer's. Whether there is another one of that name is nobody's business."""
        ref = CaseRef(str(visit.request.path_params["ref"]))
        names = session.persona.names
        if not CASE_REF.fullmatch(ref) or not await self._tools.cases.belongs_to(ref, names):
            raise PageProblemError(404, "not_found")
        view = await self._tools.cases.view(ref)
        if view is None:
            raise PageProblemError(404, "not_found")
        return view

    def _filled(self, visit: Visit, session: Session, body: bytes) -> Filled:
        form = _proven(visit, session, body)
        draft = draft_of(form.texts)
        if not is_form_id(draft.id):
            raise PageProblemError(400, "not_a_form")
        try:
            return Filled(draft=draft, files=to_files(form.uploads, self._rules), mistakes={})
        except FileRefusedError as refused:
            code = "files_many" if refused.position is None else "files"
            return Filled(draft=draft, files=(), mistakes={"files": code})

    def _desk(self, visit: Visit) -> Desk:
        return Desk(
            source=self._source,
            channel=self._taking.channel,
            language=Language(visit.wording.language),
        )

    def _form(
        self,
        visit: Visit,
        draft: Draft,
        mistakes: Mapping[str, str],
        *,
        notice: str = "",
        status: int = 200,
    ) -> Response:
        category = self._taking.categories.get(draft.category)
        questions = category.fields if category else {}
        language = visit.wording.language
        return visit.page(
            "new.html",
            status,
            draft=draft,
            category=category,
            questions=questions,
            labels={f"{PREFIX}{name}": one.shown(language) for name, one in questions.items()},
            mistakes=mistakes,
            notice=notice,
            kinds=[kind.value for kind in Kind],
            categories=self._shown_categories(visit),
            party=_party_words(_logged_in(visit)),
            limits=self._taking.limits,
        )

    def _shown_categories(self, visit: Visit) -> Sequence[tuple[str, str]]:
        language = visit.wording.language
        return [(name, category.shown(language)) for name, category in self._taking.categories.items()]

    def _case(
        self,
        visit: Visit,
        view: CaseView,
        draft: Draft,
        mistakes: Mapping[str, str],
        *,
        notice: str = "",
        status: int = 200,
    ) -> Response:
        return visit.page(
            "case.html",
            status,
            case=view.summary,
            standing=TRANSACTION_STATUS[view.summary.status],
            statuses=TRANSACTION_STATUS,
            story=story_of(view),
            draft=draft,
            mistakes=mistakes,
            notice=notice,
            limits=self._taking.limits,
        )


def story_of(view: CaseView) -> Sequence[Moment]:
    """Statuses and answers in the order in which they came, the newest first."""
    moments = [Moment(at=step.at, status=step.status) for step in view.history]
    moments += [Moment(at=answer.at, answer=answer.text) for answer in view.answers]
    return sorted(moments, key=lambda moment: (moment.at, bool(moment.answer)), reverse=True)


def _of_files(filled: Filled, category: Category | None) -> dict[str, str]:
    needs_photo = category is not None and category.photo == "required"
    if needs_photo and not filled.mistakes and not filled.files:
        return {"files": "photo"}
    return filled.mistakes


async def proven_form(visit: Visit) -> Mapping[str, str]:
    """The fields of a form without files that carries the session's token."""
    session = _logged_in(visit)
    async with _SMALL_READER.body(visit.request) as body:
        texts = _texts(visit, body)
    _refuse_without_token(session, texts)
    return texts


def _proven(visit: Visit, session: Session, body: bytes) -> Form:
    try:
        form = read_form(visit.request.headers.get("content-type", ""), body)
    except FormError as error:
        raise PageProblemError(400, "not_a_form") from error
    _refuse_without_token(session, form.texts)
    return form


def _refuse_without_token(session: Session, texts: Mapping[str, str]) -> None:
    if not secrets.compare_digest(texts.get("csrf", "").encode(), session.csrf.encode()):
        raise PageProblemError(403, "cross_site")


def _texts(visit: Visit, body: bytes) -> Mapping[str, str]:
    try:
        return read_form(visit.request.headers.get("content-type", ""), body).texts
    except FormError as error:
        raise PageProblemError(400, "not_a_form") from error


def _logged_in(visit: Visit) -> Session:
    if visit.session is None:
        raise PageProblemError(401, "log_in_first")
    return visit.session


def _party_words(session: Session) -> Mapping[str, Any]:
    """Who is logged in, as the pages show it; a national number is shown masked."""
    party = session.persona.party
    return {
        "name": party.name or "-",
        "kind": party.kind.value,
        "identifiers": [
            (one.scheme.value, masked(one) if one.scheme is Scheme.INSZ else one.value)
            for one in party.identifiers
        ],
        "acting": party.representative.name if party.representative else "",
    }


def _new_id() -> str:
    """Given out when a form is shown: however often it is sent, it is one submission."""
    return secrets.token_urlsafe(18)


_SMALL_READER = BodyReader(limit=SMALL, shared_limit=100 * SMALL, seconds=15)
