"""The registration page: one template, every state of it."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources

from jinja2 import Environment
from starlette.responses import HTMLResponse, Response

from adapters.counter.catalogue import Shelf
from adapters.counter.settings import Settings
from adapters.counter.texts import TEXTS
from ports.products import Offer
from ports.staff import Employee

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; worker-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
STATIC = {
    "counter.js": "text/javascript; charset=utf-8",
    "counter.css": "text/css; charset=utf-8",
}
_NOT_SHOWN_AGAIN = frozenset({"insz", "csrf"})
_VERDICTS = ("registered", "reminded", "no_product", "no_show", "left", "never_ended")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """What the page shows besides the form. `fields` is what was typed; never shown: INSZ.

    `offers`: what the catalogue has for `search`; None when nobody searched.
    """

    fields: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    errors: Mapping[str, str] = field(default_factory=dict[str, str])
    problem: str = ""
    done: str = ""
    done_case: str = ""
    found: str = ""
    visits: Mapping[str, int] = field(default_factory=dict[str, int])
    offline: bool = False
    search: str = ""
    offers: Sequence[Offer] | None = None
    catalogue_away: bool = False
    fresh_id: bool = True


class Pages:
    """Renders for one instance, whose pages stand under `base`."""

    def __init__(self, base: str, settings: Settings, shelf: Shelf) -> None:
        self._shelf = shelf
        self._base = base
        self._settings = settings
        source = (resources.files("adapters.counter") / "register.html").read_text("utf-8")
        self._template = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(
            source
        )

    def show(self, employee: Employee | None, sheet: Sheet, status: int = 200) -> Response:
        """The page in the employee's language; a form that is shown fresh gets an id of its own."""
        language = "en" if employee and employee.language == "en" else "nl"
        queue = self._settings.queue
        page = self._template.render(
            language=language,
            t=TEXTS[language],
            base=self._base,
            employee="" if employee is None or sheet.offline else employee.name,
            csrf="" if employee is None or sheet.offline else employee.csrf,
            id=str(uuid.uuid4()) if sheet.fresh_id else sheet.fields.get("id", ""),
            fields={name: text for name, text in sheet.fields.items() if name not in _NOT_SHOWN_AGAIN},
            errors=sheet.errors,
            start=next(iter(sheet.errors), "product"),
            problem=sheet.problem,
            done=sheet.done,
            done_case=sheet.done_case,
            found=sheet.found,
            offline=sheet.offline,
            products=_products(self._settings, language),
            branches=tuple(queue.branches.items()) if queue else (),
            catalogue=self._shelf.has_catalogue,
            search=sheet.search,
            offers=sheet.offers,
            catalogue_away=sheet.catalogue_away,
            appointments=self._settings.appointments is not None,
            visits=[(one, sheet.visits[one]) for one in _VERDICTS if sheet.visits.get(one)],
        )
        return HTMLResponse(page, status, headers=HEADERS)


def own_file(name: str) -> Response:
    """The page's style sheet or script: no secret, but to be asked for again after an update."""
    content = (resources.files("adapters.counter") / "static" / name).read_bytes()
    headers = {**HEADERS, "Cache-Control": "no-cache"}
    return Response(content, headers=headers, media_type=STATIC.get(name, "text/javascript; charset=utf-8"))


def _products(settings: Settings, language: str) -> list[tuple[str, str]]:
    named = [
        (code, one.name_en if language == "en" and one.name_en else one.name)
        for code, one in settings.products.items()
    ]
    return sorted(named, key=lambda one: one[1].casefold())
