"""Whatever goes wrong, the log tells where and never about whom."""

import io
import json

import pytest
import structlog

from hub import configure_logging

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
