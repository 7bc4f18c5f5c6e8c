"""What a handler sees and does in the tracker's own pages, which are our configuration of Roundup."""

import re
from html import unescape

import httpx
import pytest

from canonical_model.party import Party, PartyKind
from canonical_model.status import CaseStatus
from ports.contracts.tracker import a_case, a_file, a_note, drained


class Browser:
    """Just enough of one: cookies, forms, redirects."""

    def __init__(self, url):
        self.http = httpx.Client(base_url=url, trust_env=False, follow_redirects=True, timeout=20)

    def open(self, path):
        return self.http.get(path)

    def send(self, page, form, path="", **values):
        """Fill in the form that has this piece of text in it, and send it with its hidden fields."""
        (body,) = [body for body in re.findall(r"<form.*?</form>", page.text, re.DOTALL) if form in body]
        hidden = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', body)
        fields = {name: unescape(value) for name, value in hidden} | values
        origin = str(self.http.base_url).partition("/tracker")[0]
        return self.http.post(path, data=fields, headers={"Origin": origin, "Referer": str(page.url)})


@pytest.fixture
def browser(running_tracker):
    browser = Browser(running_tracker.url)
    yield browser
    browser.http.close()


@pytest.fixture
def log_in(browser, running_tracker):
    def as_user(name, password=None):
        password = password or running_tracker.handler_password
        page = browser.open("")
        return browser.send(page, "__login_name", __login_name=name, __login_password=password)

    return as_user


async def test_a_stranger_sees_the_log_in_only(tracker, browser):
    case = a_case()
    id_ = (await tracker.create_if_absent(case)).id

    for path in ("", "issue", f"issue{id_}", "party", "user", "msg1"):
        assert case.ref not in browser.open(path).text
        assert case.party.name not in browser.open(path).text
    assert "Wachtwoord" in browser.open("").text


async def test_a_wrong_password_does_not_open_the_door(log_in):
    assert "Afmelden" not in log_in("openbaar-domein", "verkeerd").text


async def test_a_handler_answers_a_customer(tracker, browser, log_in):
    case = a_case(due=None)
    id_ = (await tracker.create_if_absent(case)).id
    await tracker.add_attachment(id_, f"{id_}/f", a_file(b"foto", "een foto ë.jpg"), b"foto")
    _, cursor = await drained(tracker)

    log_in("openbaar-domein")
    page = browser.open(f"issue{id_}")
    assert case.description in page.text
    assert case.party.name in page.text
    assert "een foto ë.jpg" in page.text
    text = "Dag Jo,\nde tegel ligt weer vast. € 0 <b>"
    sent = browser.send(page, 'id="antwoord"', f"issue{id_}", **{"msg-1@content": text, "status": "5"})

    assert "Bewaard" in sent.text
    assert "<b>" not in sent.text.partition("Verloop")[2].partition("Antwoorden")[0]
    changes, _ = await drained(tracker, cursor)
    assert [answer.text for answer in changes[-1].answers] == [text]
    assert changes[-1].status is CaseStatus.ANSWERED


async def test_an_internal_note_never_reaches_the_customer(tracker, browser, log_in):
    id_ = (await tracker.create_if_absent(a_case())).id
    _, cursor = await drained(tracker)

    log_in("openbaar-domein")
    page = browser.open(f"issue{id_}")
    browser.send(page, 'id="nota"', f"issue{id_}", **{"msg-1@content": "Bellen naar de aannemer"})

    changes, _ = await drained(tracker, cursor)
    assert changes[-1].answers == ()
    note = (await tracker.get(id_)).notes[-1]
    assert (note.text, note.public) == ("Bellen naar de aannemer", False)


async def test_a_text_of_unknown_make_is_internal(tracker, handler):
    id_ = (await tracker.create_if_absent(a_case())).id
    _, cursor = await drained(tracker)

    message = await handler.client.create("msg", {"content": "zomaar een tekst"})
    (case,) = [case async for case in _item(handler, id_)]
    await handler.client.link("issue", id_, case.etag, {"messages": [message]})

    changes, _ = await drained(tracker, cursor)
    assert changes[-1].answers == ()


async def _item(handler, id_):
    from adapters.roundup.records import ISSUE

    yield await handler.client.item(ISSUE, id_)


async def test_a_handler_hands_a_case_to_another_group(tracker, browser, log_in):
    id_ = (await tracker.create_if_absent(a_case())).id

    log_in("openbaar-domein")
    page = browser.open(f"issue{id_}")
    choice = re.search(r'<option value="(\d+)"[^>]*>Burgerzaken', page.text)[1]
    browser.send(page, 'id="group"', f"issue{id_}", group=choice, status="2", priority="3")

    moved = await tracker.get(id_)
    assert (moved.group, moved.status) == ("burgerzaken", CaseStatus.IN_PROGRESS)
    assert "niet (meer) bij uw behandelaarsgroep" in browser.open(f"issue{id_}").text


async def test_a_handler_sees_the_cases_of_the_own_group_only(tracker, browser, log_in):
    mine = a_case(party=Party(kind=PartyKind.PERSON, name="Mia Mijn"))
    theirs = a_case(group="burgerzaken", party=Party(kind=PartyKind.PERSON, name="Theo Hun"))
    await tracker.create_if_absent(mine)
    hidden = (await tracker.create_if_absent(theirs)).id
    await tracker.add_note(hidden, a_note(f"{hidden}/n", text="geheim van burgerzaken"))

    log_in("openbaar-domein")

    everything = "issue?@columns=canonical_id,title&@sort=-id&@pagesize=1000"
    assert mine.ref in browser.open(everything).text
    assert theirs.ref not in browser.open(everything).text
    page = browser.open(f"issue{hidden}").text
    assert "geheim van burgerzaken" not in page
    assert "Theo Hun" not in page


async def test_the_contact_centre_sees_all_cases(tracker, browser, log_in):
    cases = [a_case(), a_case(group="burgerzaken")]
    for case in cases:
        await tracker.create_if_absent(case)

    log_in("kcc")

    page = browser.open("issue?@columns=canonical_id,title&@sort=-id&@pagesize=1000").text
    assert all(case.ref in page for case in cases)


async def test_a_long_list_goes_on_on_the_next_page(tracker, browser, log_in):
    cases = [a_case() for _ in range(3)]
    for case in cases:
        await tracker.create_if_absent(case)
    log_in("kcc")

    page = browser.open("issue?@columns=canonical_id,title&@sort=-id&@pagesize=1")
    shown = [case.ref for case in cases if case.ref in page.text]
    forward = unescape(re.search(r'href="([^"]+)">Volgende', page.text)[1])
    following = browser.open(forward)

    assert len(shown) == 1
    assert shown[0] not in following.text
    assert "Vorige" in following.text


async def test_no_page_lists_the_customers(tracker, browser, log_in):
    await tracker.create_if_absent(a_case(party=Party(kind=PartyKind.PERSON, name="Petra Privaat")))
    other = (await tracker.create_if_absent(a_case())).id

    log_in("openbaar-domein")

    assert "Petra Privaat" not in browser.open(f"issue{other}").text
    assert 'name="requester"' not in browser.open(f"issue{other}").text
    assert "Petra Privaat" not in browser.open("party").text


async def test_words_of_a_customer_are_shown_not_run(tracker, browser, log_in):
    bad = "<script>alert(1)</script>"
    party = Party(kind=PartyKind.PERSON, name=bad, email=f"{bad}@x.be")
    id_ = (await tracker.create_if_absent(a_case(subject=bad, description=bad, party=party))).id
    await tracker.add_attachment(
        id_, f"{id_}/f", a_file(b"x", f"{bad}.html", "text/html"), b"<script>x</script>"
    )

    log_in("openbaar-domein")

    for path in (f"issue{id_}", ""):
        page = browser.open(path)
        assert page.status_code == 200
        assert "<script" not in page.text
    file_id = await tracker.find_attachment(id_, f"{id_}/f")
    assert "text/html" not in browser.open(f"file{file_id}/x.html").headers["content-type"]


async def test_a_form_from_elsewhere_changes_nothing(tracker, browser, log_in):
    id_ = (await tracker.create_if_absent(a_case())).id
    log_in("openbaar-domein")

    fields = {"@action": "edit", "status": "6"}
    browser.http.post(f"issue{id_}", data=fields, headers={"Origin": "http://elders.example"})
    browser.http.post(f"issue{id_}", data=fields | {"@csrf": "verzonnen"})

    assert (await tracker.get(id_)).status is CaseStatus.NEW


def test_no_page_needs_javascript_or_others(browser, log_in):
    page = log_in("kcc").text

    assert "<script" not in page
    assert not re.findall(r'(?:src|href)="(?:https?:)?//(?!127\.0\.0\.1)', page)
    assert 'lang="nl"' in page
