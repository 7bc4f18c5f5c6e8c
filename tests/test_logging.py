"""Whatever goes wrong, the log tells where and never about whom."""

import io
import json
import logging

import pytest
import structlog

from ports.errors import RejectedError
from telemetry.logs import configure_logging

PLANTED = "an.peeters@example.org"


@pytest.fixture
def stream():
    before = structlog.get_config()
    yield io.StringIO()
    structlog.configure(**before)


@pytest.mark.parametrize("as_json", [True, False])
def test_a_traceback_tells_where_and_not_what(stream, as_json):
    configure_logging(as_json=as_json, stream=stream)

    def read_mail(sender):
        raise LookupError("no such mailbox")

    try:
        read_mail(PLANTED)
    except LookupError:
        structlog.get_logger().exception("mail_failed", message_id="m1")

    assert "read_mail" in stream.getvalue()
    assert PLANTED not in stream.getvalue()


def test_json_lines_stay_one_line_whatever_comes_in(stream):
    configure_logging(as_json=True, stream=stream)

    structlog.get_logger().warning("refused", reason="one\r\ntwo\x1b[31m")

    (line,) = stream.getvalue().splitlines()
    assert json.loads(line)["reason"] == "one\r\ntwo\x1b[31m"


@pytest.mark.parametrize("as_json", [True, False])
def test_the_words_of_an_error_are_shown_only_when_it_is_ours(stream, as_json):
    configure_logging(as_json=as_json, stream=stream)

    try:
        try:
            int(PLANTED)
        except ValueError as error:
            raise RejectedError("the tracker refuses the case") from error
    except RejectedError:
        structlog.get_logger().exception("refused")

    told = stream.getvalue()
    assert PLANTED not in told
    assert "RejectedError" in told
    assert "the tracker refuses the case" in told
    assert "ValueError" in told


def test_each_error_of_a_group_is_told_without_its_words(stream):
    configure_logging(as_json=True, stream=stream)

    group = ExceptionGroup(PLANTED, [LookupError(PLANTED), OSError(PLANTED)])
    structlog.get_logger().error("several", exc_info=group)

    (line,) = stream.getvalue().splitlines()
    assert PLANTED not in line
    assert [one["error"] for one in json.loads(line)["exception"]] == [
        "ExceptionGroup",
        "LookupError",
        "OSError",
    ]


def test_what_a_library_logs_comes_without_its_words(stream):
    configure_logging(as_json=True, stream=stream)

    logging.getLogger("imapclient.imaplib").warning("cannot parse %s", PLANTED)
    logging.getLogger("uvicorn.error").warning("Invalid HTTP request received.")

    library, server = map(json.loads, stream.getvalue().splitlines())
    assert library["library"] == "imapclient.imaplib"
    assert "words" not in library
    assert PLANTED not in json.dumps(library)
    assert server["words"] == "Invalid HTTP request received."
