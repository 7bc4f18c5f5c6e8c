"""CloudEvents 1.0 as existing systems and the hub exchange them, in JSON.

In: a submitted contact, in structured mode (one JSON document), as a batch of those, or in binary mode
(attributes in headers, data in the body). Out: news about a case, always structured.
Source: CloudEvents 1.0.2, its JSON format and its HTTP binding. Extension attributes are allowed and ignored.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Annotated, Any, Literal
from urllib.parse import unquote

import msgspec

from canonical_model.commands import News, TellSystem
from canonical_model.status import OSLO_STATUS, CaseStatus
from ports.errors import NotSupportedError
from ports.submission.contract import Submission
from ports.submission.errors import Flaw, SubmissionError
from ports.submission.strict_json import decoded, misfit

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
PREFIX = "be.wegwijzer."
SUBMITTED = f"{PREFIX}contact.submitted.v1"
"""The one type that the hub takes."""
TYPES = {news: f"{PREFIX}case.{news.value}.v1" for news in News}
"""The types that the hub sends."""
MOST_IN_A_BATCH = 100

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=r"^[!-~]+$")]
Uri = Annotated[str, msgspec.Meta(min_length=1, max_length=500, pattern=r"^[!-~]+$")]


class CloudEvent(msgspec.Struct, frozen=True, omit_defaults=True):
    """The envelope. `id` is unique within `source`: the pair makes a second sending recognisable."""

    specversion: Literal["1.0"]
    id: Name
    source: Uri
    type: Name
    subject: Annotated[str, msgspec.Meta(max_length=500)] = ""
    time: datetime | None = None
    datacontenttype: Annotated[str, msgspec.Meta(max_length=100)] = ""
    dataschema: Annotated[str, msgspec.Meta(max_length=500)] = ""
    data: Any = None


class About(msgspec.Struct, frozen=True):
    """Which of your own messages it is about: its CloudEvents `source` ("" when it had none) and `id`."""

    source: str
    id: str


class CaseNews(msgspec.Struct, frozen=True):
    """The data of what the hub sends. `text` is the answer to the customer, or why the case was refused.

    `status_uri` is the status as OSLO-Melding numbers it.
    """

    case: str
    status: CaseStatus
    status_uri: str
    about: About
    text: str = ""


class NewsEvent(msgspec.Struct, frozen=True):
    """News about a case that you brought, as it is sent."""

    specversion: Literal["1.0"]
    id: str
    source: str
    type: str
    subject: str
    time: datetime
    datacontenttype: str
    data: CaseNews


@dataclass(frozen=True, slots=True, kw_only=True)
class Ref:
    """A sender's own name for a message, as one text: the hub's `source_ref`."""

    source: str
    id: str

    def __str__(self) -> str:
        return f"{self.source} {self.id}" if self.source else self.id.replace(" ", "%20")

    @classmethod
    def parse(cls, text: str) -> "Ref":
        """The other way round."""
        source, space, id_ = text.partition(" ")
        return cls(source=source, id=id_) if space else cls(source="", id=text.replace("%20", " "))


def structured(body: bytes) -> CloudEvent:
    """One event in one JSON document. Raises `SubmissionError`."""
    return decoded(_EVENT, body)


def batch(body: bytes) -> tuple[bytes, ...]:
    """The events of a batch, each as bytes that `structured` reads. Raises `SubmissionError`."""
    events = tuple(bytes(raw) for raw in decoded(_BATCH, body))
    if not 1 <= len(events) <= MOST_IN_A_BATCH:
        raise SubmissionError("$", f"a batch holds 1 to {MOST_IN_A_BATCH} events")
    if any(not event.startswith(b"{") for event in events):
        raise SubmissionError("$", "a batch holds events: JSON objects")
    return events


def binary(headers: Mapping[str, str], body: bytes) -> CloudEvent:
    """Attributes from `ce-...` headers (names in lower case), data from the body. Raises `SubmissionError`."""
    attributes: dict[str, Any] = {
        name.removeprefix("ce-"): unquote(value) for name, value in headers.items() if name.startswith("ce-")
    }
    content_type = headers.get("content-type", "")
    if content_type.partition(";")[0].strip() != "application/json":
        raise SubmissionError("$", "the data of an event is application/json", flaw=Flaw.WRONG_TYPE)
    attributes |= {"datacontenttype": content_type, "data": decoded(_TREE, body)}
    try:
        return msgspec.convert(attributes, CloudEvent)
    except msgspec.ValidationError as error:
        raise misfit(error) from None


def is_binary(headers: Mapping[str, str]) -> bool:
    """Whether a request carries an event in binary mode."""
    return "ce-specversion" in headers


def submission_of(event: CloudEvent) -> Submission:
    """The contact in an event; the event's id stands in when the data has none.

    Raises `NotSupportedError` for a type that the hub does not take, `SubmissionError` for data that does not fit.
    """
    if event.type != SUBMITTED:
        raise NotSupportedError(f"$.type: expected {SUBMITTED}")
    return submission_in(event.data, event.id, "$.data")


def submission_in(data: object, id_: str, place: str = "$") -> Submission:
    """The contact in plain data; `id_` stands in when it names none. Raises `SubmissionError`."""
    try:
        return msgspec.convert({"id": id_, **msgspec.convert(data, dict[str, Any])}, Submission)
    except msgspec.ValidationError as error:
        problem = misfit(error)
        what = problem.what.removeprefix(f"{problem.path}: ")
        raise SubmissionError(problem.path.replace("$", place, 1), what) from None


def news_of(key: str, target: str, command: TellSystem, source: str) -> NewsEvent:
    """What the system behind `target` is told by the effect `key`.

    The id is the same whichever way the same news goes (feed, webhook, queue), and for every repetition.
    """
    ref = Ref.parse(command.origin_ref)
    return NewsEvent(
        specversion="1.0",
        id=news_id(key, target),
        source=source,
        type=TYPES[command.news],
        subject=command.case,
        time=command.at,
        datacontenttype="application/json",
        data=CaseNews(
            case=command.case,
            status=command.status,
            status_uri=f"https://data.vlaanderen.be/id/concept/MeldingStatuswaarde/{OSLO_STATUS[command.status]}",
            about=About(source=ref.source, id=ref.id),
            text=command.text,
        ),
    )


def news_id(key: str, target: str) -> str:
    """The id of a piece of news: from the effect's key without the way it goes."""
    return sha256(key.replace(f"/{target}/", "/", 1).encode()).hexdigest()[:32]


def encoded(event: NewsEvent) -> bytes:
    """The event in structured mode; equal events give equal bytes."""
    return _ENCODER.encode(event)


_ENCODER = msgspec.json.Encoder()
_EVENT = msgspec.json.Decoder(CloudEvent)
_BATCH = msgspec.json.Decoder(list[msgspec.Raw])
_TREE = msgspec.json.Decoder(dict[str, Any])
