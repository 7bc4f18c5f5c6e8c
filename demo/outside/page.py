"""How the pages of the simulated systems look: plain Dutch, without script, everything from outside escaped."""

from collections.abc import Mapping

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse

HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
_JINJA = Environment(autoescape=True, undefined=StrictUndefined)
_PAGE = """<!doctype html>
<html lang="nl"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">
<title>{{ title }} (nagebootst)</title>
<style>
 body { font: 1.05rem/1.5 system-ui, sans-serif; margin: 0; color: #222; background: #f2f4f6; }
 header { background: #ffe615; border-bottom: 3px solid #333; padding: .8rem 1.2rem; }
 header p { margin: 0; font-size: .9rem; }
 main { max-width: 56rem; margin: 1.5rem auto; padding: 0 1rem; }
 h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.25rem; }
 article { background: #fff; border: 1px solid #d0d5da; border-radius: .4rem; padding: 1rem 1.2rem; margin: 1rem 0; overflow-wrap: anywhere; }
 article.gone { opacity: .7; border-style: dashed; }
 article h3 { margin: 0 0 .2rem; font-size: 1.1rem; }
 .status { font-weight: 600; } .turn { background: #fff3cd; border-left: 5px solid #b35c00; padding: .5rem .8rem; }
 .small { color: #555; font-size: .9rem; margin: .2rem 0; } ol { padding-left: 1.2rem; } a { color: #0055cc; }
 pre { font: inherit; white-space: pre-wrap; margin: .4rem 0; }
 table { border-collapse: collapse; width: 100%; background: #fff; } th, td { border: 1px solid #d0d5da; padding: .4rem .6rem; text-align: left; vertical-align: top; }
</style></head><body>
<header><h1>{{ title }}</h1><p>Nagebootst voor test en demo: dit ziet {{ who }}.</p></header>
<main>{{ body }}</main></body></html>"""


def rendered(template: str, **values: object) -> str:
    """Part of a page; values are escaped."""
    return _JINJA.from_string(template).render(**values)


def page(title: str, who: str, body: str) -> str:
    """The whole page around a part that was `rendered`. `who` sees it."""
    return rendered(_PAGE, title=title, who=who, body=Markup(body))  # noqa: S704 - escaped when it was rendered


def answer(title: str, who: str, body: str) -> HTMLResponse:
    """The page as an answer that may load nothing from elsewhere."""
    return HTMLResponse(page(title, who, body), headers=dict(HEADERS))
