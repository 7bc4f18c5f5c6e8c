"""What a customer sees, in plain Dutch: dossiers with their status and history, and notifications. Pages of the simulators."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

_MONTHS = (
    "januari", "februari", "maart", "april", "mei", "juni", "juli", "augustus", "september", "oktober", "november", "december",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One status in a dossier's history; `at` is Belgian time without offset."""

    at: str
    phase: str
    code: str
    detail: str = ""
    action: str = ""
    action_needed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Dossier:
    """A dossier with its history, oldest first."""

    number: str
    title: str
    link: str
    manager: Mapping[str, object] = field(default_factory=dict[str, object])
    steps: tuple[Step, ...]

    @property
    def now(self) -> Step:
        """How it stands."""
        return self.steps[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A notification as it arrived."""

    id: str
    number: str
    title: str
    code: str
    detail: str
    link: str
    sender: str
    expires: str
    opt_out: str
    mailed: bool


def words(code: str) -> str:
    """`DossierOnvolledig` is "Dossier onvolledig"."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", code)
    return spaced[:1] + spaced[1:].lower()


def day(at: str) -> str:
    """ "2 maart 2026"."""
    then = datetime.fromisoformat(at)
    return f"{then.day} {_MONTHS[then.month - 1]} {then.year}"


def moment(at: str) -> str:
    """ "2 maart 2026 om 10.15 uur"."""
    return f"{day(at)} om {datetime.fromisoformat(at):%H.%M} uur"


def portal_of(number: str) -> str:
    """Which portal somebody with this number uses."""
    if number.startswith("V"):
        return "Verenigingsloket"
    return "Mijn Burgerprofiel" if len(number) == 11 else "e-loket ondernemers"


_PAGE = """<!doctype html>
<html lang="nl"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">
<title>{{ title }} (nagebootst)</title>
<style>
 body { font: 1.05rem/1.5 system-ui, sans-serif; margin: 0; color: #222; background: #f2f4f6; }
 header { background: #ffe615; border-bottom: 3px solid #333; padding: .8rem 1.2rem; }
 header p { margin: 0; font-size: .9rem; }
 main { max-width: 52rem; margin: 1.5rem auto; padding: 0 1rem; }
 h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.25rem; }
 article { background: #fff; border: 1px solid #d0d5da; border-radius: .4rem; padding: 1rem 1.2rem; margin: 1rem 0; }
 article h3 { margin: 0 0 .2rem; font-size: 1.1rem; }
 .status { font-weight: 600; } .turn { background: #fff3cd; border-left: 5px solid #b35c00; padding: .5rem .8rem; }
 .small { color: #555; font-size: .9rem; margin: .2rem 0; } ol { padding-left: 1.2rem; } a { color: #0055cc; }
</style></head><body>
<header><h1>{{ title }}</h1><p>Nagebootst voor test en demo: dit ziet {{ who }}.</p></header>
<main>{{ body }}</main></body></html>"""

_DOSSIERS = """
<h2>Mijn dossiers ({{ dossiers|length }})</h2>
{% for one in dossiers %}<article id="{{ one.number }}">
<h3>{{ one.title }}</h3>
<p class="small">Dossier {{ one.number }}{% if one.manager.get("Naam") %}, {{ one.manager["Naam"] }}{% if one.manager.get("Dienst") %} - {{ one.manager["Dienst"] }}{% endif %}{% endif %}</p>
<p class="status">{{ words(one.now.code) }} <span class="small">(fase: {{ words(one.now.phase) }})</span></p>
{% if one.now.detail %}<p>{{ one.now.detail }}</p>{% endif %}
{% if one.now.action_needed %}<p class="turn"><strong>U moet nog iets doen.</strong> {{ one.now.action }}</p>{% endif %}
<details {{ "open" if dossiers|length < 4 }}><summary>Geschiedenis</summary><ol>
{% for step in one.steps %}<li>{{ moment(step.at) }}: {{ words(step.code) }}{% if step.detail %}. {{ step.detail }}{% endif %}</li>
{% endfor %}</ol></details>
{% if one.link %}<p><a href="{{ one.link }}">Bekijk dit dossier bij de stad</a></p>{% endif %}
</article>{% else %}<p>U hebt geen dossiers.</p>{% endfor %}"""

_NOTICES = """
<h2>Mijn berichten ({{ notices|length }})</h2>
{% for one in notices %}<article>
<h3>{{ one.sender or "Uw gemeente" }}: er is nieuws over uw dossier</h3>
<p>{{ one.title or one.number }}: <span class="status">{{ words(one.code) }}</span></p>
{% if one.detail %}<p>{{ one.detail }}</p>{% endif %}
<p class="small">Dossier {{ one.number }}{% if one.expires %}, nuttig tot en met {{ day(one.expires) }}{% endif %}.
{{ "Ook gemaild." if one.mailed else "Niet gemaild: u wilt geen mails." }}</p>
{% if one.link %}<p><a href="{{ one.link }}">Bekijk dit dossier bij de stad</a></p>{% endif %}
{% if one.opt_out %}<p class="small"><a href="{{ one.opt_out }}">Geen berichten meer krijgen</a></p>{% endif %}
</article>{% else %}<p>U hebt geen berichten.</p>{% endfor %}"""

_OVERVIEW = """
<h2>Wie wilt u zijn?</h2>
<ul>{% for number, count in people %}<li><a href="{{ path }}/{{ number|urlencode }}">{{ portal_of(number) }}: {{ number }}</a> ({{ count }} {{ what[0] if count == 1 else what[1] }})</li>
{% else %}<li>Nog niemand: er is niets ontvangen.</li>{% endfor %}</ul>"""

_JINJA = Environment(autoescape=True, undefined=StrictUndefined)
_WORDING: Mapping[str, object] = {"words": words, "day": day, "moment": moment, "portal_of": portal_of}


def portal_page(number: str, dossiers: Sequence[Dossier], notices: Sequence[Notice]) -> str:
    """A customer's own page on his portal."""
    body = _part(_DOSSIERS, dossiers=dossiers) + _part(_NOTICES, notices=notices)
    return _page(portal_of(number), number, body)


def inbox_page(number: str, notices: Sequence[Notice]) -> str:
    """The notifications of a customer."""
    return _page("Berichten", number, _part(_NOTICES, notices=notices))


def overview_page(
    people: Iterable[tuple[str, int]],
    *,
    what: tuple[str, str] = ("dossier", "dossiers"),
    path: str = "/portaal",
) -> str:
    """Everybody who has something to see."""
    body = _part(_OVERVIEW, people=list(people), what=what, path=path)
    return _page("Portalen van Vlaanderen", "wie u kiest", body)


def _part(template: str, **values: object) -> str:
    return _JINJA.from_string(template).render(**_WORDING, **values)


def _page(title: str, who: str, body: str) -> str:

    return _JINJA.from_string(_PAGE).render(title=title, who=who, body=Markup(body))  # noqa: S704 - escaped above
