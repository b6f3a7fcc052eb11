"""OpenTelemetry's traces: a span for each call, sent to a collector by OTLP over gRPC. Off by default, and then nothing
of OpenTelemetry is imported.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

from . import trace_context, variables
from .errors import StartError

VARIABLE = "VOICEBOX_TRACES"
"""`host:port` of a collector that takes OTLP over gRPC, without TLS."""


class Details(Protocol):
    """Takes figures and names of a span."""

    def set_attribute(self, key: str, value: float | str, /) -> None: ...


class _Nothing:
    def set_attribute(self, key: str, value: float | str, /) -> None:
        """Nobody looks."""


class Tracing:
    """The spans of one service: none."""

    @contextmanager
    def span(self, method: str) -> Iterator[Details]:
        """Surrounds a call; calls of other services within belong to its span."""
        yield _Nothing()

    def close(self) -> None:
        """Send what was not sent yet. Blocks."""


class OtlpTracing(Tracing):
    """The spans of one service, sent in batches by a thread. The variables OTEL_* of OpenTelemetry's SDK hold, such as
    OTEL_TRACES_SAMPLER.
    """

    def __init__(self, service: str, address: str) -> None:
        # Here and not above: where it is off, it need not be installed.
        try:
            from opentelemetry import trace  # noqa: PLC0415
            from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
            from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
            from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
            from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
        except ImportError as error:
            sentence = f"{VARIABLE} needs OpenTelemetry: pip install 'voicebox-kit[otlp]'. {error}"
            raise StartError(sentence) from error
        self._trace: Any = trace
        self._provider = TracerProvider(resource=Resource.create({"service.name": f"voicebox-{service}"}))
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=address, insecure=True)))
        self._tracer = self._provider.get_tracer("voicebox")

    @contextmanager
    def span(self, method: str) -> Iterator[Details]:
        service, _, name = method.removeprefix("/").rpartition("/")
        known = {"rpc.system": "grpc", "rpc.service": service, "rpc.method": name}
        kind = self._trace.SpanKind.SERVER
        span = self._tracer.start_span(f"{service}/{name}", context=self._parent(), kind=kind, attributes=known)
        own = span.get_span_context()
        trace_context.current.set(f"00-{own.trace_id:032x}-{own.span_id:016x}-{int(own.trace_flags):02x}")
        try:
            yield span
        finally:
            span.end()

    def close(self) -> None:
        self._provider.shutdown()

    def _parent(self) -> Any:
        given = trace_context.current.get()
        if not given:
            return None
        _, trace_id, span_id, flags = given.split("-")
        caller = self._trace.SpanContext(
            int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=self._trace.TraceFlags(int(flags, 16))
        )
        return self._trace.set_span_in_context(self._trace.NonRecordingSpan(caller))


def collector(env: Mapping[str, str]) -> str:
    """Where traces are sent: `host:port`, or empty where they are not. Raises StartError for another form."""
    return variables.address(env, VARIABLE, "127.0.0.1:4317") if env.get(VARIABLE) else ""


_collector = ""


def configure(env: Mapping[str, str]) -> None:
    """Send the traces of this process as VOICEBOX_TRACES says."""
    global _collector  # noqa: PLW0603 - of the process, as the log is
    _collector = collector(env)


def opened(service: str) -> Tracing:
    """The spans of a service, as the process is configured. Raises StartError where OpenTelemetry is not installed."""
    return OtlpTracing(service, _collector) if _collector else Tracing()
