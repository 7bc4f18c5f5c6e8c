"""CloudEvents 1.0 over HTTP, structured (`application/cloudevents+json`) or binary (`ce-` headers)."""

from dataclasses import dataclass, field
from urllib.parse import unquote

from starlette.datastructures import Headers

from adapters.acmidm.problems import misfit
from adapters.acmidm.strict import Json, JsonObject, object_of
from ports.problems import MALFORMED, WRONG_TYPE

_STRUCTURED = "application/cloudevents+json"
_PLAIN = ("application/json", "application/ld+json")
_LONGEST = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudEvent:
    """One event. `source` and `id` together are its identity, for ever."""

    id: str
    source: str
    type: str
    data: JsonObject = field(repr=False)

    @property
    def ref(self) -> str:
        """The identity as one text."""
        return f"{self.source} {self.id}"


def read_cloud_event(body: bytes, headers: Headers) -> CloudEvent:
    """The event. Raises `SubmissionError`."""
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type == _STRUCTURED:
        envelope = object_of(body)
        if "data_base64" in envelope:
            raise misfit("$.data_base64", "send the report as JSON in `data`")
        return _event(envelope, envelope.get("data"), "$.")
    if media_type in _PLAIN and "ce-id" in headers:
        attributes: JsonObject = {
            name[3:]: unquote(value) for name, value in headers.items() if name.startswith("ce-")
        }
        return _event(attributes, object_of(body), "ce-")
    raise misfit("$", f"send {_STRUCTURED}, or JSON with the ce- headers", problem=WRONG_TYPE)


def _event(attributes: JsonObject, data: Json, place: str) -> CloudEvent:
    if attributes.get("specversion") != "1.0":
        raise misfit(f"{place}specversion", "expected 1.0")
    named = {name: _attribute(attributes, name, place) for name in ("id", "source", "type")}
    if not isinstance(data, dict):
        raise misfit("$.data", "expected an object", problem=MALFORMED)
    return CloudEvent(**named, data=data)


def _attribute(attributes: JsonObject, name: str, place: str) -> str:
    value = attributes.get(name)
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        raise misfit(f"{place}{name}", "is required, as text")
    if len(value) > _LONGEST or " " in value:
        raise misfit(f"{place}{name}", f"may have {_LONGEST} characters, without spaces")
    return value
