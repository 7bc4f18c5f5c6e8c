"""HTML forms with files, as browsers and web servers post them: multipart/form-data, read in memory."""

from collections.abc import Mapping
from dataclasses import dataclass

from python_multipart import FormParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import Field, File, parse_options_header

from ports.errors import NotUnderstoodError
from ports.files import Upload

MOST_FIELDS = 500
LARGEST_FIELD = 1_000_000


class FormError(NotUnderstoodError):
    """The body is not a form that can be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A form as it was filled in, order as sent. File fields that were left empty are not there."""

    texts: Mapping[str, str]
    uploads: tuple[Upload, ...]


def read_form(content_type: str, body: bytes) -> Form:
    """The form; line ends become `\\n`. Raises `FormError`. Personal data never touches a temporary file."""
    boundary = parse_options_header(content_type)[1].get(b"boundary")
    if not boundary:
        raise FormError("the content type has no boundary")
    parts = _Parts()
    try:
        parser = FormParser(
            "multipart/form-data",
            parts.add_field,
            parts.add_file,
            parts.end,
            boundary=boundary,
            config={"MAX_MEMORY_FILE_SIZE": len(body) + 1, "UPLOAD_ERROR_ON_BAD_CTE": True},
        )
        parser.write(body)
        parser.finalize()
    except (FormParserError, UnicodeError):
        raise FormError("is not multipart/form-data in UTF-8") from None
    if not parts.complete:
        raise FormError("the closing boundary is missing: the form was cut off")
    if any("\0" in text for text in parts.texts.values()):
        raise FormError("holds a NUL character: remove it")
    return Form(texts=parts.texts, uploads=tuple(parts.uploads))


class _Parts:
    """Collects the parts of a multipart form."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self.uploads: list[Upload] = []
        self.complete = False

    def add_field(self, field: Field) -> None:
        value = field.value or b""
        name = (field.field_name or b"").decode("utf-8")
        if len(value) > LARGEST_FIELD or len(self.texts) >= MOST_FIELDS:
            raise FormError(f"at most {MOST_FIELDS} fields of {LARGEST_FIELD} bytes are accepted")
        if name in self.texts:
            raise FormError("holds the same field twice")
        self.texts[name] = value.decode("utf-8").replace("\r\n", "\n")

    def add_file(self, file: File) -> None:
        file.file_object.seek(0)
        content = file.file_object.read()
        if content or file.file_name:
            self.uploads.append(Upload(_file_name(file.file_name or b""), content))

    def end(self) -> None:
        self.complete = True


def _file_name(name: bytes) -> str:
    return name.decode("utf-8")[-500:]
