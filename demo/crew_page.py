"""What a crew sees on its list, in Dutch: the jobs, and buttons for how they go. Whatever system keeps the list.

Works without JavaScript; everything that came from outside is escaped.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from html import escape

from starlette.responses import HTMLResponse, Response

from canonical_model.work_order import ENDED, OrderState

WORDS = {
    OrderState.ORDERED: "Te doen",
    OrderState.PLANNED: "Gepland",
    OrderState.IN_PROGRESS: "Bezig",
    OrderState.DONE: "Klaar",
    OrderState.CANCELLED: "Geannuleerd",
    OrderState.NOT_FOUND: "Niet gevonden",
}
_BUTTONS = {
    OrderState.PLANNED: "Inplannen",
    OrderState.IN_PROGRESS: "Beginnen",
    OrderState.DONE: "Klaar",
    OrderState.CANCELLED: "Annuleren",
    OrderState.NOT_FOUND: "Niet te vinden",
}
_STYLE = """
body { font: 1rem/1.4 system-ui, sans-serif; margin: 0 auto; max-width: 50rem; padding: 1rem; color: #1c2321; background: #f6f7f5 }
article { background: #fff; border: 1px solid #c9d1cc; border-left: .5rem solid #b3541e; border-radius: .3rem; margin: 1rem 0; padding: .5rem 1rem }
article.ended { border-left-color: #2f6f4f; opacity: .85 }
h2 { font-size: 1.1rem; margin: .2rem 0 } .state { font-weight: bold } pre { font: inherit; white-space: pre-wrap; margin: .4rem 0 }
img { max-height: 8rem; margin-right: .5rem } label { display: block; margin: .4rem 0 } textarea { width: 100%; min-height: 2.5rem }
button { font: inherit; padding: .4rem .8rem; margin: .2rem .3rem .2rem 0 } li { margin: .2rem 0 }
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One job as the crew sees it; `photos` and `evidence` are addresses, `notes` what was told, oldest first."""

    id: str
    title: str
    text: str = field(repr=False)
    place: str = field(default="", repr=False)
    state: OrderState
    photos: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=(), repr=False)
    evidence: tuple[str, ...] = ()


def crew_page(crew: str, cards: Iterable[Card], *, action: str, photos: bool = True) -> Response:
    """The whole page; each form is posted to `action/{id}` with `state`, `note` and perhaps a `photo`.

    `photos`: the crew's system can keep photos of the work.
    """
    jobs = sorted(cards, key=lambda card: card.state in ENDED)
    todo = sum(card.state not in ENDED for card in jobs)
    shown = "".join(_job(card, action, photos=photos) for card in jobs) or "<p>Geen werk op de lijst.</p>"
    return HTMLResponse(
        f'<!doctype html><html lang="nl"><head><meta charset="utf-8"><title>{escape(crew)}: werklijst</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">'
        f"<style>{_STYLE}</style></head><body><h1>{escape(crew)}: werklijst</h1>"
        f"<p>Nagebootst voor test en demo: dit ziet de ploeg. {todo} te doen, {len(jobs) - todo} afgelopen.</p>"
        f"{shown}</body></html>",
        headers={
            "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; form-action 'self'",
            "X-Content-Type-Options": "nosniff",
        },
    )


def _job(card: Card, action: str, *, photos: bool) -> str:
    notes = "".join(f"<li>{escape(note)}</li>" for note in card.notes)
    place = f"<p>{escape(card.place)}</p>" if card.place else ""
    return (
        f'<article class="{"ended" if card.state in ENDED else "open"}" id="{escape(card.id)}">'
        f'<h2>{escape(card.title)}</h2><p class="state">{WORDS[card.state]}</p>{place}'
        f"<pre>{escape(card.text)}</pre>{_pictures(card.photos, 'Foto bij de melding')}"
        f"<ul>{notes}</ul>{_pictures(card.evidence, 'Foto van het werk')}"
        f"{'' if card.state in ENDED else _form(card, action, photos=photos)}</article>"
    )


def _pictures(addresses: tuple[str, ...], words: str) -> str:
    return "".join(f'<img src="{escape(address)}" alt="{words}">' for address in addresses)


def _form(card: Card, action: str, *, photos: bool) -> str:
    photo = '<label>Foto van het werk <input type="file" name="photo" accept="image/*"></label>'
    buttons = "".join(
        f'<button name="state" value="{state}">{words}</button>' for state, words in _BUTTONS.items()
    )
    return (
        f'<form method="post" enctype="multipart/form-data" action="{escape(action)}/{escape(card.id)}">'
        f'<label>Nota <textarea name="note" maxlength="2000"></textarea></label>'
        f"{photo if photos else ''}{buttons}</form>"
    )
