"""The parts of the OpenAPI description that FastAPI cannot read from the code: bodies that are CloudEvents."""

from typing import Any

import msgspec

from console.api.problems import MEDIA_TYPE, ProblemDocument
from ports.submission.cloudevents import (
    BATCH,
    MOST_IN_A_BATCH,
    STRUCTURED,
    SUBMITTED,
    TYPES,
    CloudEvent,
    NewsEvent,
)
from ports.submission.contract import Submission

_REFS = "#/components/schemas/{name}"
_SCHEMA = {"$ref": "#/components/schemas/ProblemDocument"}
_HEADERS = (
    ("ce-specversion", True, {"type": "string", "const": "1.0"}),
    ("ce-id", True, {"type": "string", "minLength": 1, "maxLength": 200}),
    ("ce-source", True, {"type": "string", "minLength": 1, "maxLength": 500}),
    ("ce-type", True, {"type": "string", "const": SUBMITTED}),
)


def _ref(name: str) -> dict[str, str]:
    return {"$ref": _REFS.format(name=name)}


def _problem(description: str, **headers: Any) -> dict[str, Any]:
    return {"description": description, "content": {MEDIA_TYPE: {"schema": _SCHEMA}}, **headers}


PROBLEMS_OF_READING: dict[int | str, dict[str, Any]] = {
    401: _problem("No valid credential."),
    403: _problem("The credential lacks the scope."),
    404: _problem("There is no such thing of yours."),
    422: _problem("A parameter does not fit."),
    429: _problem("Too many requests this minute: see Retry-After."),
    503: _problem("The journal can't be reached now: come back."),
}
PROBLEMS: dict[int | str, dict[str, Any]] = {
    400: _problem("The body is not well-formed; it was kept for a person."),
    401: _problem("No valid credential."),
    403: _problem("The credential lacks the scope."),
    408: _problem("The body took too long."),
    409: _problem("The id was used before for another event; the first one is kept."),
    413: _problem("The body is too large."),
    415: _problem("The content type is not taken."),
    422: _problem("The event does not fit the contract; what was submitted is kept for a person."),
    429: _problem("Too many requests this minute: see Retry-After."),
    503: _problem("Nothing was stored: send it again later."),
}
_ONE: dict[str, Any] = {STRUCTURED: {"schema": _ref("SubmittedEvent")}}
_SEVERAL: dict[str, Any] = {BATCH: {"schema": _ref("SubmittedBatch")}}
EVENTS_BODY: dict[str, Any] = {"requestBody": {"required": True, "content": {**_ONE, **_SEVERAL}}}
CHECK_BODY: dict[str, Any] = {"requestBody": {"required": True, "content": _ONE}}
FEED_ANSWER: dict[str, Any] = {
    "description": "News, the oldest first. `Feed-Position` is where to go on; `Feed-More`: at once.",
    "headers": {
        "Feed-Position": {"required": True, "schema": {"type": "string"}},
        "Feed-More": {"required": True, "schema": {"type": "string", "enum": ["true", "false"]}},
    },
    "content": {BATCH: {"schema": {"type": "array", "items": _ref("NewsEvent")}}},
}


def schemas() -> dict[str, Any]:
    """JSON Schemas of what is exchanged, by name, for `#/components/schemas/`."""
    _, found = msgspec.json.schema_components(
        [CloudEvent, NewsEvent, Submission, ProblemDocument], ref_template=_REFS
    )
    event, contact = found.pop("CloudEvent"), found.pop("Submission")
    contact["required"] = [name for name in contact["required"] if name != "id"]
    contact["title"] = "Contact"
    contact["anyOf"] = [{"properties": {name: {"pattern": r"\S"}}} for name in ("subject", "message")]
    found["NewsEvent"]["properties"]["type"] = {"enum": list(TYPES.values())}
    submitted = {
        **event,
        "title": "SubmittedEvent",
        "required": [*event["required"], "data"],
        "properties": {**event["properties"], "type": {"const": SUBMITTED}, "data": _ref("Contact")},
    }
    batch = {
        "type": "array",
        "minItems": 1,
        "maxItems": MOST_IN_A_BATCH,
        "items": {"type": "object", "description": "A SubmittedEvent. Each is judged by itself."},
    }
    all_ = {**found, "Contact": contact, "SubmittedEvent": submitted, "SubmittedBatch": batch}
    plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(all_))  # tuples are lists in JSON
    return plain


def completed(openapi: dict[str, Any]) -> dict[str, Any]:
    """FastAPI's description with the schemas, and with the webhooks that the hub calls."""
    known = openapi.setdefault("components", {}).setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        known.pop(unused, None)
    known.update(schemas())
    openapi["webhooks"] = {"news": {"post": _news()}}
    return openapi


def _news() -> dict[str, Any]:
    names = ("webhook-id", "webhook-timestamp", "webhook-signature")
    headers = [
        {"name": name, "in": "header", "required": True, "schema": {"type": "string"}} for name in names
    ]
    return {
        "operationId": "news",
        "summary": "News about a case that you brought",
        "description": "Signed as Standard Webhooks asks; `webhook-id` is the event's id. Answer 2xx within 15 "
        "seconds; 410 ends the subscription; anything else is tried again for three days.",
        "parameters": headers,
        "requestBody": {"required": True, "content": {STRUCTURED: {"schema": _ref("NewsEvent")}}},
        "responses": {"2XX": {"description": "Taken."}, "410": {"description": "No more, please."}},
    }
