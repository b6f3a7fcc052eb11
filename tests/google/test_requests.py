"""What Google's clients ask for, and what of ours that is."""

import itertools
from collections.abc import Callable

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message
from hypothesis import given
from voicebox.asr.v1 import asr_pb2
from voicebox.compat.google import speech_v1_pb2, speech_v2_pb2, texttospeech_v1_pb2
from voicebox.tts.v1 import tts_pb2
from voicebox_asr.compat.google import (
    audio,
    shared_request,
    shared_responses,
    v1_request,
    v1_responses,
    v2_request,
    v2_responses,
)
from voicebox_asr.compat.google import stream as google_stream
from voicebox_asr.compat.google.audio import AudioFormat
from voicebox_asr.compat.google.shared_request import FileRequest, OutputOptions, StreamRequest
from voicebox_compat.openai import Diagnostics
from voicebox_kit.durations import to_duration
from voicebox_kit.errors import InvalidField
from voicebox_tts.compat.google import request as speech_request
from voicebox_tts.compat.google import voices as google_voices
from voicebox_tts.engine import Gender, Voice

from tests.support.proto_strategies import messages

V1, V2 = speech_v1_pb2.RecognitionConfig, speech_v2_pb2.RecognitionConfig
WAV = b"RIFF\xff\xff\xff\xffWAVEfmt "
SLT = tts_pb2.VoiceSelection(voice="flite/slt")


def refused_field(turn: Callable[[], object]) -> str:
    """The field for which a request is refused, or nothing."""
    try:
        turn()
    except InvalidField as error:
        return error.field
    return ""


def is_of(field: str, message: Message) -> bool:
    """Whether a path names a field of a message, by its first two steps."""
    steps = field.split(".")
    descriptor = message.DESCRIPTOR
    for step in steps[:2]:
        if step not in descriptor.fields_by_name:
            return False
        descriptor = descriptor.fields_by_name[step].message_type or descriptor
    return True


@given(messages(texttospeech_v1_pb2.SynthesizeSpeechRequest.DESCRIPTOR))
def test_any_speech_request_is_ours_or_refused_by_name(requested):
    field = refused_field(
        lambda: (
            speech_request.refuse_voice(requested.voice, "voice", Diagnostics()),  # type: ignore[func-returns-value]
            speech_request.to_whole(requested, SLT, Diagnostics()),
        )
    )
    assert not field or is_of(field, requested)


@given(messages(speech_v1_pb2.StreamingRecognitionConfig.DESCRIPTOR))
def test_any_config_of_v1_is_ours_or_refused_by_name(requested):
    field = refused_field(lambda: v1_request.to_stream_request(requested))
    assert not field or is_of(field, speech_v1_pb2.StreamingRecognizeRequest())


@given(messages(speech_v2_pb2.StreamingRecognitionConfig.DESCRIPTOR))
def test_any_config_of_v2_is_ours_or_refused_by_name(requested):
    field = refused_field(lambda: v2_request.to_stream_request(requested))
    assert not field or is_of(field, speech_v2_pb2.StreamingRecognizeRequest())


@given(messages(speech_v2_pb2.BatchRecognizeRequest.DESCRIPTOR))
def test_any_batch_is_ours_or_refused_by_name(requested):
    field = refused_field(lambda: v2_request.to_batch(requested))
    assert not field or is_of(field, requested)


def test_every_name_of_ours_is_a_name_of_googles():
    for names, message in (
        (speech_request.NAMES, texttospeech_v1_pb2.SynthesizeSpeechRequest()),
        (speech_request.STREAM_NAMES, texttospeech_v1_pb2.StreamingSynthesizeRequest()),
        (v1_request.NAMES, speech_v1_pb2.RecognizeRequest()),
        (v1_request.STREAM_NAMES, speech_v1_pb2.StreamingRecognizeRequest()),
        (v2_request.NAMES, speech_v2_pb2.RecognizeRequest()),
        (v2_request.FILE_NAMES, speech_v2_pb2.BatchRecognizeRequest()),
        (v2_request.STREAM_NAMES, speech_v2_pb2.StreamingRecognizeRequest()),
    ):
        assert [name for name in names.values() if not is_of(name, message)] == []


def test_a_conversation_is_as_fast_as_it_is_read():
    config = speech_request.to_conversation(texttospeech_v1_pb2.StreamingSynthesizeConfig(), SLT, Diagnostics())
    assert config.synthesis.audio.encoding == tts_pb2.AUDIO_ENCODING_PCM_S16LE
    assert config.ahead_seconds > 3600


@pytest.mark.parametrize(
    ("gender", "name"),
    [
        (texttospeech_v1_pb2.MALE, "bob"),
        (texttospeech_v1_pb2.FEMALE, "ann"),
        (texttospeech_v1_pb2.NEUTRAL, "any"),
        (0, "any"),
    ],
)
def test_a_gender_is_a_preference(gender, name):
    voices = [
        Voice("any", "", ("en",), 16_000),
        Voice("ann", "", ("en",), 16_000, Gender.FEMALE),
        Voice("bob", "", ("en",), 16_000, Gender.MALE),
    ]
    assert google_voices.preferred(voices[0], voices, gender).name == name
    assert google_voices.preferred(voices[0], voices[:1], gender).name == "any"


def test_v1_requests_what_only_some_models_can():
    config = V1(
        language_code="de-DE",
        model="whisper/small",
        speech_contexts=[{"phrases": ["Aachen", "Köln"], "boost": 20}],
        adaptation={"phrase_sets": [{"phrases": [{"value": "Bonn"}], "boost": 5}]},
        diarization_config={"enable_speaker_diarization": True, "min_speaker_count": 7},
        audio_channel_count=2,
    )
    native = v1_request.to_file_request(config).config
    assert (native.language, native.model) == ("de-DE", "models/whisper/small")
    assert list(native.hotwords) == ["Aachen", "Köln", "Bonn"]
    assert (native.diarization.enabled, native.diarization.min_speakers, native.diarization.max_speakers) == (
        True,
        7,
        7,
    )
    assert native.word_offsets


def test_v2_requests_what_only_some_models_can():
    config = V2(
        language_codes=["auto"],
        features={"custom_prompt_config": {"custom_prompt": "Names of towns."}, "enable_word_confidence": True},
        adaptation={"phrase_sets": [{"inline_phrase_set": {"phrases": [{"value": "Bonn", "boost": 5}]}}]},
        translation_config={"target_language": "en-US"},
    )
    native = v2_request.to_file_request(config, FieldMask()).config
    assert (native.language, native.prompt, list(native.hotwords)) == ("", "Names of towns.", ["Bonn"])
    assert native.task == asr_pb2.RECOGNITION_TASK_TRANSLATE
    assert native.word_offsets


@pytest.mark.parametrize("paths", [[], ["*"], ["model", "language_codes"]])
def test_a_mask_leaves_what_it_names(paths):
    config = V2(
        language_codes=["en-US"], model="whisper/small", features={"profanity_filter": True} if len(paths) > 1 else None
    )
    native = v2_request.to_file_request(config, FieldMask(paths=paths)).config
    assert (native.language, native.model) == ("en-US", "models/whisper/small")


@pytest.mark.parametrize(
    ("encoding", "start", "is_file"),
    [
        (audio.AUTO, b"", True),
        (audio.AUTO, b"\1" * 12, True),
        ("LINEAR16", b"\1" * 12, False),
        ("LINEAR16", b"\xff\xfb\x90\0" * 3, False),
        ("LINEAR16", WAV, True),
        ("MULAW", WAV, True),
        ("ALAW", b"OggS" * 3, False),
        ("FLAC", b"\1" * 12, True),
    ],
)
def test_samples_are_distinguished_from_files(encoding, start, is_file):
    assert (audio.to_samples(AudioFormat(encoding, 8_000, 1), start) is None) is is_file


async def blocks_of(*pieces):
    for piece in pieces:
        yield piece


async def as_ours(encoding, *pieces):
    requested = FileRequest(asr_pb2.RecognitionConfig(), AudioFormat(encoding, 8_000, 1), OutputOptions())
    stream = StreamRequest(requested, asr_pb2.StreamingConfig(interim_results=True), activity=False)
    first, *rest = [message async for message in google_stream.to_stream(stream, blocks_of(*pieces))]
    assert first.config.interim_results
    return first.config.recognition.encoding, b"".join(message.audio for message in rest)


async def test_a_stream_becomes_a_config_and_its_audio_whatever_its_first_pieces():
    sound = bytes(range(40))
    for cuts in itertools.combinations((1, 5, 11, 12, 13, 39), 3):
        edges = [0, *cuts, len(sound)]
        pieces = [sound[start:end] for start, end in itertools.pairwise(edges)]
        assert await as_ours("LINEAR16", *pieces) == (asr_pb2.AUDIO_ENCODING_PCM_S16LE, sound)


async def test_a_header_makes_a_file_of_it_also_in_pieces():
    assert await as_ours("LINEAR16", WAV[:3], WAV[3:]) == (asr_pb2.AUDIO_ENCODING_UNSPECIFIED, WAV)


def recognised(*texts):
    utterances = [
        asr_pb2.Hypothesis(
            transcript=text,
            words=[
                asr_pb2.Word(
                    word=text,
                    start_offset=to_duration(1),
                    end_offset=to_duration(2),
                    speaker="speaker-2",
                    confidence=0.5,
                )
            ],
            end_offset=to_duration(2),
            utterance_index=index,
        )
        for index, text in enumerate(texts)
    ]
    return asr_pb2.RecognizeResponse(utterances=utterances)


def test_results_are_joined_as_they_are():
    for answers in (v1_responses, v2_responses):
        reported = answers.results(recognised("one", "two", "three"), OutputOptions())
        assert "".join(result.alternatives[0].transcript for result in reported) == "one two three"
        assert not any(result.alternatives[0].words for result in reported)


def test_the_last_result_of_v1_has_the_words_of_all():
    reported = v1_responses.results(recognised("one", "two", "three"), OutputOptions(speakers=True))
    assert [[word.word for word in result.alternatives[0].words] for result in reported] == [
        ["one"],
        ["two"],
        ["one", "two", "three"],
    ]
    assert {(word.speaker_tag, word.speaker_label) for word in reported[-1].alternatives[0].words} == {(2, "2")}
    assert v1_responses.results(recognised(), OutputOptions(speakers=True)) == []


def test_of_words_only_what_is_requested_is_reported():
    for options in (
        OutputOptions(times=True),
        OutputOptions(confidence=True),
        OutputOptions(times=True, confidence=True),
    ):
        (word,) = v2_responses.results(recognised("one"), options)[0].alternatives[0].words
        assert (word.end_offset.seconds == 2) is options.times
        assert (word.confidence == 0.5) is options.confidence


def test_what_is_stable_grows_with_what_is_settled():
    settled = ["", "one", "one two"]
    reported = [
        shared_responses.stability(asr_pb2.Hypothesis(transcript="one two", stable_transcript=stable))
        for stable in settled
    ]
    assert reported == sorted(set(reported))
    assert 0 < reported[0] < reported[-1] < 1


def test_a_recording_is_ours_with_and_without_its_header():
    requested = FileRequest(
        asr_pb2.RecognitionConfig(language="en-US"), AudioFormat("MULAW", 8_000, 2), OutputOptions()
    )
    native = shared_request.to_native(requested, b"\xff" * 20)
    assert (native.audio, native.config.sample_rate_hz, native.config.channel_count) == (bytes(40), 8_000, 2)
    assert shared_request.to_native(requested, WAV).config == requested.config
