"""What Riva's clients ask for, and what of ours that is."""

import itertools
from collections.abc import Callable
from dataclasses import replace

import pytest
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st
from voicebox.asr.v1 import asr_pb2
from voicebox.compat.riva import riva_asr_pb2, riva_audio_pb2, riva_tts_pb2
from voicebox_asr.compat.riva import audio, responses, stream
from voicebox_asr.compat.riva import request as riva_request
from voicebox_compat.openai import Diagnostics
from voicebox_kit.durations import to_duration
from voicebox_kit.errors import InvalidField
from voicebox_tts.compat.riva import request as speech_request

from tests.asr.conftest import CAPABILITIES, CountingEngine
from tests.support.proto_strategies import messages

Config = riva_asr_pb2.RecognitionConfig
Request = riva_asr_pb2.StreamingRecognizeRequest
ABLE = CountingEngine(capabilities=replace(CAPABILITIES, hotwords=True, translates=True, multilingual=True))
WAV = b"RIFF\xff\xff\xff\xffWAVEfmt "


def refused_field(turn: Callable[..., object], requested: Message) -> str:
    """The field for which a request is refused, or nothing."""
    try:
        turn(requested)
    except InvalidField as error:
        return error.field
    return ""


def to_native(config: Config) -> None:
    riva_request.to_endpointing(config, Diagnostics())
    audio.set_format(riva_request.to_config(config, ABLE, Diagnostics()), config, audio.detect_audio(config, b""))


@given(messages(riva_tts_pb2.SynthesizeSpeechRequest.DESCRIPTOR))
def test_any_speech_request_is_ours_or_refused_by_name(requested):
    field = refused_field(lambda each: speech_request.to_whole(each, Diagnostics()), requested)
    assert field.partition(".")[0] in ("", *requested.DESCRIPTOR.fields_by_name)


@given(messages(Config.DESCRIPTOR))
def test_any_config_is_ours_or_refused_by_name(config):
    field = refused_field(to_native, config)
    assert not field or field.split(".")[:1] == ["config"]
    assert field.partition(".")[2].partition(".")[0] in ("", *config.DESCRIPTOR.fields_by_name)


@given(st.integers(8_000, 48_000))
def test_opus_is_requested_at_a_rate_that_loses_nothing(rate):
    requested = riva_tts_pb2.SynthesizeSpeechRequest(text="x", encoding=riva_audio_pb2.OGGOPUS, sample_rate_hz=rate)
    found = speech_request.to_whole(requested, Diagnostics()).config.audio.sample_rate_hz
    assert found in speech_request.OPUS_RATES_HZ
    assert rate <= found < 2 * rate


def test_a_stream_requests_the_same_and_is_as_fast_as_it_is_read():
    requested = riva_tts_pb2.SynthesizeSpeechRequest(
        text="x", voice_name="flite.slt", language_code="en-US", sample_rate_hz=16_000
    )
    whole, streamed = (
        speech_request.to_whole(requested, Diagnostics()),
        speech_request.to_streamed(requested, Diagnostics()),
    )
    assert (whole.text, whole.config) == (
        streamed.text,
        streamed.config,
    )
    assert whole.config.voice.voice == "flite/slt"
    assert streamed.ahead_seconds > 3600


@pytest.mark.parametrize(
    ("config", "start", "is_file"),
    [
        (Config(), b"", True),
        (Config(), b"\1" * 12, True),
        (Config(sample_rate_hertz=16_000), b"\1" * 12, False),
        (Config(sample_rate_hertz=16_000), WAV, True),
        (Config(sample_rate_hertz=16_000), b"fLaC" + bytes(8), True),
        (
            Config(sample_rate_hertz=16_000),
            b"\xff\xfb\x90\0" * 3,
            False,
        ),  # an MP3 frame, or silence with a little noise
        (Config(encoding=riva_audio_pb2.LINEAR_PCM), b"\1" * 12, False),
        (Config(encoding=riva_audio_pb2.LINEAR_PCM), WAV, True),
        (Config(encoding=riva_audio_pb2.MULAW), b"OggS" * 3, False),
        (Config(encoding=riva_audio_pb2.MULAW), WAV, True),
        (Config(encoding=riva_audio_pb2.FLAC, sample_rate_hertz=16_000), b"\1" * 12, True),
        (Config(encoding=riva_audio_pb2.OGGOPUS), b"\1" * 12, True),
    ],
)
def test_samples_are_distinguished_from_files(config, start, is_file):
    assert audio.detect_audio(config, start).is_file is is_file


def test_options_that_only_some_models_support_are_passed_on_to_these():
    config = Config(
        language_code="multi",
        speech_contexts=[{"phrases": ["Aachen", "Köln"], "boost": 20}, {"phrases": ["Bonn"]}],
        custom_configuration={"task": "translate"},
        diarization_config={"enable_speaker_diarization": True},
    )
    native = riva_request.to_config(config, ABLE, Diagnostics())
    assert (native.language, native.multilingual, native.model) == ("", True, "models/counting/1")
    assert list(native.hotwords) == ["Aachen", "Köln", "Bonn"]
    assert native.task == asr_pb2.RECOGNITION_TASK_TRANSLATE
    assert (native.diarization.enabled, native.diarization.max_speakers) == (True, riva_request.MAX_SPEAKERS)
    assert native.word_offsets


def test_speakers_are_numbered_and_times_reported_only_when_requested():
    word = asr_pb2.Word(
        word="yes", start_offset=to_duration(1), end_offset=to_duration(2), speaker="speaker-2", confidence=0.5
    )
    recognised = asr_pb2.RecognizeResponse(
        utterances=[asr_pb2.Hypothesis(transcript="yes", words=[word], end_offset=to_duration(2))]
    )
    for times in (False, True):
        response = responses.transcript(recognised, Config(enable_word_time_offsets=times), None)
        (reported,) = response.results[0].alternatives[0].words
        assert (reported.word, reported.speaker_tag, reported.confidence) == ("yes", 2, 0.5)
        assert (reported.start_time, reported.end_time) == ((1000, 2000) if times else (0, 0))


async def stream_of(requests):
    for request in requests:
        yield request


async def as_ours(config, *requests):
    requested = riva_asr_pb2.StreamingRecognitionConfig(config=config)
    ours = asr_pb2.StreamingConfig(recognition=riva_request.to_live_config(config, ABLE, Diagnostics()))
    return [message async for message in stream.to_stream(requested, ours, stream_of(requests), Diagnostics())]


async def test_a_stream_becomes_a_config_and_its_audio_whatever_its_first_pieces():
    sound = bytes(range(40))
    for cuts in itertools.combinations((0, 1, 5, 11, 12, 13, 39), 3):
        edges = [0, *cuts, len(sound)]
        pieces = [Request(audio_content=sound[start:end]) for start, end in itertools.pairwise(edges)]
        first, *rest = await as_ours(Config(encoding=riva_audio_pb2.LINEAR_PCM, sample_rate_hertz=8_000), *pieces)
        assert first.config.recognition.encoding == asr_pb2.AUDIO_ENCODING_PCM_S16LE
        assert b"".join(message.audio for message in rest) == sound


async def test_a_header_makes_a_file_of_it_also_in_pieces():
    pieces = [Request(audio_content=WAV[:3]), Request(audio_content=WAV[3:])]
    first, *rest = await as_ours(Config(encoding=riva_audio_pb2.LINEAR_PCM, sample_rate_hertz=8_000), *pieces)
    assert first.config.recognition.encoding == asr_pb2.AUDIO_ENCODING_UNSPECIFIED
    assert b"".join(message.audio for message in rest) == WAV


async def test_an_utterance_ends_behind_the_audio_that_comes_with_the_word():
    force = {"force_eou": "true"}
    requests = [
        Request(runtime_config=force),
        Request(audio_content=bytes(20), runtime_config=force),
        Request(runtime_config={"force_eou": "false"}),
        Request(audio_content=b"", runtime_config=force),
    ]
    _, *rest = await as_ours(Config(encoding=riva_audio_pb2.LINEAR_PCM, sample_rate_hertz=8_000), *requests)
    assert [message.WhichOneof("message") for message in rest] == ["audio", "control", "audio", "control"]


def test_ssml_becomes_the_subset_and_what_is_dropped_is_named():
    document = "<speak>One<break time='300ms'/><emphasis>two</emphasis></speak>"
    asked, diagnostics = riva_tts_pb2.SynthesizeSpeechRequest(text=document), Diagnostics()
    for native in (speech_request.to_whole(asked, diagnostics), speech_request.to_streamed(asked, diagnostics)):
        assert native.text == ""
        assert native.ssml == '<speak><s>One</s><break time="0.300000s"/><s>two</s></speak>'
    assert diagnostics.ignored == ["text.emphasis"]
