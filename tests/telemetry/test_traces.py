"""One trace from the sender over the door and the worker to the target, by real OTLP; and nothing when it is off."""

import subprocess
import sys
from datetime import timedelta

import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from sqlalchemy import select

from console.api.credentials import Credentials, Scope
from demo.city_hall import groups_of_the_city, keep_secret
from demo.roundup import start as start_tracker
from journal.schema import messages
from ports.errors import MisconfiguredError
from ports.tracing import HEADER, valid
from settings import load
from telemetry.settings import TelemetrySettings
from telemetry.traces import open_traces
from tests.servers import otlp, wiretap
from tests.shipped import ROOT
from tests.telemetry.small_hub import configured, running

TRACE, SENDER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACEPARENT = f"00-{TRACE}-{SENDER}-01"
SERVER, CLIENT = 2, 3
SUBMITTED = "be.wegwijzer.contact.submitted.v1"


@pytest.fixture
def tracker(tmp_path):
    tracker = start_tracker(tmp_path / "tracker", groups_of_the_city(), workers=1)
    yield tracker
    tracker.stop()


async def test_one_trace_leads_from_the_sender_to_the_tracker(tmp_path, tracker):
    path = configured(tmp_path / "hub")
    keep_secret(path.parent, "roundup_jwt", tracker.jwt_secret)
    with otlp.running() as collector, wiretap.before(tracker.port) as tap:
        own = tracker.url.partition("/tracker")[0]
        path.write_text(
            path.read_text().replace(
                'system = "memory"',
                f'system = "roundup"\nurl = "http://127.0.0.1:{tap.port}/tracker/"\n'
                f'origin = "{own}"\njwt_secret = "secret:roundup_jwt"',
            )
            + f'\n[telemetry]\nendpoint = "{collector.endpoint}"\nsample_ratio = 0\n'
        )
        async with running(path) as small:
            receipt = await small.post("t-1", traceparent=TRACEPARENT)
            await small.post("t-2")
            await small.settled()

    accepted, applied = (
        next(span for span in collector.spans if span.name == name) for name in ("accept", "apply open_case")
    )
    assert {span.trace for span in collector.spans} == {TRACE}, "what nobody sampled is not exported"
    assert (accepted.parent, accepted.kind) == (SENDER, SERVER)
    assert accepted.facts == {
        "wegwijzer.source": "website/form/forms",
        "wegwijzer.outcome": "accepted",
        "wegwijzer.message_id": receipt.json()["id"],
    }
    assert (applied.parent, applied.kind, applied.is_error) == (accepted.id, CLIENT, False)
    assert applied.facts["wegwijzer.target"] == "tracker"
    assert f"traceparent: 00-{TRACE}-{applied.id}-01".encode() in tap.said.lower()
    mail = next(span for span in collector.spans if span.facts.get("wegwijzer.target") == "mail")
    assert (mail.parent, mail.is_error) == (accepted.id, True)
    assert mail.facts["wegwijzer.error"] == "MisconfiguredError"
    for word in (b"Peeters", b"peeters", b"diepe put"):
        assert word not in collector.raw


async def test_the_trace_is_kept_with_the_message_even_when_traces_are_off(tmp_path):
    async with running(configured(tmp_path / "hub")) as small:
        receipt = await small.post("t-3", traceparent=TRACEPARENT)
        kept = await small.hub.journal.traceparent(receipt.json()["id"])

    assert kept == TRACEPARENT


async def test_every_door_takes_the_senders_trace_over(tmp_path):
    """The API, and a door that knows nothing of traces; what is no trace leaves none."""
    path = configured(
        tmp_path / "hub",
        more='[api.systems.parking]\ntitle = "Parking"\n'
        '[adapters.open311]\nsystem = "open311"\njurisdiction = "leuven.be"\ncontact = "kcc@leuven.test"\n'
        '[adapters.open311.apps.app]\nkeys = ["secret:app_key"]\n'
        '[[adapters.open311.services]]\ncode = "voetpad"\nname = "Voetpad"\n',
    )
    keep_secret(path.parent, "app_key", "k" * 40)
    report = {"service_code": "voetpad", "description": "Een diepe put.", "lat": "50.88", "long": "4.7"}
    event = {"specversion": "1.0", "id": "pw-1", "source": "urn:parking", "type": SUBMITTED}
    data = {"subject": "Put in de weg", "message": "Een diepe put.", "kind": "report"}
    async with running(path) as small:
        _, token = await Credentials(small.hub.journal.database, small.hub.clock).issue(
            "parking", tuple(Scope), timedelta(days=1)
        )
        posted = await small.client.post(
            "/in/open311/v2/requests.json",
            data=report | {"api_key": "k" * 40, "jurisdiction_id": "leuven.be"},
            headers={HEADER: TRACEPARENT},
        )
        told, silent = [
            await small.client.post(
                "/api/v1/events",
                json=event | {"id": id_, "data": data},
                headers={
                    "Authorization": f"Bearer {token}",
                    "Content-Type": "application/cloudevents+json",
                    HEADER: trace,
                },
            )
            for id_, trace in (("pw-1", TRACEPARENT), ("pw-2", "an.peeters@burger.test"))
        ]
        assert posted.status_code in (200, 201), posted.text
        assert (told.status_code, silent.status_code) == (202, 202), told.text
        kept = await small.hub.journal.database.read(
            lambda connection: connection.execute(
                select(messages.c.source, messages.c.traceparent).where(messages.c.kind == "contact_received")
            ).all()
        )

    assert sorted(tuple(row) for row in kept) == [
        ("api/parking", ""),
        ("api/parking", TRACEPARENT),
        ("open311/app", TRACEPARENT),
    ]


@pytest.mark.parametrize(
    "told",
    [
        "",
        "an.peeters@burger.test",
        f"00-{'0' * 32}-{SENDER}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{SENDER}-01",
        f"{TRACEPARENT}\n",
        f"{TRACEPARENT}-more",
        f"ff-{TRACE}-{SENDER}-01",
    ],
)
def test_what_is_no_trace_is_not_kept(told: str):
    assert valid(told) == ""


def test_a_message_without_a_trace_begins_one():
    spans = InMemorySpanExporter()
    traces = open_traces(TelemetrySettings(sample_ratio=1), SimpleSpanProcessor(spans))
    assert traces
    with traces.accepting("mailbox", "") as doing:
        doing.ended("accepted")
    with traces.attempting(doing.traceparent, action="add_note", target="tracker") as trying:
        trying.ended("again", error="TransientError")
    traces.close()

    accepted, tried = spans.get_finished_spans()
    assert accepted.parent is None
    assert tried.parent is not None
    assert (tried.context.trace_id, tried.parent.span_id) == (
        accepted.context.trace_id,
        accepted.context.span_id,
    )


def test_an_error_leaves_its_class_and_nothing_else():
    spans = InMemorySpanExporter()
    traces = open_traces(TelemetrySettings(sample_ratio=1), SimpleSpanProcessor(spans))
    assert traces
    with pytest.raises(LookupError), traces.accepting("mailbox", ""):
        raise LookupError("an.peeters@burger.test")
    traces.close()

    (span,) = spans.get_finished_spans()
    assert "peeters" not in span.to_json()
    assert span.attributes["wegwijzer.outcome"] == "LookupError"


def test_without_an_endpoint_nothing_of_opentelemetry_is_loaded(tmp_path):
    path = configured(tmp_path / "hub")
    program = (
        "import sys, pathlib, hub, settings; hub.Hub(settings.load(pathlib.Path(sys.argv[1])));"
        "print([name for name in sys.modules if name.startswith(('opentelemetry.sdk', 'opentelemetry.exporter'))])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, path], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert done.stdout.splitlines()[-1] == "[]"


def test_without_the_extra_the_hub_says_what_to_install(tmp_path, monkeypatch):
    path = configured(tmp_path / "hub", more='[telemetry]\nendpoint = "http://127.0.0.1:4318/v1/traces"')
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)

    with pytest.raises(MisconfiguredError, match=r"pip install 'wegwijzer\[telemetry\]'"):
        open_traces(load(path).settings.telemetry)
