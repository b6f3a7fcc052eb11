"""One line for each call, with its figures and without what was said."""

import json
import logging
from typing import Any

import grpc
import pytest
from voicebox.tts.v1 import tts_pb2, tts_pb2_grpc
from voicebox_kit import call_log, logs
from voicebox_kit.server import serving

from tests.support.aio import aio_stub


class Speech(tts_pb2_grpc.TextToSpeechServiceServicer):
    """Notes what a synthesiser would."""

    async def Synthesize(self, request: Any, context: Any) -> Any:
        call_log.note("model", "flite/slt")
        for _ in range(3):
            call_log.note("first_audio_seconds", 0.25)
            call_log.add("audio_seconds", 1.5)
        return tts_pb2.SynthesizeResponse()


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The lines of calls, as JSON."""
    caplog.set_level(logging.INFO, call_log.LOGGER)
    form = logs.JsonFormatter()
    return lambda: [json.loads(form.format(each)) for each in caplog.records if each.name == call_log.LOGGER]


async def test_each_call_has_a_line_with_its_figures_and_without_its_text(service: Any, lines: Any) -> None:
    async with (
        serving("fake", service(Speech()), 0) as running,
        grpc.aio.insecure_channel(running.endpoints[0].address) as channel,
    ):
        stub = aio_stub(tts_pb2_grpc.TextToSpeechServiceStub, channel)
        await stub.Synthesize(tts_pb2.SynthesizeRequest(text="a secret"), timeout=60)
        with pytest.raises(grpc.aio.AioRpcError):
            await stub.ListVoices(tts_pb2.ListVoicesRequest(), timeout=60)
    spoken, refused = lines()
    assert spoken.pop("seconds") >= 0
    assert {key: spoken[key] for key in ("method", "code", "model", "first_audio_seconds", "audio_seconds")} == {
        "method": "voicebox.tts.v1.TextToSpeechService/Synthesize",
        "code": "OK",
        "model": "flite/slt",
        "first_audio_seconds": 0.25,
        "audio_seconds": 4.5,
    }
    assert (refused["method"].rpartition("/")[2], refused["code"]) == ("ListVoices", "UNIMPLEMENTED")
    assert "audio_seconds" not in refused
    assert "secret" not in json.dumps(spoken)


def test_nothing_is_noted_outside_of_calls() -> None:
    call_log.add("audio_seconds", 1.0)
    call_log.note("model", "flite/slt")


@pytest.mark.parametrize(
    ("env", "is_written"), [({}, False), ({"LOG_FORMAT": "json"}, True), ({"LOG_LEVEL": "DEBUG"}, True)]
)
def test_people_read_no_line_for_each_call(env: dict[str, str], is_written: bool) -> None:
    root, calls = logging.getLogger(), logging.getLogger(call_log.LOGGER)
    before = root.handlers[:], root.level, calls.level
    try:
        logs.configure(env)
        assert calls.isEnabledFor(logging.INFO) is is_written
    finally:
        root.handlers[:] = before[0]
        root.setLevel(before[1])
        calls.setLevel(before[2])
