"""A Zammad made after its documentation: what docs.zammad.org says of its REST interface, and no more.

Not a recording: no real Zammad was at hand. Where the documentation is silent it follows the public source
(`tickets_controller.rb`, `can_search.rb`): searching by `condition`, merging, at most 200 on a page. It keeps dates to
the millisecond, tells no totals, and refuses what it does not know with a 422, as the documentation shows.
"""

import base64
import json
import re
from datetime import UTC, datetime, timedelta

import httpx
import respx

from adapters.tracking.words import STATUSES
from adapters.zammad.translate import FIELDS
from ports.contracts.tracker import GROUPS

TOKEN = "een-token"
CUSTOMER = "burger"
STATES = ("new", "open", "pending reminder", "closed", "merged", *STATUSES.values())
MOST = 200


class DocumentedZammad:
    """Tickets, articles and files in memory, behind a router for `httpx.MockTransport`."""

    def __init__(self, groups=GROUPS, states=STATES, attributes=FIELDS):
        self.groups = {name: number for number, name in enumerate(("Users", *groups), start=1)}
        self.states = {name: number for number, name in enumerate(states, start=1)}
        self.attributes = attributes
        self.tickets = {}
        self.articles = {}
        self.files = {}
        self.requests = []
        self.before_create = lambda: None
        self._clock = datetime.now(UTC)
        self.router = respx.MockRouter(assert_all_called=False)
        api = r"/api/v1"
        for method, path, answer in (
            ("GET", rf"{api}/groups$", self._groups),
            ("GET", rf"{api}/ticket_states$", self._states),
            ("GET", rf"{api}/object_manager_attributes$", self._attributes),
            ("GET", rf"{api}/tickets/search$", self._search),
            ("GET", rf"{api}/tickets/(?P<ticket>\d+)$", self._show),
            ("POST", rf"{api}/tickets$", self._create),
            ("PUT", rf"{api}/tickets/(?P<ticket>\d+)$", self._update),
            ("PUT", rf"{api}/ticket_merge/(?P<ticket>\d+)/(?P<number>\d+)$", self._merge),
            ("GET", rf"{api}/ticket_articles/by_ticket/(?P<ticket>\d+)$", self._by_ticket),
            ("POST", rf"{api}/ticket_articles$", self._say),
            ("GET", rf"{api}/ticket_attachment/(?P<path>\d+/\d+/\d+)$", self._download),
        ):
            self.router.route(method=method, path__regex=path).mock(side_effect=self._guarded(answer))

    @property
    def transport(self):
        return httpx.MockTransport(self.router.async_handler)

    def now(self):
        """Milliseconds that never stand still."""
        self._clock = max(self._clock + timedelta(milliseconds=1), datetime.now(UTC))
        return self._clock.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def add_ticket(self, values):
        """A ticket with attributes as they are asked for; nothing is checked."""
        id_ = len(self.tickets) + 1
        own = {"id": id_, "number": str(22000 + id_), "state": "new", "group": "Users", "title": ""}
        self.tickets[id_] = {**own, **dict.fromkeys(self.attributes), **values, "updated_at": self.now()}
        return self.tickets[id_]

    def add_article(self, ticket, values):
        """A text; the ticket changes with it."""
        id_ = len(self.articles) + 1
        files = []
        for attachment in values.get("attachments", ()):
            number, content = len(self.files) + 1, base64.b64decode(attachment["data"])
            self.files[f"{ticket}/{id_}/{number}"] = content
            kind = {"Mime-Type": attachment["mime-type"]}
            about = {"id": number, "filename": attachment["filename"], "size": str(len(content))}
            files.append({**about, "preferences": kind})
        self.articles[id_] = {
            "sender": "Agent",
            "subject": "",
            "content_type": "text/plain",
            **values,
            "id": id_,
            "ticket_id": ticket,
            "created_at": self.now(),
            "attachments": files,
        }
        self.tickets[ticket]["updated_at"] = self.now()
        return self.articles[id_]

    def _guarded(self, answer):
        def handle(request, **found):
            self.requests.append((request.method, request.url.path))
            if request.headers.get("Authorization") != f"Token token={TOKEN}":
                return httpx.Response(401, json={"error": "authentication failed"})
            return answer(request, **found)

        return handle

    def _groups(self, request):
        return self._page(request, [_named(number, name) for name, number in self.groups.items()])

    def _states(self, request):
        return self._page(request, [_named(number, name) for name, number in self.states.items()])

    def _attributes(self, request):
        rows = [{"id": 1, "name": name, "object": "Ticket", "active": True} for name in self.attributes]
        return httpx.Response(200, json=[*rows, {"id": 2, "name": "vip", "object": "User", "active": True}])

    def _search(self, request):
        rows = [
            row for row in self.tickets.values() if all(self._fits(row, *one) for one in _condition(request))
        ]
        rows.sort(key=lambda row: row[request.url.params["sort_by"]])
        return self._page(request, rows)

    def _fits(self, row, attribute, operator, values):
        if attribute == "group_id":
            return str(self.groups[row["group"]]) in values
        if attribute == "state_id":
            return str(self.states[row["state"]]) in values
        held = row[attribute]
        match operator:
            case "is":
                return held is not None and held.lower() == values[0].lower()
            case "before (absolute)":
                return held is not None and held <= values[0]
            case "after (absolute)":
                return held is not None and held >= values[0]

    def _show(self, request, ticket):
        return self._shown(int(ticket))

    def _create(self, request):
        values = json.loads(request.content)
        article = values.pop("article")
        wrong = self._wrong(values) or (None if values.get("customer") == CUSTOMER else "customer")
        if wrong:
            return _unprocessable(wrong)
        self.before_create()
        del values["customer"]
        ticket = self.add_ticket({name: value for name, value in values.items() if self._keeps(name)})
        self.add_article(ticket["id"], article)
        return httpx.Response(201, json=ticket)

    def _update(self, request, ticket):
        if int(ticket) not in self.tickets:
            return _not_found()
        values = json.loads(request.content)
        wrong = self._wrong(values)
        if wrong:
            return _unprocessable(wrong)
        self.tickets[int(ticket)] |= {**values, "updated_at": self.now()}
        return self._shown(int(ticket))

    def _merge(self, request, ticket, number):
        target = next((row for row in self.tickets.values() if row["number"] == number), None)
        if target is None:
            return httpx.Response(200, json={"result": "failed", "message": "no such ticket"})
        for article in self.articles.values():
            if article["ticket_id"] == int(ticket):
                article["ticket_id"] = target["id"]
        self.tickets[int(ticket)] |= {"state": "merged", "updated_at": self.now()}
        target["updated_at"] = self.now()
        return httpx.Response(200, json={"result": "success"})

    def _by_ticket(self, request, ticket):
        if int(ticket) not in self.tickets:
            return _not_found()
        found = [one for one in self.articles.values() if one["ticket_id"] == int(ticket)]
        return httpx.Response(200, json=found)

    def _say(self, request):
        values = json.loads(request.content)
        if values["ticket_id"] not in self.tickets:
            return _not_found()
        return httpx.Response(201, json=self.add_article(values.pop("ticket_id"), values))

    def _download(self, request, path):
        return httpx.Response(200, content=self.files[path])

    def _shown(self, id_):
        return httpx.Response(200, json=self.tickets[id_]) if id_ in self.tickets else _not_found()

    def _page(self, request, rows):
        size = min(int(request.url.params["per_page"]), MOST)
        start = (int(request.url.params["page"]) - 1) * size
        return httpx.Response(200, json=rows[start : start + size])

    def _wrong(self, values):
        if values.get("group", "Users") not in self.groups:
            return "group"
        return None if values.get("state", "new") in self.states else "state"

    def _keeps(self, name):
        return name in {"title", "group", "state", *self.attributes}


class Agent:
    """A handler who works in the double as people work in Zammad: with its rich editor."""

    def __init__(self, zammad):
        self._zammad = zammad

    async def answer(self, ref, text):
        body = f"<div>{text.replace(chr(10), '<br>')}</div>"
        article = {"body": body, "content_type": "text/html", "type": "note", "internal": False}
        self._zammad.add_article(self._case(ref)["id"], article)

    async def set_status(self, ref, status):
        self._case(ref).update(state=STATUSES[status], updated_at=self._zammad.now())

    async def download(self, attachment_id):
        return self._zammad.files[attachment_id]

    def _case(self, ref):
        return next(row for row in self._zammad.tickets.values() if row["canonical_id"] == ref)


def _condition(request):
    """Attribute, operator and values of each part."""
    parts = {}
    for name, value in request.url.params.multi_items():
        found = re.fullmatch(r"condition\[ticket\.(\w+)\]\[(operator|value)\](\[\])?", name)
        if found:
            parts.setdefault(found[1], {"operator": [], "value": []})[found[2]].append(value)
    return [(attribute, part["operator"][0], part["value"]) for attribute, part in parts.items()]


def _named(number, name):
    return {"id": number, "name": name, "active": True}


def _not_found():
    return httpx.Response(404, json={"error": "Couldn't find Ticket"})


def _unprocessable(attribute):
    return httpx.Response(422, json={"error": f"No lookup value found for '{attribute}'"})
