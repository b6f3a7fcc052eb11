"""Qwen3-TTS through the service, with random weights: cloned, built-in and described voices, streamed and written as
they come.
"""

import io
import urllib.request
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import grpc
import numpy as np
import pytest
import soundfile
from voicebox.catalog.v1 import catalog_pb2, catalog_pb2_grpc
from voicebox.models.v1 import models_pb2, models_pb2_grpc
from voicebox.tts.v1 import tts_pb2, tts_pb2_grpc
from voicebox_catalog.app import open_service as open_catalog
from voicebox_tts.app import open_service

from tests.conftest import Running
from tests.support.aio import END_OF_STREAM

from .test_servicer import field_of, reason_of

TEXT = "Hello there. It is late."
RATE_HZ = 24_000
E_ = tts_pb2.AudioEncoding
FILES = [
    (E_.AUDIO_ENCODING_WAV, 24_000),
    (E_.AUDIO_ENCODING_FLAC, 24_000),
    (E_.AUDIO_ENCODING_OGG_OPUS, 24_000),
    (E_.AUDIO_ENCODING_MP3, 24_000),
]
BASE, CUSTOM, DESIGN, ENDLESS = (f"models/qwen3/{name}" for name in ("base", "custom-voice", "voice-design", "endless"))


@pytest.fixture
async def running(start, catalog, tiny_qwen3):
    settings = {
        "VOICEBOX_MODELS": str(tiny_qwen3.parent),
        "TTS_ENGINE": "qwen3",
        "TTS_MORE_ENGINES": "flite",
        "TTS_DEVICE": "cpu",
    }
    return await start(open_service, CATALOG_ADDRESS=catalog.address, TTS_MODEL="qwen3/custom-voice", **settings)


@pytest.fixture
def tts(running):
    return tts_pb2_grpc.TextToSpeechServiceStub(running.channel)


@pytest.fixture
def models(running):
    return models_pb2_grpc.ModelServiceStub(running.channel)


@pytest.fixture
def voice(speech_data) -> tts_pb2.VoiceSelection:
    """Three seconds of a real person, with roughly what is said."""
    name, transcript = next(iter(speech_data.transcripts.items()))
    samples, rate = soundfile.read(speech_data.path(name), frames=3 * 16_000)
    return selection(samples, rate, transcript[: 3 * 14])


def selection(samples, rate, transcript="") -> tts_pb2.VoiceSelection:
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format="FLAC")
    return tts_pb2.VoiceSelection(reference=tts_pb2.InlineReference(audio=file.getvalue(), transcript=transcript))


async def streamed(tts, text=TEXT, **config) -> tts_pb2.SynthesizeResponse:
    return await tts.Synthesize(tts_pb2.SynthesizeRequest(text=text, config={"seed": 3, **config}))


def counted(running, metric: str) -> float:
    page = urllib.request.urlopen(f"http://{running.metrics_address}/metrics").read().decode()
    return sum(float(line.split()[-1]) for line in page.splitlines() if line.startswith(f"voicebox_tts_{metric}"))


def computed(running) -> float:
    return counted(running, "prompts_computed_total")


async def test_a_built_in_voice_streams_frame_by_frame_and_whole_and_streamed_are_the_same(tts):
    pcm = {"encoding": E_.AUDIO_ENCODING_PCM_S16LE}
    request = tts_pb2.StreamSynthesizeRequest(text=TEXT, config=tts_pb2.SynthesisConfig(seed=3, audio=pcm))
    events = [event async for event in tts.StreamSynthesize(request)]
    assert events[0].started.model == "qwen3/custom-voice"
    assert events[0].started.audio.sample_rate_hz == RATE_HZ
    chunks = [event.chunk for event in events[1:-1]]
    assert len(chunks) > 4
    assert chunks[0].duration.ToMilliseconds() <= 200
    assert b"".join(chunk.audio for chunk in chunks) == (await streamed(tts, audio=pcm)).audio
    assert len(b"".join(chunk.audio for chunk in chunks)) == 2 * events[-1].finished.sample_count


@pytest.mark.parametrize(("encoding", "rate"), FILES)
async def test_every_encoding_decodes_to_the_right_length(tts, encoding, rate):
    answer = await streamed(tts, audio={"encoding": encoding})
    samples, heard_rate = soundfile.read(io.BytesIO(answer.audio))
    assert heard_rate == rate
    padding_seconds = 0.15 if encoding == E_.AUDIO_ENCODING_MP3 else 0.01
    assert len(samples) / rate == pytest.approx(answer.finished.duration.ToMilliseconds() / 1000, abs=padding_seconds)


async def test_a_recording_is_followed_by_the_model_that_clones_and_encoded_once(tts, running, voice):
    first = await streamed(tts, voice=voice)
    assert (first.started.model, first.started.voice) == ("qwen3/base", "")
    assert first.started.cloning == tts_pb2.CAPABILITY_CLONING
    before = computed(running)
    for _ in range(20):
        assert (await streamed(tts, voice=voice)).audio == first.audio
    assert computed(running) == before <= 1


async def test_a_profile_of_several_samples_is_one_prompt_also_after_a_restart_until_it_changes(
    start, tiny_qwen3, speech_data, tmp_path
):
    catalog = await start(open_catalog)
    stub = catalog_pb2_grpc.CatalogServiceStub(catalog.channel)
    await stub.CreateProfile(catalog_pb2.CreateProfileRequest(profile_id="ann", profile={"display_name": "Ann"}))

    async def add(name: str) -> None:
        def messages():
            yield catalog_pb2.UploadSampleRequest(parent="profiles/ann", transcript=speech_data.transcripts[name])
            sample = catalog_pb2.UploadSampleRequest()
            sample.audio.data = speech_data.path(name).read_bytes()
            yield sample

        await stub.UploadSample(messages())

    folders = {"VOICEBOX_MODELS": str(tiny_qwen3.parent), "VOICEBOX_DATA": str(tmp_path / "tts")}
    addresses = {"TTS_ADDRESS": "127.0.0.1:0", "TTS_METRICS_ADDRESS": "127.0.0.1:0", "CATALOG_ADDRESS": catalog.address}
    env = {
        **folders,
        **addresses,
        "TTS_ENGINE": "qwen3",
        "TTS_MODEL": "qwen3/base",
        "TTS_DEVICE": "cpu",
        "VOICEBOX_GRACE_SECONDS": "0",
    }

    @asynccontextmanager
    async def speaking():
        async with open_service(env) as serving, grpc.aio.insecure_channel(serving.endpoints[0].address) as channel:
            tts = tts_pb2_grpc.TextToSpeechServiceStub(channel)
            yield partial(streamed, tts, voice={"profile": "profiles/ann"}), partial(counted, Running(serving, channel))

    await add("LJ001-0002.wav")
    await add("LJ001-0008.wav")
    async with speaking() as (say, count):
        first = await say()
        assert first.started.model == "qwen3/base"
        assert (await say()).audio == first.audio
        assert count("prompts_computed_total") == 1
    async with speaking() as (say, count):
        assert (await say()).audio == first.audio
        assert (count("prompts_computed_total"), count('prompts_found_total{where="disk"}')) == (0, 1)
        await add("LJ001-0004.wav")
        assert (await say()).audio != first.audio
        assert count("prompts_computed_total") == 1


async def test_a_recording_without_a_transcript_is_followed_by_its_speaker_alone(tts, voice):
    with_words = await streamed(tts, voice=voice)
    voice.reference.transcript = ""
    assert (await streamed(tts, voice=voice)).audio != with_words.audio


async def test_models_are_switched_without_a_restart_and_what_is_not_used_is_unloaded(tts, models, voice):
    assert (await streamed(tts, voice=voice)).started.model == "qwen3/base"
    state = await models.GetModel(models_pb2.GetModelRequest(name=BASE))
    assert (state.state, state.device, state.licence) == (models_pb2.MODEL_STATE_LOADED, "cpu", state.licence)
    assert state.memory_bytes > 0
    await models.UnloadModel(models_pb2.UnloadModelRequest(name=BASE))
    assert (await models.GetModel(models_pb2.GetModelRequest(name=BASE))).state == models_pb2.MODEL_STATE_AVAILABLE
    assert (await streamed(tts)).started.model == "qwen3/custom-voice"
    assert (await streamed(tts, voice=voice)).started.model == "qwen3/base"


async def test_voices_are_made_of_a_description_and_differ(tts):
    request = tts_pb2.DesignVoiceRequest(
        description="A calm old man.", text="It is late.", config=tts_pb2.VoiceDesignConfig(seed=1, count=3)
    )
    answer = await tts.DesignVoice(request)
    assert [(voice.seed, voice.model) for voice in answer.voices] == [
        (seed, "qwen3/voice-design") for seed in (1, 2, 3)
    ]
    sounds = [soundfile.read(io.BytesIO(voice.audio))[0] for voice in answer.voices]
    assert all(np.abs(sound).max() > 0.01 for sound in sounds)
    assert len({sound.tobytes() for sound in sounds}) == 3
    again = (await tts.DesignVoice(request)).voices
    for sound, voice in zip(
        sounds, again, strict=True
    ):  # the codec's sums differ in their last bits with what is beside them
        np.testing.assert_allclose(soundfile.read(io.BytesIO(voice.audio))[0], sound, rtol=0, atol=2 / 32768)


async def test_a_conversation_speaks_while_it_is_written(tts):
    call = tts.ConverseSynthesize()
    await call.write(
        tts_pb2.ConverseSynthesizeRequest(
            config=tts_pb2.ConverseConfig(ahead_seconds=3600, synthesis=tts_pb2.SynthesisConfig(seed=5))
        )
    )
    for word in "The truth of it is, ".split(" "):
        await call.write(tts_pb2.ConverseSynthesizeRequest(text=f"{word} "))
    await call.write(tts_pb2.ConverseSynthesizeRequest(text="nobody"))
    assert (await call.read()).started.engine == "qwen3"
    assert (await call.read()).chunk.audio, "the first clause is spoken before the sentence is complete"
    await call.write(tts_pb2.ConverseSynthesizeRequest(text=" knew."))
    await call.done_writing()
    while (event := await call.read()) is not END_OF_STREAM:
        last = event
    assert last.finished.sample_count > 0


async def test_what_runs_away_is_cut_and_reported_also_in_the_history(tts, catalog, voice):
    finished = (await streamed(tts, text="Hello.", voice=voice, model=ENDLESS)).finished
    assert finished.duration.ToMilliseconds() < 20_000
    assert any(
        "longer than the text can need" in warning or "repeated itself" in warning for warning in finished.warnings
    )
    [(generation, _)] = catalog.records.values()
    assert list(generation.warnings) == list(finished.warnings)


NOISE = np.random.default_rng(1).normal(0, 0.1, 48_000)


@pytest.mark.parametrize(
    ("reference", "reason"),
    [
        (selection(np.full(2_400, 0.3), RATE_HZ), "REFERENCE_TOO_LITTLE_SPEECH"),
        (selection(np.zeros(5 * RATE_HZ), RATE_HZ), "REFERENCE_TOO_LITTLE_SPEECH"),
        (selection(NOISE, RATE_HZ), "REFERENCE_TOO_LITTLE_SPEECH"),
        (tts_pb2.VoiceSelection(reference=tts_pb2.InlineReference(audio=b"this is no sound")), "AUDIO_FORMAT_REFUSED"),
        (selection(np.zeros((600 * 8_000, 1)), 8_000), "AUDIO_TOO_LONG"),
    ],
    ids=["0.1 s", "silence", "noise", "no audio", "10 minutes"],
)
async def test_a_recording_that_is_no_voice_is_refused(tts, reference, reason):
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await streamed(tts, voice=reference)
    assert (caught.value.code(), field_of(caught.value)) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        "config.voice.reference.audio",
    )
    assert reason_of(caught.value) == reason


async def test_a_clipped_recording_and_a_stereo_one_at_96_khz_do(tts, voice):
    samples, rate = soundfile.read(io.BytesIO(voice.reference.audio))
    assert (await streamed(tts, voice=selection(np.clip(20 * samples, -1, 1), rate))).finished.sample_count
    doubled = np.repeat(samples[:RATE_HZ], 4)  # slow and low, at 96 kHz
    assert (await streamed(tts, voice=selection(np.stack([doubled, doubled], 1), 96_000))).finished.sample_count


async def test_a_transcript_of_something_else_is_refused(tts, voice):
    voice.reference.transcript = "These are far too many words. " * 30
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await streamed(tts, voice=voice)
    assert reason_of(caught.value) == "TRANSCRIPT_DOES_NOT_MATCH"


@pytest.mark.parametrize(
    ("fields", "field", "reason"),
    [
        ({"text": "\u200b"}, "text", "TEXT_EMPTY"),
        ({"style": {"speed": 1.5}}, "config.style.speed", "UNSUPPORTED_BY_ENGINE"),
        ({"style": {"language": "nl"}}, "config.style.language", "LANGUAGE_NOT_SPOKEN"),
        ({"model": BASE}, "config.model", "MODEL_WITHOUT_VOICES"),
    ],
)
async def test_what_it_cannot_do_is_refused_by_field(tts, fields, field, reason):
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await streamed(tts, **fields)
    assert (field_of(caught.value), reason_of(caught.value)) == (field, reason)


async def test_an_instruction_to_a_model_that_follows_none_is_refused(tts, voice):
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await streamed(tts, voice=voice, style={"instructions": "Whisper."})
    assert (field_of(caught.value), reason_of(caught.value)) == ("config.style.instructions", "UNSUPPORTED_BY_ENGINE")


async def test_without_a_gpu_it_is_not_chosen_by_itself_and_the_list_says_why(start, catalog, tiny_qwen3):
    running = await start(open_service, CATALOG_ADDRESS=catalog.address, VOICEBOX_MODELS=str(tiny_qwen3.parent))
    listed = await models_pb2_grpc.ModelServiceStub(running.channel).ListModels(models_pb2.ListModelsRequest())
    assert listed.models[0].is_default
    assert not listed.models[0].name.startswith("models/qwen3/")
    if not any(Path(driver).exists() for driver in ("/dev/nvidiactl", "/dev/kfd")):
        assert "qwen3 is not, there is no GPU for it" in listed.models[0].detail
    custom = await streamed(tts_pb2_grpc.TextToSpeechServiceStub(running.channel), model=CUSTOM)
    assert custom.started.engine == "qwen3"
