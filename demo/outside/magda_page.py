"""What MAGDA saw, for people to look at: every question, who asked, what was answered; never about whom."""

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.responses import Response

from demo.outside.page import answer, rendered

_SHOWN = 3
_ASKED = """
<p>Elke vraag van de stad om iemands naam, met het nummer afgedekt. Onder dezelfde referte schreef de stad bij vragen over personen vooraf in haar
auditspoor waarom ze het vroeg.</p>
<table><tr><th>Uur</th><th>Dienst</th><th>Vraagt</th><th>Referte</th><th>Over</th><th>MAGDA antwoordt</th></tr>
{% for one in questions %}<tr><td>{{ one.at }}</td><td>{{ one.service }}</td><td>{{ one.sender }}</td><td>{{ one.reference }}</td>
<td>{{ one.about }}</td><td>{{ one.outcome }}</td></tr>
{% else %}<tr><td colspan="6">Nog niets gevraagd.</td></tr>{% endfor %}</table>"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One envelope. `about`: the number, masked; `code`: of the trouble, "" for none; `outcome`: the same in Dutch, without a name."""

    at: str
    service: str
    sender: str
    reference: str
    about: str
    code: str
    outcome: str


def masked(number: str) -> str:
    """Only the end of a number is shown."""
    return f"{'•' * max(0, len(number) - _SHOWN)}{number[-_SHOWN:]}"


def asked_page(questions: Sequence[Question]) -> Response:
    """The page."""
    return answer("MAGDA", "wie bij MAGDA het logboek leest", rendered(_ASKED, questions=questions))
