"""The contract: a submission as our own JSON has it, and as all other shapes are brought to."""

from datetime import datetime
from typing import Annotated

import msgspec

from canonical_model.contact import Kind

Line = Annotated[str, msgspec.Meta(max_length=500)]
Text = Annotated[str, msgspec.Meta(max_length=200_000)]
Latitude = Annotated[float, msgspec.Meta(ge=-90, le=90)]
Longitude = Annotated[float, msgspec.Meta(ge=-180, le=180)]
Seconds = Annotated[float, msgspec.Meta(ge=0)]


class Person(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who writes. All optional: anonymous submissions are welcome."""

    name: Line = ""
    email: Line = ""
    phone: Line = ""
    insz: Line = ""


class Organisation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The company or association that somebody writes for."""

    name: Line = ""
    kbo: Line = ""
    vestigingsnummer: Line = ""
    vcode: Line = ""


class Place(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where it is about; the point in WGS84 degrees, both or none."""

    address: Line = ""
    postcode: Annotated[str, msgspec.Meta(max_length=10)] = ""
    area: Line = ""
    latitude: Latitude | None = None
    longitude: Longitude | None = None


class Upload(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file; the content is base64 in JSON."""

    name: Line
    content: bytes


class Submission(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One form that somebody sent. Times without offset are Brussels time; `case` is the number of an earlier case."""

    id: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    subject: Line
    message: Text
    submitted_at: datetime | None = None
    kind: Kind | None = None
    category: Line = ""
    product: Line = ""
    language: Annotated[str, msgspec.Meta(max_length=35)] = ""
    person: Person | None = None
    organisation: Organisation | None = None
    location: Place | None = None
    case: Annotated[str, msgspec.Meta(max_length=20)] = ""
    attachments: tuple[Upload, ...] = ()
    honeypot: Text = ""
    filled_in_seconds: Seconds | None = None
