"""The tts service over gRPC with the engine flite and a fake catalog."""

import asyncio
import io
import time
import uuid
from typing import Any

import grpc
import numpy as np
import pytest
import soundfile
from google.rpc import error_details_pb2, status_pb2
from voicebox.models.v1 import models_pb2, models_pb2_grpc
from voicebox.tts.v1 import tts_pb2, tts_pb2_grpc
from voicebox_audio.loudness import LoudnessMeter
from voicebox_kit.errors import StartError
from voicebox_tts.app import open_service

from tests.support.aio import END_OF_STREAM, aio_stub

TEXT = "Hello there. This is a test of 42 words, or fewer."
E_ = tts_pb2.AudioEncoding


@pytest.fixture
async def running(start, catalog):
    return await start(open_service, CATALOG_ADDRESS=catalog.address)


@pytest.fixture
def tts(running):
    return aio_stub(tts_pb2_grpc.TextToSpeechServiceStub, running.channel)


def reason_of(error: grpc.aio.AioRpcError) -> str:
    status = status_pb2.Status.FromString(dict[str, Any](error.trailing_metadata())["grpc-status-details-bin"])
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    return info.reason


def field_of(error: grpc.aio.AioRpcError) -> str:
    status = status_pb2.Status.FromString(dict[str, Any](error.trailing_metadata())["grpc-status-details-bin"])
    bad = error_details_pb2.BadRequest()
    assert status.details[1].Unpack(bad)
    return bad.field_violations[0].field


async def stream(tts, text=TEXT, ahead_seconds=0.0, **config):
    request = tts_pb2.StreamSynthesizeRequest(text=text, config=config, ahead_seconds=ahead_seconds)
    return [event async for event in tts.StreamSynthesize(request)]


async def test_a_stream_is_started_chunks_finished(tts, catalog):
    events = await stream(tts, seed=7)
    kinds = [event.WhichOneof("event") for event in events]
    assert kinds == ["started", *["chunk"] * (len(events) - 2), "finished"]
    started, finished = events[0].started, events[-1].finished
    assert (started.engine, started.voice, started.seed, started.language) == ("flite", "flite/slt", 7, "en-US")
    assert (started.audio.encoding, started.audio.sample_rate_hz) == (tts_pb2.AUDIO_ENCODING_WAV, 16_000)
    chunks = [event.chunk for event in events[1:-1]]
    assert [chunk.sequence for chunk in chunks] == list(range(len(chunks)))
    samples, rate = soundfile.read(io.BytesIO(b"".join(chunk.audio for chunk in chunks)))
    assert (len(samples), rate) == (finished.sample_count, 16_000)
    assert 0.05 < np.sqrt((samples**2).mean()) < 0.5
    words = [word.word for chunk in chunks for word in chunk.words]
    assert words[:2] == ["hello", "there"]
    assert "forty" in words
    assert finished.generation in catalog.records
    assert 0 < finished.time_to_first_chunk.ToMicroseconds() <= finished.synthesis_time.ToMicroseconds()


async def test_the_same_seed_gives_the_same_samples_also_side_by_side(tts):
    alone = b"".join(event.chunk.audio for event in await stream(tts, seed=1))
    together = await asyncio.gather(*(stream(tts, seed=seed) for seed in (1, 2, 1, 3)))
    audio = [b"".join(event.chunk.audio for event in events) for events in together]
    assert audio[0] == audio[2] == alone
    assert audio[1] != alone


@pytest.mark.parametrize("encoding", ["PCM_S16LE", "WAV", "FLAC", "OGG_OPUS", "MP3"])
@pytest.mark.parametrize("rate", [0, 8_000, 24_000, 48_000])
async def test_every_encoding_at_every_rate_is_a_valid_file(tts, encoding, rate):
    spec = tts_pb2.AudioSpec(encoding=E_.Value(f"AUDIO_ENCODING_{encoding}"), sample_rate_hz=rate)
    response = await tts.Synthesize(
        tts_pb2.SynthesizeRequest(text=TEXT, config=tts_pb2.SynthesisConfig(audio=spec, store=False))
    )
    reported = response.started.audio.sample_rate_hz
    assert reported == rate or rate == 0
    if encoding == "PCM_S16LE":
        assert len(response.audio) == 2 * response.finished.sample_count
        return
    samples, rate = soundfile.read(io.BytesIO(response.audio))
    padding = 0.25 if encoding in ("OGG_OPUS", "MP3") else 0  # what the lossy encoders add around the sound
    assert len(samples) / rate == pytest.approx(response.finished.duration.ToMicroseconds() / 1e6, abs=padding + 1e-5)


async def test_the_whole_and_the_streamed_answer_are_the_same_audio(tts):
    streamed = b"".join(event.chunk.audio for event in await stream(tts, seed=3))
    whole = await tts.Synthesize(tts_pb2.SynthesizeRequest(text=TEXT, config=tts_pb2.SynthesisConfig(seed=3)))
    # The header of the whole one knows its length, and behind the samples it says what made it.
    assert whole.audio[44 : len(streamed)] == streamed[44:]
    assert whole.audio[len(streamed) :].startswith(b"LIST")


async def test_play_speech_is_the_files_bytes_with_its_content_type(tts):
    request = tts_pb2.PlaySpeechRequest(
        text=TEXT, config=tts_pb2.SynthesisConfig(seed=3, audio=tts_pb2.AudioSpec(encoding=tts_pb2.AUDIO_ENCODING_FLAC))
    )
    bodies = [response.body async for response in tts.PlaySpeech(request)]
    assert bodies[0].content_type == "audio/flac"
    assert soundfile.SoundFile(io.BytesIO(b"".join(body.data for body in bodies))).samplerate == 16_000


async def test_a_retry_with_the_same_request_id_records_once(tts, catalog):
    request_id = str(uuid.uuid4())
    await stream(tts, request_id=request_id)
    await stream(tts, request_id=request_id)
    assert list(catalog.records) == [f"generations/{request_id}"]


async def test_history_can_be_skipped(tts, catalog):
    events = await stream(tts, store=False)
    assert events[-1].finished.generation == ""
    assert catalog.records == {}


async def test_speech_goes_on_while_the_catalog_is_unavailable(tts, catalog):
    catalog.failure = grpc.StatusCode.UNAVAILABLE
    finished = (await stream(tts))[-1].finished
    assert finished.sample_count > 0
    assert finished.generation.startswith("generations/")
    assert "history shows it later" in finished.warnings[0]


async def test_a_recording_is_followed_approximately_which_is_reported(start, speech_data):
    reference = (speech_data.path("LJ001-0002.wav")).read_bytes()
    running = await start(open_service, CATALOG_ADDRESS="127.0.0.1:1")
    tts = aio_stub(tts_pb2_grpc.TextToSpeechServiceStub, running.channel)
    voice = tts_pb2.VoiceSelection(reference=tts_pb2.InlineReference(audio=reference))
    events = await stream(tts, voice=voice, store=False)
    assert events[0].started.cloning == tts_pb2.CAPABILITY_CLONING_APPROXIMATE


REFUSALS = [
    ({"text": ""}, "INVALID_ARGUMENT", "TEXT_EMPTY", "text"),
    ({"text": "x" * 1_000_001}, "INVALID_ARGUMENT", "TEXT_TOO_LONG", "text"),
    ({"text": "x " * 60_000, "check": True}, "INVALID_ARGUMENT", "TEXT_TOO_LONG", "config.check"),
    ({"text": "\x00\x01\x1b"}, "INVALID_ARGUMENT", "TEXT_EMPTY", "text"),
    ({"text": "你好，世界。"}, "INVALID_ARGUMENT", "NOTHING_TO_SAY", "text"),
    ({"voice": {"voice": "nobody"}}, "NOT_FOUND", "VOICE_NOT_FOUND", None),
    ({"voice": {"voice": "noengine/slt"}}, "NOT_FOUND", "VOICE_NOT_FOUND", None),
    ({"style": {"language": "ain"}}, "INVALID_ARGUMENT", "LANGUAGE_NOT_SPOKEN", "config.style.language"),
    (
        {"voice": {"voice": "slt"}, "style": {"language": "de"}},
        "INVALID_ARGUMENT",
        "LANGUAGE_NOT_SPOKEN",
        "config.style.language",
    ),
    ({"style": {"instructions": "softly"}}, "INVALID_ARGUMENT", "UNSUPPORTED_BY_ENGINE", "config.style.instructions"),
    ({"audio": {"encoding": 77}}, "INVALID_ARGUMENT", "INVALID_FIELD", "config.audio.encoding"),
    ({"audio": {"sample_rate_hz": 7}}, "INVALID_ARGUMENT", "INVALID_FIELD", "config.audio.sample_rate_hz"),
    ({"audio": {"sample_rate_hz": 1_000_000_000}}, "INVALID_ARGUMENT", "INVALID_FIELD", "config.audio.sample_rate_hz"),
    (
        {"voice": {"reference": {"audio": b"not audio at all"}}},
        "INVALID_ARGUMENT",
        None,
        "config.voice.reference.audio",
    ),
]


@pytest.mark.parametrize(("fields", "code", "reason", "field"), REFUSALS, ids=lambda value: str(value)[:40])
async def test_what_cannot_be_done_is_refused_before_any_audio(tts, fields, code, reason, field):
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await stream(tts, **fields)
    assert refused.value.code().name == code
    assert reason is None or reason_of(refused.value) == reason
    assert field is None or field_of(refused.value) == field


async def test_a_language_finds_an_engine_that_speaks_it(tts):
    started = (await stream(tts, text="Guten Tag.", style=tts_pb2.SpeakingStyle(language="de"), store=False))[0].started
    assert (started.engine, started.language) == ("espeak", "de")


async def test_voices_are_listed_default_first(tts):
    voices = (await tts.ListVoices(tts_pb2.ListVoicesRequest())).voices
    assert (voices[0].name, voices[0].is_default) == ("flite/slt", True)
    assert len(voices) > 100
    assert sum(voice.is_default for voice in voices) == 1
    german = (await tts.ListVoices(tts_pb2.ListVoicesRequest(language="de"))).voices
    assert {voice.engine for voice in german} == {"espeak"}
    assert {voice.engine for voice in (await tts.ListVoices(tts_pb2.ListVoicesRequest(engine="flite"))).voices} == {
        "flite"
    }


def conversation(*messages):
    async def requests():
        yield tts_pb2.ConverseSynthesizeRequest(
            config=tts_pb2.ConverseConfig(synthesis=tts_pb2.SynthesisConfig(seed=5, audio={"encoding": 1}))
        )
        for message in messages:
            yield tts_pb2.ConverseSynthesizeRequest(**message)

    return requests()


async def test_a_conversation_speaks_each_sentence_when_it_is_complete(tts, catalog):
    words = asyncio.Event()

    async def requests():
        yield tts_pb2.ConverseSynthesizeRequest(
            config=tts_pb2.ConverseConfig(synthesis=tts_pb2.SynthesisConfig(seed=5))
        )
        for piece in ("Hel", "lo there. How a", "re you"):
            yield tts_pb2.ConverseSynthesizeRequest(text=piece)
        await words.wait()

    events, call = [], tts.ConverseSynthesize(requests())
    async for event in call:
        events.append(event)
        if any(word.word == "there" for word in event.chunk.words):
            words.set()  # the client closes only after it received the first sentence
    assert events[-1].WhichOneof("event") == "finished"
    spoken = [word.word for event in events for word in event.chunk.words]
    assert spoken == ["hello", "there", "how", "are", "you"]
    assert [generation.text for generation, _ in catalog.records.values()] == ["Hello there. How are you"]


async def test_a_flush_speaks_an_incomplete_sentence(tts):
    heard = asyncio.Event()

    async def requests():
        yield tts_pb2.ConverseSynthesizeRequest(config=tts_pb2.ConverseConfig())
        yield tts_pb2.ConverseSynthesizeRequest(text="one two")
        yield tts_pb2.ConverseSynthesizeRequest(control=tts_pb2.CONVERSE_CONTROL_FLUSH)
        await heard.wait()

    spoken = []
    async for event in tts.ConverseSynthesize(requests()):
        spoken += [word.word for word in event.chunk.words]
        if spoken:
            heard.set()
    assert spoken == ["one", "two"]


def seconds(duration):
    return duration.ToMicroseconds() / 1e6


LONG = "This sentence goes on and on and on, and nobody wants to hear its end, which is far away. " * 10
INTERRUPT = tts_pb2.CONVERSE_CONTROL_INTERRUPT


async def test_an_interruption_ends_the_audio_at_once_and_what_follows_is_spoken(tts, catalog):
    """The stream is 1 s ahead at most, and waits for its pace, when it is interrupted."""
    call = tts.ConverseSynthesize()
    await call.write(
        tts_pb2.ConverseSynthesizeRequest(
            config=tts_pb2.ConverseConfig(
                ahead_seconds=1, synthesis=tts_pb2.SynthesisConfig(seed=5, audio={"encoding": 1})
            )
        )
    )
    await call.write(tts_pb2.ConverseSynthesizeRequest(text=LONG))
    sent, events = 0.0, []
    while sent < 1.0:
        event = await call.read()
        sent += seconds(event.chunk.duration)
    await call.write(tts_pb2.ConverseSynthesizeRequest(control=INTERRUPT))
    await call.write(tts_pb2.ConverseSynthesizeRequest(text="Good evening."))
    await call.done_writing()
    while (event := await call.read()) is not END_OF_STREAM:
        events.append(event)
    kinds = [event.WhichOneof("event") for event in events]
    at = kinds.index("interrupted")
    offset = seconds(events[at].interrupted.offset)
    assert offset < 2.0
    words = [word for event in events[at:] for word in event.chunk.words]
    assert [word.word for word in words] == ["good", "evening"]
    end = seconds(events[-1].finished.duration)
    assert offset <= seconds(words[0].start_offset) < seconds(words[1].end_offset) <= end < offset + 2.0
    [(record, _)] = catalog.records.values()
    assert record.text.startswith("This sentence goes on")
    assert record.text.endswith("on and on, Good evening.")
    assert len(record.text) < len(LONG)


async def test_each_interruption_is_answered_also_when_nobody_speaks(tts):
    call = tts.ConverseSynthesize()
    await call.write(tts_pb2.ConverseSynthesizeRequest(config=tts_pb2.ConverseConfig()))
    for _ in range(3):
        await call.write(tts_pb2.ConverseSynthesizeRequest(text="Never mi"))
        await call.write(tts_pb2.ConverseSynthesizeRequest(control=INTERRUPT))
    for _ in range(3):
        assert (await call.read()).HasField("interrupted")
    await call.write(tts_pb2.ConverseSynthesizeRequest(text="Hello."))
    await call.done_writing()
    words = []
    while (event := await call.read()) is not END_OF_STREAM:
        words += [word.word for word in event.chunk.words]
    assert words == ["hello"]


@pytest.mark.parametrize(
    "messages",
    [
        [{"text": "Hello."}, {"control": INTERRUPT}],
        [{"text": "Hello"}, {"control": INTERRUPT}],
        [{"control": INTERRUPT}],
        [{"control": INTERRUPT}, {"text": " "}],
        [{"text": "Hello. How are you?"}, {"control": INTERRUPT}, {"control": INTERRUPT}],
    ],
)
async def test_a_conversation_that_was_interrupted_ends_well_though_nothing_was_said(tts, catalog, messages):
    events = [event async for event in tts.ConverseSynthesize(conversation(*messages))]
    kinds = [event.WhichOneof("event") for event in events]
    assert "interrupted" in kinds
    assert kinds[-1] == "finished"


@pytest.mark.parametrize(
    ("messages", "reason", "field"),
    [
        ([{"text": "Hello."}, {"config": {}}], "CONFIG_TWICE", "config"),
        ([{"control": INTERRUPT}] * 1001, "TOO_MANY_INTERRUPTIONS", "control"),
        ([{"control": 9}], "INVALID_FIELD", "control"),
        ([{"text": "x" * 10_001}], "TEXT_TOO_LONG", "text"),
        ([], "NOTHING_TO_SAY", "text"),
    ],
)
async def test_a_wrong_conversation_is_refused(tts, messages, reason, field):
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        async for _ in tts.ConverseSynthesize(conversation(*messages)):
            pass
    assert (reason_of(refused.value), field_of(refused.value)) == (reason, field)


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({"synthesis": {"style": {"speed": 9}}}, "config.synthesis.style.speed"),
        ({"synthesis": {"style": {"instructions": "softly"}}}, "config.synthesis.style.instructions"),
        ({"synthesis": {"audio": {"encoding": 77}}}, "config.synthesis.audio.encoding"),
        ({"synthesis": {"request_id": "7"}}, "config.synthesis.request_id"),
        ({"synthesis": {"voice": {"profile": "ann"}}}, "config.synthesis.voice.profile"),
        ({"ahead_seconds": 0.5}, "config.ahead_seconds"),
    ],
)
async def test_a_wrong_config_of_a_conversation_is_named_by_its_whole_path(tts, config, field):
    async def requests():
        yield tts_pb2.ConverseSynthesizeRequest(config=config)
        yield tts_pb2.ConverseSynthesizeRequest(text="Hello.")

    with pytest.raises(grpc.aio.AioRpcError) as refused:
        async for _ in tts.ConverseSynthesize(requests()):
            pass
    assert field_of(refused.value) == field
    assert "Internal" not in (refused.value.details() or "")


async def test_a_conversation_without_config_is_refused(tts):
    async def requests():
        yield tts_pb2.ConverseSynthesizeRequest(text="Hello.")

    with pytest.raises(grpc.aio.AioRpcError) as refused:
        async for _ in tts.ConverseSynthesize(requests()):
            pass
    assert reason_of(refused.value) == "CONFIG_FIRST"


async def gauge(running, name: str) -> float:
    import urllib.request

    url = f"http://{running.metrics_address}/metrics"
    text = await asyncio.to_thread(lambda: urllib.request.urlopen(url).read().decode())
    return next(float(line.split()[1]) for line in text.splitlines() if line.startswith(f"{name} "))


async def settled(running, name: str, value: float) -> None:
    async with asyncio.timeout(60):
        while await gauge(running, name) != value:
            await asyncio.sleep(0.01)


async def test_a_client_that_vanishes_frees_its_permit_and_is_kept_as_cancelled(running, tts, catalog):
    call = tts.StreamSynthesize(tts_pb2.StreamSynthesizeRequest(text="This goes on and on. " * 40, ahead_seconds=1))
    await call.read()
    await call.read()
    assert await gauge(running, "voicebox_streams_running") == 1
    call.cancel()
    await settled(running, "voicebox_streams_running", 0)
    await asyncio.wait_for(catalog.arrived.wait(), 60)
    [(generation, audio)] = catalog.records.values()
    assert generation.status == 2
    assert soundfile.info(io.BytesIO(audio)).frames > 0


async def test_a_stream_keeps_its_pace_however_fast_it_is_read(tts):
    began = time.monotonic()
    events = await stream(tts, ahead_seconds=1, store=False)
    sound = events[-1].finished.duration.ToMicroseconds() / 1e6
    assert sound > 3
    assert time.monotonic() - began > sound - 1 - 0.3  # the last chunks' 0.2 s wait for nothing
    assert events[-1].finished.synthesis_time.ToMicroseconds() / 1e6 < sound / 2


@pytest.mark.parametrize("way", ["StreamSynthesize", "PlaySpeech"])
async def test_a_download_takes_as_long_as_it_is_made_not_as_it_is_played(tts, way):
    text = "This goes on and on, and is a file of more than a minute. " * 20
    request = {"StreamSynthesize": tts_pb2.StreamSynthesizeRequest, "PlaySpeech": tts_pb2.PlaySpeechRequest}[way]
    began, size = time.monotonic(), 0
    async for answer in getattr(tts, way)(request(text=text, config={"voice": {"voice": "kal"}, "store": False})):
        size += answer.ByteSize()
    sound = size / (2 * 8_000)
    assert sound > 60
    assert time.monotonic() - began < sound / 2


async def test_a_deadline_that_passes_frees_the_permit(running, tts):
    call = tts.StreamSynthesize(
        tts_pb2.StreamSynthesizeRequest(text="This goes on and on. " * 40, ahead_seconds=1), timeout=0.5
    )
    with pytest.raises(grpc.aio.AioRpcError) as ended:
        async for _ in call:
            pass
    assert ended.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    await settled(running, "voicebox_streams_running", 0)


async def test_a_retry_after_a_cut_stream_is_kept_whole(tts, catalog):
    request_id = str(uuid.uuid4())
    call = tts.StreamSynthesize(
        tts_pb2.StreamSynthesizeRequest(
            text=TEXT, ahead_seconds=1, config=tts_pb2.SynthesisConfig(request_id=request_id)
        )
    )
    await call.read()
    await call.read()
    call.cancel()
    await asyncio.wait_for(catalog.arrived.wait(), 60)
    finished = (await stream(tts, request_id=request_id))[-1].finished
    assert finished.generation == f"generations/{request_id}"
    assert sorted(generation.status for generation, _ in catalog.records.values()) == [1, 2]
    assert catalog.records[finished.generation][0].duration == finished.duration


async def test_a_conversation_that_says_nothing_takes_no_permit_and_ends(start, catalog):
    running = await start(
        open_service, CATALOG_ADDRESS=catalog.address, TTS_STREAMS="1", TTS_QUEUE="0", TTS_IDLE_SECONDS="1"
    )
    tts = aio_stub(tts_pb2_grpc.TextToSpeechServiceStub, running.channel)
    call = tts.ConverseSynthesize()
    await call.write(tts_pb2.ConverseSynthesizeRequest(config=tts_pb2.ConverseConfig()))
    assert (await stream(tts, text="Hello."))[-1].HasField("finished")
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await call.read()
    assert reason_of(refused.value) == "STREAM_IDLE"


async def test_streams_that_a_stop_cuts_short_are_kept(tmp_path):
    addresses = {"TTS_ADDRESS": "127.0.0.1:0", "TTS_METRICS_ADDRESS": "127.0.0.1:0", "CATALOG_ADDRESS": "127.0.0.1:1"}
    opening = open_service({**addresses, "VOICEBOX_DATA": str(tmp_path), "VOICEBOX_GRACE_SECONDS": "0"})
    serving = await opening.__aenter__()
    async with grpc.aio.insecure_channel(serving.endpoints[0].address) as channel:
        request = tts_pb2.StreamSynthesizeRequest(text="This goes on and on. " * 40, ahead_seconds=1)
        calls = [aio_stub(tts_pb2_grpc.TextToSpeechServiceStub, channel).StreamSynthesize(request) for _ in range(3)]
        for call in calls:
            await call.read()
            await call.read()
        await opening.__aexit__(None, None, None)
    assert len(list((tmp_path / "tts" / "spool").glob("*.json"))) == 3


async def test_a_full_queue_refuses_with_a_time_to_retry(start, catalog):
    running = await start(open_service, CATALOG_ADDRESS=catalog.address, TTS_STREAMS="1", TTS_QUEUE="0")
    tts = aio_stub(tts_pb2_grpc.TextToSpeechServiceStub, running.channel)
    call = tts.StreamSynthesize(
        tts_pb2.StreamSynthesizeRequest(
            text="This goes on and on. " * 40, ahead_seconds=1, config=tts_pb2.SynthesisConfig(store=False)
        )
    )
    await call.read()
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await stream(tts)
    assert (refused.value.code().name, reason_of(refused.value)) == ("RESOURCE_EXHAUSTED", "QUEUE_FULL")
    call.cancel()
    await settled(running, "voicebox_streams_running", 0)
    assert (await stream(tts))[-1].HasField("finished")


@pytest.mark.parametrize(("patience", "deadline"), [("0.5", None), ("60", 0.5)])
async def test_who_would_wait_too_long_is_refused_at_once(start, catalog, patience, deadline):
    """By the service's patience, or by the caller's own deadline."""
    running = await start(open_service, CATALOG_ADDRESS=catalog.address, TTS_STREAMS="1", TTS_PATIENCE_SECONDS=patience)
    tts = aio_stub(tts_pb2_grpc.TextToSpeechServiceStub, running.channel)
    call = tts.StreamSynthesize(
        tts_pb2.StreamSynthesizeRequest(
            text="This goes on and on. " * 40, ahead_seconds=1, config=tts_pb2.SynthesisConfig(store=False)
        )
    )
    await call.read()
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        async for _ in tts.StreamSynthesize(tts_pb2.StreamSynthesizeRequest(text=TEXT), timeout=deadline):
            pass
    assert (refused.value.code().name, reason_of(refused.value)) == ("RESOURCE_EXHAUSTED", "WAIT_TOO_LONG")
    status = status_pb2.Status.FromString(dict[str, Any](refused.value.trailing_metadata())["grpc-status-details-bin"])
    retry = error_details_pb2.RetryInfo()
    assert status.details[1].Unpack(retry)
    assert retry.retry_delay.ToMilliseconds() > 0
    call.cancel()
    await settled(running, "voicebox_streams_running", 0)
    assert (await stream(tts))[-1].HasField("finished")


async def test_the_models_are_listed_loaded_and_unloaded(running):
    models = aio_stub(models_pb2_grpc.ModelServiceStub, running.channel)
    listed = (await models.ListModels(models_pb2.ListModelsRequest())).models
    assert [(model.engine, model.is_default) for model in listed if model.state != models_pb2.MODEL_STATE_ABSENT] == [
        ("flite", True),
        ("espeak", False),
    ]
    assert (listed[0].state, listed[0].device) == (models_pb2.MODEL_STATE_LOADED, "cpu")
    assert listed[1].state == models_pb2.MODEL_STATE_AVAILABLE
    assert (
        await models.LoadModel(models_pb2.LoadModelRequest(name=listed[1].name))
    ).state == models_pb2.MODEL_STATE_LOADED
    assert (
        await models.UnloadModel(models_pb2.UnloadModelRequest(name=listed[1].name))
    ).state == models_pb2.MODEL_STATE_AVAILABLE
    progress = [answer async for answer in models.DownloadModel(models_pb2.DownloadModelRequest(name=listed[0].name))]
    assert [answer.done for answer in progress] == [True]
    for call, request in [
        (models.GetModel, models_pb2.GetModelRequest(name="models/no/model")),
        (models.LoadModel, models_pb2.LoadModelRequest(name="")),
    ]:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await call(request)
        assert reason_of(refused.value) == "MODEL_NOT_FOUND"
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await models.UnloadModel(models_pb2.UnloadModelRequest(name=listed[0].name))
    assert reason_of(refused.value) == "MODEL_IS_DEFAULT"


async def test_a_second_tts_in_the_same_spool_does_not_start(start, catalog):
    await start(open_service, CATALOG_ADDRESS=catalog.address)
    with pytest.raises(StartError, match="Another tts runs in"):
        await start(open_service, CATALOG_ADDRESS=catalog.address)


async def spoken(tts, ssml, **config):
    spec = tts_pb2.AudioSpec(encoding=tts_pb2.AUDIO_ENCODING_PCM_S16LE, sample_rate_hz=16_000)
    asked = tts_pb2.SynthesisConfig(audio=spec, seed=1, **config)
    return await tts.Synthesize(tts_pb2.SynthesizeRequest(ssml=ssml, config=asked))


async def test_breaks_are_silence_of_the_exact_length(tts):
    plain = await spoken(tts, "<speak><s>One two.</s><s>Three.</s></speak>")
    paused = await spoken(tts, "<speak><s>One two.</s><break time='777ms'/><s>Three.</s></speak>")
    assert paused.finished.sample_count - plain.finished.sample_count == round(0.777 * 16_000)


async def test_an_inline_pause_is_silence_and_with_verbatim_it_is_text(tts):
    spec = tts_pb2.AudioSpec(encoding=tts_pb2.AUDIO_ENCODING_PCM_S16LE)
    lengths = {}
    for text in ("One. Two.", "One. [pause:1.5s] Two."):
        config = tts_pb2.SynthesisConfig(audio=spec, seed=1, store=False)
        lengths[text] = (
            await tts.Synthesize(tts_pb2.SynthesizeRequest(text=text, config=config))
        ).finished.sample_count
    assert lengths["One. [pause:1.5s] Two."] - lengths["One. Two."] == 24_000
    config = tts_pb2.SynthesisConfig(audio=spec, verbatim=True, store=False)
    read = await tts.Synthesize(tts_pb2.SynthesizeRequest(text="One. [pause:1.5s] Two.", config=config))
    assert "pause" in [word.word for word in read.words]


async def test_marks_and_speakers_come_with_their_times(tts, catalog):
    ssml = (
        "<speak><s>One two.</s><mark name='a'/><voice name='flite/rms'>Three.</voice>"
        "<prosody rate='fast'>Four.</prosody><mark name='b'/></speak>"
    )
    whole = await spoken(tts, ssml)
    words = {word.word: word.start_offset.ToMicroseconds() / 1e6 for word in whole.words}
    assert list(words) == ["one", "two", "three", "four"]
    marks = {mark.mark: mark.offset.ToMicroseconds() / 1e6 for mark in whole.marks}
    assert words["two"] < marks["a"] <= words["three"]
    assert marks["b"] == pytest.approx(whole.finished.sample_count / 16_000, abs=1e-3)
    assert [speaker.voice for speaker in whole.speakers] == ["flite/slt", "flite/rms", "flite/slt"]
    starts = [speaker.start_offset.ToMicroseconds() / 1e6 for speaker in whole.speakers]
    assert starts[0] == 0
    assert starts[1] == pytest.approx(marks["a"], abs=1e-3)
    assert whole.started.voice == "flite/slt"
    assert not whole.finished.warnings
    (record, _) = catalog.records[whole.finished.generation]
    assert record.text == "One two. Three. Four."

    streamed = tts.StreamSynthesize(tts_pb2.StreamSynthesizeRequest(ssml=ssml, config=tts_pb2.SynthesisConfig(seed=1)))
    chunks = [event.chunk async for event in streamed]
    assert [mark.mark for chunk in chunks for mark in chunk.marks] == ["a", "b"]
    assert len([speaker for chunk in chunks for speaker in chunk.speakers]) == 3


async def test_rate_and_pitch_are_heard_and_what_a_voice_cannot_do_is_a_warning(tts):
    slow, fast = [
        await spoken(tts, f"<speak><prosody rate='{rate}'>This is a test of speed.</prosody></speak>", store=False)
        for rate in ("50%", "200%")
    ]
    assert 3 < slow.finished.sample_count / fast.finished.sample_count < 5
    ssml = "<speak><voice name='flite/rms'><prosody pitch='+3st'>One.</prosody></voice></speak>"
    (warning,) = (await spoken(tts, ssml)).finished.warnings
    assert "keeps its own pitch" in warning


@pytest.mark.parametrize(
    ("ssml", "sentence", "reason"),
    [
        ("<speak><foo/></speak>", "ssml, line 1, column 8: there is no element <foo>", "SSML_INVALID"),
        (
            "<speak><voice name='x'>a</voice></speak>",
            "ssml, line 1, column 8: There is no voice 'x'",
            "VOICE_NOT_FOUND",
        ),
        ("<speak>a <lang xml:lang='tlh'>b</lang></speak>", "ssml, line 1, column 10", "LANGUAGE_NOT_SPOKEN"),
        ("<speak><voice name='profiles/x'>a</voice></speak>", "ssml, line 1, column 8", None),
    ],
)
async def test_what_ssml_asks_for_and_is_not_there_is_named_by_its_place(tts, catalog, ssml, sentence, reason):
    catalog.failure = grpc.StatusCode.NOT_FOUND if reason is None else None
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await spoken(tts, ssml)
    assert failed.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert sentence in (failed.value.details() or "")
    assert field_of(failed.value) == "ssml"
    assert reason is None or reason_of(failed.value) == reason


async def test_a_language_that_the_voice_does_not_speak_is_spoken_by_another_and_told(tts):
    ssml = "<speak>Hello. <lang xml:lang='de'>Guten Tag.</lang></speak>"
    whole = await spoken(tts, ssml, voice=tts_pb2.VoiceSelection(voice="flite/slt"))
    assert [speaker.language for speaker in whole.speakers] == ["en-US", "de"]
    assert any("does not speak de" in warning for warning in whole.finished.warnings)


@pytest.mark.parametrize("encoding", ["MULAW", "ALAW"])
async def test_telephone_audio_has_8_khz_and_says_so(tts, encoding):
    spec = tts_pb2.AudioSpec(encoding=E_.Value(f"AUDIO_ENCODING_{encoding}"))
    config = tts_pb2.SynthesisConfig(audio=spec, store=False)
    whole = await tts.Synthesize(tts_pb2.SynthesizeRequest(text=TEXT, config=config))
    assert whole.started.audio == tts_pb2.AudioSpec(encoding=spec.encoding, sample_rate_hz=8_000)
    assert len(whole.audio) == whole.finished.sample_count
    bodies = [response.body async for response in tts.PlaySpeech(tts_pb2.PlaySpeechRequest(text=TEXT, config=config))]
    assert bodies[0].content_type == f"audio/PCM{encoding[0].replace('M', 'U')};rate=8000"


async def test_loudness_true_peak_and_trimming_are_as_asked(tts):
    processing = tts_pb2.AudioProcessing(loudness_lufs=-14, true_peak_dbtp=-3, trim_silence=True)
    whole = await spoken(tts, f"<speak><break time='1s'/>{TEXT}<break time='2s'/></speak>", processing=processing)
    plain = await spoken(tts, f"<speak>{TEXT}</speak>")
    samples = np.frombuffer(whole.audio, "<i2").astype(np.float32) / 32768
    meter = LoudnessMeter(16_000)
    meter.push(samples)
    meter.finish()
    assert meter.lufs == pytest.approx(-14, abs=1.5)
    assert 20 * np.log10(meter.true_peak) <= -2.8
    assert whole.finished.sample_count <= plain.finished.sample_count


@pytest.mark.parametrize(
    ("processing", "field"),
    [
        (tts_pb2.AudioProcessing(loudness_lufs=0), "config.processing.loudness_lufs"),
        (tts_pb2.AudioProcessing(loudness_lufs=float("nan")), "config.processing.loudness_lufs"),
        (tts_pb2.AudioProcessing(true_peak_dbtp=1), "config.processing.true_peak_dbtp"),
    ],
)
async def test_a_level_out_of_bounds_is_refused(tts, processing, field):
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await spoken(tts, "<speak>a</speak>", processing=processing)
    assert field_of(failed.value) == field
