"""Spans of calls come to a collector over OTLP, joined across services; without the variable nothing is imported."""

import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from voicebox.tts.v1 import tts_pb2, tts_pb2_grpc
from voicebox_kit import call_log, trace_context, tracing
from voicebox_kit.authentication import NO_AUTHENTICATION
from voicebox_kit.channels import open_channel
from voicebox_kit.errors import StartError
from voicebox_kit.server import serving

from tests.support.aio import aio_stub
from tests.support.traces import Collector, collecting

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE}-{PARENT}-01"
METHOD = "voicebox.tts.v1.TextToSpeechService/Synthesize"


class Near(tts_pb2_grpc.TextToSpeechServiceServicer):
    """Asks another one."""

    def __init__(self, far: str) -> None:
        self.far = far

    async def Synthesize(self, request: Any, context: Any) -> Any:
        call_log.note("model", "flite/slt")
        async with open_channel(self.far, NO_AUTHENTICATION) as channel:
            return await aio_stub(tts_pb2_grpc.TextToSpeechServiceStub, channel).Synthesize(request)


class Far(tts_pb2_grpc.TextToSpeechServiceServicer):
    """Answers what it was called with."""

    async def Synthesize(self, request: Any, context: Any) -> Any:
        found = dict(context.invocation_metadata()).get(trace_context.HEADER, "")
        return tts_pb2.SynthesizeResponse(audio=found.encode())


@pytest.fixture
async def collector(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Collector]:
    """A collector to which this process sends its traces."""
    async with collecting() as collector:
        tracing.configure({"VOICEBOX_TRACES": collector.address})
        yield collector
        tracing.configure({})


async def call(service: Any, metadata: tuple[tuple[str, str], ...]) -> str:
    """The traceparent with which the far one of two services is called."""
    async with (
        serving("far", service(Far()), 0) as far,
        serving("near", service(Near(far.endpoints[0].address)), 0) as running,
        grpc.aio.insecure_channel(running.endpoints[0].address) as channel,
    ):
        stub = aio_stub(tts_pb2_grpc.TextToSpeechServiceStub, channel)
        answer = await stub.Synthesize(tts_pb2.SynthesizeRequest(text="a secret"), metadata=metadata)
    return str(answer.audio.decode())


async def test_a_call_is_a_span_in_the_trace_of_its_caller(service: Any, collector: Collector) -> None:
    await call(service, ((trace_context.HEADER, TRACEPARENT), ("x-request-id", "r1")))
    [near], [far] = collector.spans["voicebox-near"], collector.spans["voicebox-far"]
    assert near.name == far.name == METHOD
    assert near.trace_id == far.trace_id == bytes.fromhex(TRACE)
    assert near.parent_span_id == bytes.fromhex(PARENT)
    assert far.parent_span_id == near.span_id
    known = {pair.key: pair.value.string_value for pair in near.attributes}
    assert (known["voicebox.request_id"], known["voicebox.code"], known["voicebox.model"]) == ("r1", "OK", "flite/slt")
    assert "secret" not in str(near)


async def test_a_call_without_a_trace_begins_one(service: Any, collector: Collector) -> None:
    assert await call(service, ((trace_context.HEADER, f"00-{'0' * 32}-{PARENT}-01"),))
    [near] = collector.spans["voicebox-near"]
    assert near.parent_span_id == b""


async def test_a_trace_goes_on_where_no_spans_are_sent(service: Any) -> None:
    assert await call(service, ((trace_context.HEADER, TRACEPARENT),)) == TRACEPARENT
    assert await call(service, ()) == ""


def test_nothing_is_imported_where_it_is_off() -> None:
    code = "import sys, voicebox_kit.server, voicebox_kit.tracing as t; t.configure({}); t.opened('tts'); print([m for m in sys.modules if 'opentelemetry' in m])"  # noqa: E501
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


def test_what_is_missing_and_what_does_not_fit_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StartError, match="VOICEBOX_TRACES must be host:port"):
        tracing.configure({"VOICEBOX_TRACES": "collector"})
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(StartError, match="needs OpenTelemetry: pip install"):
        tracing.OtlpTracing("tts", "127.0.0.1:4317")
