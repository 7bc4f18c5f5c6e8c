"""What a customer sees, in plain Dutch: dossiers with their status and history, and notifications. Pages of the simulators."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from demo.outside.page import page, rendered

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

_WORDING: Mapping[str, object] = {"words": words, "day": day, "moment": moment, "portal_of": portal_of}


def portal_page(number: str, dossiers: Sequence[Dossier], notices: Sequence[Notice]) -> str:
    """A customer's own page on his portal."""
    body = _part(_DOSSIERS, dossiers=dossiers) + _part(_NOTICES, notices=notices)
    return page(portal_of(number), number, body)


def inbox_page(number: str, notices: Sequence[Notice]) -> str:
    """The notifications of a customer."""
    return page("Berichten", number, _part(_NOTICES, notices=notices))


def overview_page(
    people: Iterable[tuple[str, int]],
    *,
    what: tuple[str, str] = ("dossier", "dossiers"),
    path: str = "/portaal",
    title: str = "Portalen van Vlaanderen",
) -> str:
    """Everybody who has something to see."""
    body = _part(_OVERVIEW, people=list(people), what=what, path=path)
    return page(title, "wie u kiest", body)


def _part(template: str, **values: object) -> str:
    return rendered(template, **_WORDING, **values)
