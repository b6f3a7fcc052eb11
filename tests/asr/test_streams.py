"""What goes wrong with live streams, through real gRPC, with an engine that is quick and counts what it holds."""

import asyncio
import itertools
import threading
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from typing import Any

import grpc
import numpy as np
import pytest
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2, status_pb2
from voicebox.asr.v1 import asr_pb2, asr_pb2_grpc
from voicebox.asr.v1.asr_pb2 import RecognitionConfig, StreamingConfig, StreamingRecognizeRequest
from voicebox_asr.app import open_service
from voicebox_asr.audio.source import PIECE_BYTES
from voicebox_asr.engine import SAMPLE_RATE_HZ, Options, Samples, VoiceDetection
from voicebox_asr.live.backlog import MAX_SECONDS
from voicebox_audio.pcm import to_s16le

from tests.support.aio import END_OF_STREAM

from .conftest import CountingEngine, CountingSession, LoudActivity, silence, tone, wav

PATIENCE_SECONDS = 60.0
END = asr_pb2.STREAM_CONTROL_END_UTTERANCE
PCM = RecognitionConfig(encoding=asr_pb2.AUDIO_ENCODING_PCM_S16LE, sample_rate_hz=SAMPLE_RATE_HZ)
STEREO = RecognitionConfig(
    encoding=asr_pb2.AUDIO_ENCODING_PCM_S16LE, sample_rate_hz=SAMPLE_RATE_HZ, channel_count=2, separate_channels=True
)
LIVE = StreamingConfig(recognition=PCM, interim_results=True)


@dataclass
class QuickSession(CountingSession):
    """Signals when it is fed and when it is closed, goes on only while it may, and has no log."""

    feeding: threading.Event = field(default_factory=threading.Event)
    may_hear: threading.Event = field(default_factory=threading.Event)
    closed: threading.Event = field(default_factory=threading.Event)
    total: int = 0
    most: int = 0

    def begin(self, preview: Samples) -> None:
        self.fed = 0

    def feed(self, samples: Samples) -> None:
        self.feeding.set()
        assert self.may_hear.wait(PATIENCE_SECONDS)
        self.fed += samples.size
        self.most = max(self.most, self.fed)

    def end(self):
        self.total += self.fed
        recognised = super().end()
        self.log.clear()
        return recognised

    def interrupt(self) -> None:
        self.may_hear.set()

    def close(self) -> None:
        self.closed.set()


@dataclass
class QuickEngine(CountingEngine):
    """Opens a session for each stream, or for each of its channels."""

    name: str = "quick"
    sessions: list[QuickSession] = field(default_factory=list)
    held_up: bool = False

    def open(self, options: Options) -> QuickSession:
        session = QuickSession()
        if not self.held_up:
            session.may_hear.set()
        self.sessions.append(session)
        return session

    def voice_activity(self, detection: VoiceDetection) -> LoudActivity:
        return LoudActivity(frame_samples=800)


@pytest.fixture
def engine(install) -> QuickEngine:
    engine = QuickEngine()
    install(engine)
    return engine


@pytest.fixture
async def running(start, engine):
    """One place, and none to wait for it: a place that is not freed is found."""
    return await start(open_service, ASR_ENGINE="quick", ASR_STREAMS="1", ASR_QUEUE="0", ASR_IDLE_SECONDS="20")


@pytest.fixture
def stub(running) -> asr_pb2_grpc.SpeechToTextServiceStub:
    return asr_pb2_grpc.SpeechToTextServiceStub(running.channel)


def message(sent: StreamingConfig | bytes | int) -> StreamingRecognizeRequest:
    match sent:
        case StreamingConfig():
            return StreamingRecognizeRequest(config=sent)
        case bytes():
            return StreamingRecognizeRequest(audio=sent)
        case _:
            return StreamingRecognizeRequest(control=sent)


async def stream(
    stub, config: StreamingConfig, *sent: StreamingConfig | bytes | int
) -> list[asr_pb2.StreamingRecognizeResponse]:
    return [response async for response in stub.StreamingRecognize(map_async([config, *sent]))]


async def map_async(sent: Iterable[StreamingConfig | bytes | int]) -> AsyncIterator[StreamingRecognizeRequest]:
    for each in sent:
        yield message(each)


async def opened(stub, *sent: StreamingConfig | bytes | int, timeout: float = PATIENCE_SECONDS):
    """A stream whose client has sent this and keeps its side open."""
    call = stub.StreamingRecognize(timeout=timeout)
    for each in sent:
        await call.write(message(each))
    return call


async def rest(call) -> list[asr_pb2.StreamingRecognizeResponse]:
    """What a stream still says."""
    responses = []
    while (response := await call.read()) is not END_OF_STREAM:
        responses.append(response)
    return responses


def finals(responses: Iterable[asr_pb2.StreamingRecognizeResponse]) -> list[asr_pb2.Hypothesis]:
    return [response.final for response in responses if response.HasField("final")]


def seconds(duration: Duration) -> float:
    return duration.ToTimedelta().total_seconds()


async def refusal(call) -> tuple[grpc.StatusCode, str]:
    """The status and the reason of a call that must fail."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    info = error_details_pb2.ErrorInfo()
    status_pb2.Status.FromString(dict[str, Any](caught.value.trailing_metadata())["grpc-status-details-bin"]).details[
        0
    ].Unpack(info)
    return caught.value.code(), info.reason


async def has_room(stub) -> bool:
    """Whether the one permit is free: a stream is recognised."""
    return bool((await stream(stub, LIVE, to_s16le(tone(1))))[-1].finished.utterance_count)


async def closed(session: QuickSession) -> bool:
    return await asyncio.to_thread(session.closed.wait, PATIENCE_SECONDS)


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        ([to_s16le(tone(1)), LIVE], "CONFIG_TWICE"),
        ([StreamingConfig(recognition=RecognitionConfig(encoding=1, sample_rate_hz=8000))], "CONFIG_TWICE"),
        ([to_s16le(tone(1)), wav(tone(1), 8000)], "AUDIO_CHANGED"),
        ([b"x"], "AUDIO_EMPTY"),
    ],
)
async def test_what_cannot_be_recognised_is_refused(stub, engine, sent: list, reason: str) -> None:
    assert await refusal(stream(stub, LIVE, *sent)) == (grpc.StatusCode.INVALID_ARGUMENT, reason)
    assert await closed(engine.sessions[0])
    assert await has_room(stub)


async def test_half_a_sample_waits_for_its_other_half(stub, engine) -> None:
    data = to_s16le(np.concatenate((tone(1), silence(1))))
    responses = await stream(stub, LIVE, data[:3], data[3:10_001], data[10_001:], b"x")
    assert seconds(responses[-1].finished.audio_duration) == pytest.approx(2.0)
    assert engine.sessions[0].total >= SAMPLE_RATE_HZ


async def test_a_second_file_in_a_stream_is_refused(stub) -> None:
    file = wav(tone(1))
    assert await refusal(stream(stub, StreamingConfig(), file, wav(tone(1), 8000))) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        "AUDIO_CHANGED",
    )


async def test_after_the_end_of_a_file_controls_and_the_end_are_seen_and_other_audio_is_not(stub) -> None:
    file = wav(np.concatenate((silence(1), tone(1))))
    call = await opened(stub, StreamingConfig(), file, b"TAG" + bytes(125))
    while not (await call.read()).HasField("speech_event"):
        pass
    await call.write(message(END))
    ended = [await call.read(), await call.read()]
    assert ended[-1].final.transcript
    await call.done_writing()
    assert (await call.read()).finished.utterance_count == 1
    more = [bytes(1 << 20)] * 4  # the decoder takes some of it in before it has seen the file's end
    assert await refusal(stream(stub, StreamingConfig(), file, *more)) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        "AUDIO_AFTER_END",
    )


async def test_controls_keep_their_places_in_headerless_audio(stub) -> None:
    data = to_s16le(tone(6))
    sent = itertools.chain.from_iterable((data[start : start + 32_000], END) for start in range(0, len(data), 32_000))
    ends = [seconds(final.end_offset) for final in finals(await stream(stub, LIVE, *sent))]
    assert ends == pytest.approx([1, 2, 3, 4, 5, 6], abs=0.051)


async def test_channels_are_recognised_by_themselves(stub, engine) -> None:
    left, right = np.concatenate((tone(1), silence(3))), np.concatenate((silence(2), tone(1), silence(1)))
    data = to_s16le(np.stack((left, right), axis=1).reshape(-1))
    responses = await stream(stub, StreamingConfig(recognition=STEREO, interim_results=True), data)
    first, second = finals(responses)
    assert [(final.channel, final.utterance_index) for final in (first, second)] == [(1, 0), (2, 1)]
    assert seconds(second.start_offset) == pytest.approx(2.0, abs=0.06)
    assert {response.speech_event.channel for response in responses if response.HasField("speech_event")} == {1, 2}
    assert seconds(responses[-1].finished.audio_duration) == pytest.approx(4.0)
    assert [await closed(session) for session in engine.sessions] == [True, True]


async def test_ten_minutes_of_silence_are_no_utterance_and_are_not_kept(stub, engine) -> None:
    responses = await stream(stub, LIVE, *[to_s16le(silence(10))] * 60)
    assert [response.WhichOneof("event") for response in responses] == ["finished"]
    assert seconds(responses[-1].finished.audio_duration) == pytest.approx(600)
    assert engine.sessions[0].most == 0


async def test_three_hours_of_speech_are_held_an_utterance_at_a_time(stub, engine) -> None:
    minute = to_s16le(np.concatenate((tone(40), silence(1), tone(18), silence(1))))
    config = StreamingConfig(recognition=PCM, endpointing=asr_pb2.Endpointing(max_utterance=Duration(seconds=20)))
    lags, count, last = [], 0, None
    async for response in stub.StreamingRecognize(map_async([config, *[minute] * 180])):
        last = response
        if response.HasField("final"):
            count += 1
            lags.append(seconds(response.final.lag))
            assert response.final.utterance_index == count - 1
    assert seconds(last.finished.audio_duration) == pytest.approx(180 * 60)
    assert last.finished.utterance_count == count >= 3 * 180
    assert engine.sessions[0].most <= 20 * SAMPLE_RATE_HZ
    assert engine.sessions[0].total >= 180 * 58 * SAMPLE_RATE_HZ
    assert max(lags) <= MAX_SECONDS + PIECE_BYTES / (2 * SAMPLE_RATE_HZ)


async def test_a_recogniser_that_is_behind_leaves_out_no_audio(stub, engine) -> None:
    engine.held_up = True
    call = await opened(stub, LIVE, *[to_s16le(tone(0.1))] * 200)
    assert (await call.read()).HasField("speech_event")
    session = engine.sessions[0]
    assert await asyncio.to_thread(session.feeding.wait, PATIENCE_SECONDS)
    session.may_hear.set()
    await call.write(message(END))
    await call.done_writing()
    responses = await rest(call)
    assert seconds(responses[-1].finished.audio_duration) == pytest.approx(20.0)
    assert session.total == pytest.approx(20 * SAMPLE_RATE_HZ, abs=800)
    interims = [response.interim for response in responses if response.HasField("interim")]
    assert len(interims) + responses[-1].finished.interims_dropped > 50
    assert all(seconds(hypothesis.lag) < MAX_SECONDS for hypothesis in (*interims, *finals(responses)))


async def test_an_abandoned_stream_is_ended_and_its_permit_is_free(start, engine) -> None:
    running = await start(open_service, ASR_ENGINE="quick", ASR_STREAMS="1", ASR_QUEUE="0", ASR_IDLE_SECONDS="0.2")
    stub = asr_pb2_grpc.SpeechToTextServiceStub(running.channel)
    call = await opened(stub, LIVE, to_s16le(tone(1)))
    assert (await call.read()).HasField("speech_event")
    assert await refusal(rest(call)) == (grpc.StatusCode.DEADLINE_EXCEEDED, "STREAM_IDLE")
    assert await closed(engine.sessions[0])
    assert await has_room(stub)


async def test_who_leaves_in_the_middle_of_an_utterance_frees_the_permit(stub, engine) -> None:
    engine.held_up = True
    call = await opened(stub, LIVE, to_s16le(tone(3)))
    assert (await call.read()).HasField("speech_event")
    session = engine.sessions[0]
    assert await asyncio.to_thread(session.feeding.wait, PATIENCE_SECONDS)
    call.cancel()
    assert await closed(session)
    engine.held_up = False
    assert await has_room(stub)


async def test_a_deadline_ends_the_stream_and_frees_the_permit(stub, engine) -> None:
    engine.held_up, timeout = True, 0.5
    while not engine.sessions:  # a busy machine opens none within a short deadline
        timeout *= 2
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await rest(await opened(stub, LIVE, to_s16le(tone(3)), timeout=timeout))
        assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert await closed(engine.sessions[-1])
    engine.held_up = False
    assert await has_room(stub)


async def test_whisper_recognises_several_streams_at_once(start, tiny_whisper, spoken) -> None:
    running = await start(open_service, ASR_ENGINE="whisper", ASR_MODEL=str(tiny_whisper), ASR_STREAMS="3")
    stub = asr_pb2_grpc.SpeechToTextServiceStub(running.channel)
    data = to_s16le(spoken)
    recognised = await asyncio.gather(
        *(stream(stub, LIVE, *[data[at : at + 6400] for at in range(0, len(data), 6400)]) for _ in range(3))
    )
    for responses in recognised:
        assert [final.utterance_index for final in finals(responses)] == [0, 1]
        assert all(final.language for final in finals(responses))
        assert responses[-1].finished.engine == "whisper"
