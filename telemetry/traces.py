"""OpenTelemetry traces: one trace from the door to each target, sent by OTLP over HTTP. Off unless configured.

The trace of a message is kept with it in the journal, so an effect that is tried hours later, by another
process, still belongs to it. Spans carry ids, names of systems and classes of errors; never words of anybody.
"""

from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from ports.errors import MisconfiguredError
from ports.tracing import HEADER, valid, within
from telemetry.settings import TelemetrySettings

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
    from opentelemetry.trace import Span

_OK: Final = ("applied", "accepted", "duplicate", "not_understood")
"""Ends of spans that are no errors."""


class Traces:
    """Makes the spans of one process; `close` sends the last ones."""

    def __init__(self, provider: "TracerProvider") -> None:
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415

        self._provider = provider
        self._tracer = provider.get_tracer("wegwijzer")
        self._context = TraceContextTextMapPropagator()

    @contextmanager
    def accepting(self, source: str, traceparent: str) -> "Generator[Doing]":
        """Around the acceptance of a message, within the sender's trace if it told one."""
        yield from self._doing("accept", "SERVER", traceparent, {"wegwijzer.source": source})

    @contextmanager
    def attempting(self, traceparent: str, **facts: str | int) -> "Generator[Doing]":
        """Around a try of an effect, within the trace of its message; what is sent meanwhile passes it on."""
        named = {f"wegwijzer.{name}": value for name, value in facts.items()}
        yield from self._doing(f"apply {facts['action']}", "CLIENT", traceparent, named)

    def close(self) -> None:
        """Send what is left and let go; blocks for a few seconds at most."""
        self._provider.shutdown()

    def _doing(
        self, name: str, kind: str, traceparent: str, facts: dict[str, str | int]
    ) -> "Generator[Doing]":
        from opentelemetry.trace import SpanKind, set_span_in_context  # noqa: PLC0415

        parent = self._context.extract({HEADER: valid(traceparent)}, context=_nothing())
        span = self._tracer.start_span(name, parent, SpanKind[kind], facts)
        carrier: dict[str, str] = {}
        self._context.inject(carrier, set_span_in_context(span))
        doing = Doing(span, carrier.get(HEADER, ""))
        try:
            with within(doing.traceparent):
                yield doing
        except BaseException as error:
            doing.ended(type(error).__name__)
            raise
        finally:
            span.end()


class Doing:
    """A span while it lasts. `traceparent` names it for whoever goes on."""

    def __init__(self, span: "Span", traceparent: str) -> None:
        self.traceparent = traceparent
        self._span = span

    def ended(self, outcome: str, **facts: str | int) -> None:
        """How it ended: a word of a closed list, or the class of an error."""
        from opentelemetry.trace import Status, StatusCode  # noqa: PLC0415

        self._span.set_attribute("wegwijzer.outcome", outcome)
        for name, value in facts.items():
            self._span.set_attribute(f"wegwijzer.{name}", value)
        if outcome not in _OK:
            self._span.set_status(Status(StatusCode.ERROR, outcome))


def open_traces(settings: TelemetrySettings, processor: "SpanProcessor | None" = None) -> Traces | None:
    """The traces that are configured; None when there is no endpoint, and then nothing of OpenTelemetry is loaded.

    Raises `MisconfiguredError` when the extra is not installed. `processor` stands in for the export; for tests.
    """
    if not settings.endpoint and processor is None:
        return None
    try:
        return Traces(_provider(settings, processor))
    except ImportError as error:
        raise MisconfiguredError(
            "[telemetry] endpoint asks for traces, but OpenTelemetry is not installed: "
            "pip install 'wegwijzer[telemetry]', or leave the endpoint empty",
            detail=str(error),
        ) from error


def _provider(settings: TelemetrySettings, processor: "SpanProcessor | None") -> "TracerProvider":
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
    from opentelemetry.sdk.resources import SERVICE_NAME, Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased  # noqa: PLC0415

    provider = TracerProvider(
        sampler=ParentBased(TraceIdRatioBased(settings.sample_ratio)),
        resource=Resource.create({SERVICE_NAME: settings.service_name}),
        shutdown_on_exit=False,
    )
    provider.add_span_processor(
        processor or BatchSpanProcessor(OTLPSpanExporter(endpoint=settings.endpoint, timeout=5))
    )
    return provider


def _nothing() -> Any:
    """A context of nothing: a span must not become the child of whatever happens to run."""
    from opentelemetry.context import Context  # noqa: PLC0415

    return Context()
