"""What the server's answers mean for what happens next."""

import httpx
import pytest

from adapters.caldav.client import ChangedError, StaleTokenError, TakenError, TaskListClient
from adapters.caldav.settings import Settings
from ports.errors import MisconfiguredError, RejectedError, TransientError, UncertainError

SETTINGS = Settings.model_validate(
    {"url": "https://agenda.example.be/hub/wegen", "username": "hub", "password": "geheim-woord"}
)
STALE = b'<?xml version="1.0"?><error xmlns="DAV:"><valid-sync-token/></error>'
TOO_LARGE = b'<?xml version="1.0"?><D:error xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><C:max-resource-size/></D:error>'


def answering(*answers):
    """A client of a server that says these, one after the other; `asked` is what it was asked."""
    left = list(answers)

    def answer(request):
        client.asked.append(request)
        status, content, *headers = left.pop(0)
        return httpx.Response(status, content=content, headers=headers[0] if headers else {})

    client = TaskListClient(SETTINGS, httpx.MockTransport(answer))
    client.asked = []
    return client


def batch(token, *responses):
    return (
        b'<?xml version="1.0"?><D:multistatus xmlns:D="DAV:">%s<D:sync-token>%s</D:sync-token></D:multistatus>'
        % (
            b"".join(responses),
            token,
        )
    )


def there(href, etag=b'"1"'):
    return (
        b"<D:response><D:href>%s</D:href><D:propstat><D:prop><D:getetag>%s</D:getetag></D:prop>"
        b"<D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>" % (href, etag)
    )


def status(href, words):
    return b"<D:response><D:href>%s</D:href><D:status>HTTP/1.1 %s</D:status></D:response>" % (href, words)


async def test_changes_in_more_than_one_answer():
    client = answering(
        (
            207,
            batch(
                b"t1",
                there(b"/hub/wegen/a.ics"),
                there(b"/hub/wegen/b.ics"),
                status(b"/hub/wegen/", b"507 x"),
            ),
        ),
        (
            207,
            batch(
                b"t2",
                there(b"https://agenda.example.be/hub/wegen/a%20c.ics"),
                status(b"/hub/wegen/b.ics", b"404 Not Found"),
            ),
        ),
    )

    changes = await client.changes("t0")

    assert changes.changed == {"a.ics": '"1"', "a c.ics": '"1"'}
    assert changes.gone == {"b.ics"}
    assert changes.token == "t2"
    assert b"<d:sync-token>t0</d:sync-token>" in client.asked[0].content
    assert b"<d:sync-token>t1</d:sync-token>" in client.asked[1].content


async def test_what_is_elsewhere_is_left_alone():
    client = answering((207, batch(b"t1", there(b"/hub/anders/a.ics"), there(b"/hub/wegen/sub/a.ics"))))

    assert not (await client.changes("")).changed


async def test_a_token_cannot_change_the_question():
    client = answering((207, batch(b"t1")))

    await client.changes("</d:sync-token><evil/>")

    assert b"<evil/>" not in client.asked[0].content


@pytest.mark.parametrize(
    ("code", "content", "error"),
    [
        (403, STALE, StaleTokenError),
        (409, STALE, StaleTokenError),
        (403, b"", MisconfiguredError),
        (401, b"", MisconfiguredError),
        (404, b"", MisconfiguredError),
        (302, b"", MisconfiguredError),
        (500, b"", TransientError),
        (503, b"", TransientError),
        (207, b"<html>Log in</html>", TransientError),
        (207, b"nee", TransientError),
        (207, b'<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>', TransientError),
    ],
)
async def test_what_an_answer_to_a_question_means(code, content, error):
    with pytest.raises(error) as raised:
        await answering((code, content)).changes("t0")

    assert type(raised.value) is error


@pytest.mark.parametrize(
    ("code", "content", "error"),
    [
        (400, b"", RejectedError),
        (401, b"", MisconfiguredError),
        (403, b"", MisconfiguredError),
        (403, TOO_LARGE, RejectedError),
        (404, b"", MisconfiguredError),
        (409, b"", MisconfiguredError),
        (412, b"", TakenError),
        (413, b"", RejectedError),
        (423, b"", TransientError),
        (429, b"", TransientError),
        (500, b"", UncertainError),
        (503, b"", UncertainError),
        (507, b"", RejectedError),
    ],
)
async def test_what_an_answer_to_a_write_means(code, content, error):
    with pytest.raises(error) as raised:
        await answering((code, content)).put_new("a.ics", b"x")

    assert type(raised.value) is error
    assert "geheim-woord" not in f"{raised.value.what}{raised.value.detail}"


@pytest.mark.parametrize("code", [404, 412])
async def test_a_version_that_is_gone(code):
    with pytest.raises(ChangedError):
        await answering((code, b"")).put("a.ics", b"x", '"1"')


async def test_a_new_task_is_put_only_where_nothing_is_and_a_change_names_its_version():
    client = answering((201, b"", {"ETag": '"1"'}), (204, b""))

    assert await client.put_new("a.ics", b"x") == '"1"'
    assert await client.put("a.ics", b"y", '"1"') == ""

    assert client.asked[0].headers["if-none-match"] == "*"
    assert client.asked[1].headers["if-match"] == '"1"'
    assert str(client.asked[0].url) == "https://agenda.example.be/hub/wegen/a.ics"


async def test_patience_is_taken_from_the_answer():
    with pytest.raises(TransientError) as raised:
        await answering((503, b"", {"Retry-After": "90"})).put_new("a.ics", b"x")

    assert raised.value.retry_after == 90


@pytest.mark.parametrize(
    ("broken", "error"),
    [
        (httpx.ConnectError("x"), TransientError),
        (httpx.PoolTimeout("x"), TransientError),
        (httpx.ReadTimeout("x"), UncertainError),
        (httpx.RemoteProtocolError("x"), UncertainError),
    ],
)
async def test_a_cut_line_is_uncertain_once_something_was_sent(broken, error):
    def answer(request):
        raise broken

    client = TaskListClient(SETTINGS, httpx.MockTransport(answer))

    with pytest.raises(error):
        await client.put_new("a.ics", b"x")
    with pytest.raises(TransientError):
        await client.changes("")


async def test_the_check_names_what_the_list_lacks():
    about = b'<?xml version="1.0"?><D:multistatus xmlns:D="DAV:"><D:response><D:href>/</D:href></D:response></D:multistatus>'

    assert len(await answering((207, about)).lacks()) == 3
