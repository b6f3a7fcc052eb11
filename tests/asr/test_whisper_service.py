"""The engine whisper behind gRPC: its words are nonsense, since its weights are random; all that is around them is
real.
"""

import asyncio
import json
from collections.abc import AsyncIterator

import grpc
import pytest
from google.api.httpbody_pb2 import HttpBody
from google.protobuf import json_format
from google.protobuf.duration_pb2 import Duration
from voicebox.asr.v1 import asr_pb2, asr_pb2_grpc
from voicebox.asr.v1.asr_pb2 import (
    Decoding,
    Grammar,
    PhraseList,
    RecognitionConfig,
    StreamingConfig,
    StreamingRecognizeRequest,
    TranscribeRequest,
    VoiceActivityConfig,
)
from voicebox.models.v1 import models_pb2, models_pb2_grpc
from voicebox_asr.app import open_service
from voicebox_asr.engine import SAMPLE_RATE_HZ
from voicebox_audio.pcm import to_s16le

from .conftest import silence, wav
from .test_bad_audio import refusal

PCM = RecognitionConfig(encoding=asr_pb2.AUDIO_ENCODING_PCM_S16LE, sample_rate_hz=SAMPLE_RATE_HZ)


@pytest.fixture
async def channel(start, whisper_models) -> grpc.aio.Channel:
    """The asr service with two models of whisper, `random` and `random.en`, and pocketsphinx beside them."""
    variables = {"ASR_ENGINE": "whisper", "ASR_MODEL": "whisper/random", "ASR_MORE_ENGINES": "pocketsphinx"}
    return (await start(open_service, VOICEBOX_MODELS=str(whisper_models.parent), **variables)).channel


@pytest.fixture
def stub(channel) -> asr_pb2_grpc.SpeechToTextServiceStub:
    return asr_pb2_grpc.SpeechToTextServiceStub(channel)


@pytest.fixture
def models(channel) -> models_pb2_grpc.ModelServiceStub:
    return models_pb2_grpc.ModelServiceStub(channel)


@pytest.fixture(scope="session")
def speech(spoken) -> bytes:
    """8 s of synthetic speech as a WAV file."""
    return wav(spoken)


def seconds(duration: Duration) -> float:
    return duration.seconds + duration.nanos / 1e9


async def recognised(stub, audio: bytes, **config) -> asr_pb2.RecognizeResponse:
    return await stub.Recognize(asr_pb2.RecognizeRequest(config=RecognitionConfig(**config), audio=audio))


async def document(stub, audio: bytes, **options) -> HttpBody:
    async def pieces() -> AsyncIterator[TranscribeRequest]:
        yield TranscribeRequest(audio=HttpBody(data=audio[:10_000]), **options)
        yield TranscribeRequest(audio=HttpBody(data=audio[10_000:]))

    return (await stub.Transcribe(pieces())).body


async def test_a_file_reports_words_and_how_sure_the_model_is(stub, speech, spoken) -> None:
    found = await recognised(stub, speech, word_offsets=True)
    assert (found.engine, found.model) == ("whisper", "whisper/random")
    assert found.transcript == " ".join(utterance.transcript for utterance in found.utterances)
    assert 0 < found.language_probability <= 1
    assert (
        0
        < seconds(found.speech_duration)
        < seconds(found.audio_duration)
        == pytest.approx(spoken.size / SAMPLE_RATE_HZ, abs=0.01)
    )
    for utterance in found.utterances:
        assert utterance.language == found.language
        assert utterance.HasField("average_log_probability")
        assert utterance.HasField("no_speech_probability")
        assert utterance.compression_ratio > 0
        times = [seconds(time) for word in utterance.words for time in (word.start_offset, word.end_offset)]
        assert times == sorted(times)
        assert utterance.transcript.split() == " ".join(word.word.strip() for word in utterance.words).split()
    assert any(utterance.words for utterance in found.utterances)


async def test_silence_says_nothing(stub) -> None:
    found = await recognised(stub, wav(silence(5)))
    assert (found.transcript, len(found.utterances), seconds(found.speech_duration)) == ("", 0, 0.0)


async def test_what_is_left_out_as_silence_is_up_to_the_caller(stub, speech) -> None:
    found = await recognised(stub, wav(silence(5)), voice_activity=VoiceActivityConfig(off=True))
    assert seconds(found.speech_duration) == seconds(found.audio_duration) == 5.0
    whole = await recognised(stub, speech, voice_activity=VoiceActivityConfig(off=True), word_offsets=True)
    ends = [word.end_offset for utterance in whole.utterances for word in utterance.words] + [
        each.end_offset for each in whole.utterances
    ]
    assert max(map(seconds, ends)) <= seconds(whole.audio_duration)


async def test_a_language_may_be_named_and_the_task_changes_what_is_written(stub, speech) -> None:
    german = await recognised(stub, speech, language="de")
    assert (german.language, german.HasField("language_probability")) == ("de", False)
    english = await recognised(stub, speech, language="de", task=asr_pb2.RECOGNITION_TASK_TRANSLATE)
    assert english.transcript != german.transcript
    assert (await recognised(stub, speech, language="de")).transcript == german.transcript


async def test_languages_may_change_within_a_file(stub, speech) -> None:
    found = await recognised(stub, speech, multilingual=True)
    assert found.HasField("language_probability")


async def test_prompt_hotwords_and_decoding_reach_the_model(stub, speech) -> None:
    plain, prompted, hot, wide = await asyncio.gather(
        recognised(stub, speech, language="en"),
        recognised(stub, speech, language="en", prompt="Zebras in the morning"),
        recognised(stub, speech, language="en", hotwords=["zebra"]),
        recognised(stub, speech, language="en", decoding=Decoding(beam_size=1, temperatures=[0.0])),
    )
    assert prompted.transcript != plain.transcript
    assert hot.transcript != plain.transcript
    assert {utterance.temperature for utterance in wide.utterances} == {0.0}


async def test_models_side_by_side_by_their_names(stub, models, speech) -> None:
    names = ("models/whisper/random", "models/whisper/random.en", "models/pocketsphinx/en-us")
    found = await asyncio.gather(*(recognised(stub, speech, model=name) for name in names))
    assert [f"models/{answer.model}" for answer in found] == list(names)
    assert found[1].language.startswith("en")
    assert "window" in found[2].transcript
    listed = {model.name: model for model in (await models.ListModels(models_pb2.ListModelsRequest())).models}
    assert all(listed[name].state == models_pb2.MODEL_STATE_LOADED for name in names)


async def test_a_model_is_unloaded_and_loads_again_when_it_is_requested(stub, models, speech) -> None:
    name = "models/whisper/random.en"
    before = await recognised(stub, speech, model=name)
    assert (
        await models.UnloadModel(models_pb2.UnloadModelRequest(name=name))
    ).state == models_pb2.MODEL_STATE_AVAILABLE
    assert (await recognised(stub, speech, model=name)).transcript == before.transcript
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await models.UnloadModel(models_pb2.UnloadModelRequest(name="models/whisper/random"))
    assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION  # the default stays


@pytest.mark.parametrize("form", ["TEXT", "SRT", "VTT", "TSV", "JSON"])
async def test_every_form_of_document(stub, speech, form: str) -> None:
    found = await recognised(stub, speech, language="en")
    body = await document(stub, speech, format=f"TRANSCRIPT_FORMAT_{form}", config=RecognitionConfig(language="en"))
    text = body.data.decode()
    begins, content_type = {
        "TEXT": (found.utterances[0].transcript.split()[0], "text/plain"),
        "SRT": ("1\n00:00:", "application/x-subrip"),
        "VTT": ("WEBVTT\n", "text/vtt"),
        "TSV": ("start\tend\ttext\n", "text/tab-separated-values"),
        "JSON": ("{", "application/json"),
    }[form]
    assert body.content_type.startswith(content_type)
    assert text.startswith(begins)
    if form == "JSON":
        assert json_format.ParseDict(json.loads(text), asr_pb2.RecognizeResponse()).transcript == found.transcript
    else:
        assert all(word in text for word in found.transcript.split())


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({"grammar": Grammar(phrases=PhraseList(phrases=["yes", "no"]))}, "config.grammar"),
        ({"model": "models/whisper/random.en", "multilingual": True}, "config.multilingual"),
        ({"model": "models/whisper/random.en", "task": asr_pb2.RECOGNITION_TASK_TRANSLATE}, "config.task"),
        ({"model": "models/whisper/random.en", "language": "de"}, "config.language"),
        ({"model": "models/pocketsphinx/en-us", "prompt": "x"}, "config.prompt"),
        ({"model": "models/pocketsphinx/en-us", "hotwords": ["x"]}, "config.hotwords"),
        ({"model": "models/pocketsphinx/en-us", "multilingual": True}, "config.multilingual"),
        ({"model": "models/pocketsphinx/en-us", "task": asr_pb2.RECOGNITION_TASK_TRANSLATE}, "config.task"),
        ({"model": "models/pocketsphinx/en-us", "decoding": Decoding(beam_size=2)}, "config.decoding.beam_size"),
        (
            {"model": "models/pocketsphinx/en-us", "voice_activity": VoiceActivityConfig(threshold=0.5)},
            "config.voice_activity.threshold",
        ),
    ],
)
async def test_what_a_model_cannot_honour_is_refused_by_its_path(stub, speech, config: dict, field: str) -> None:
    code, named, _ = await refusal(recognised(stub, speech, **config))
    assert (code, named) == (grpc.StatusCode.INVALID_ARGUMENT, field)
    code, named, _ = await refusal(document(stub, speech, config=RecognitionConfig(**config)))
    assert (code, named) == (grpc.StatusCode.INVALID_ARGUMENT, field)


async def test_a_model_that_cannot_be_is_not_found(stub, speech) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await recognised(stub, speech, model="models/none/of/these")
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


async def test_a_live_stream_has_finals_with_words_and_ends(stub, spoken) -> None:
    async def messages() -> AsyncIterator[StreamingRecognizeRequest]:
        config = RecognitionConfig(word_offsets=True)
        config.MergeFrom(PCM)
        yield StreamingRecognizeRequest(config=StreamingConfig(recognition=config, interim_results=True))
        sound = to_s16le(spoken)
        for start in range(0, len(sound), 6400):
            yield StreamingRecognizeRequest(audio=sound[start : start + 6400])

    events = [event async for event in stub.StreamingRecognize(messages())]
    finals = [event.final for event in events if event.HasField("final")]
    assert [final.utterance_index for final in finals] == list(range(len(finals)))
    assert len(finals) >= 2
    assert events[-1].finished.utterance_count == len(finals)
    assert (events[-1].finished.engine, events[-1].finished.model) == ("whisper", "whisper/random")
    assert any(final.words for final in finals)
