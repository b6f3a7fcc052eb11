"""Requests become jobs; what is wrong is refused by the field's path."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from voicebox.tts.v1 import tts_pb2
from voicebox_audio.encoding.encodings import Encoding
from voicebox_kit.errors import InvalidField
from voicebox_tts.api.field_paths import paths_below
from voicebox_tts.api.requests import checked_text, to_ahead_seconds, to_job
from voicebox_tts.engine import Style
from voicebox_tts.job import BuiltIn, Defaults, StoredProfile
from voicebox_tts.text.sentences import clean

Config = tts_pb2.SynthesisConfig


def job_of(**fields):
    return to_job(Config(**fields), "local")


def test_an_empty_request_means_the_defaults():
    job = job_of()
    assert (job.source, job.encoding, job.sample_rate_hz, job.style) == (BuiltIn(), Encoding.WAV, 0, Style())
    assert (job.keep, job.ahead_seconds, job.owner) == (True, math.inf, "local")
    assert len(job.request_id) == 36
    assert job_of().seed != job_of().seed


def test_what_is_requested_is_kept():
    style = tts_pb2.SpeakingStyle(speed=2, pitch_semitones=-3, language="en-GB", instructions="softly")
    job = job_of(
        voice=tts_pb2.VoiceSelection(profile="profiles/ann"),
        audio=tts_pb2.AudioSpec(encoding="AUDIO_ENCODING_MP3", sample_rate_hz=24_000),
        style=style,
        seed=0,
        request_id="9B2D8F00-0000-4000-8000-000000000001",
        store=False,
    )
    assert (job.source, job.encoding, job.sample_rate_hz) == (StoredProfile("profiles/ann"), Encoding.MP3, 24_000)
    assert (job.style, job.seed, job.keep) == (Style(2.0, -3.0, "en-GB", "softly"), 0, False)
    assert job.request_id == "9b2d8f00-0000-4000-8000-000000000001"


@pytest.mark.parametrize(
    ("given", "tag"),
    [
        ("en_US", "en-US"),
        ("EN", "en"),
        ("ger", "de"),
        ("cmn-Hans-CN", "zh-Hans-CN"),
        ("English", "en"),
        ("und", ""),
        ("mul", ""),
    ],
)
def test_a_language_comes_in_any_form(given, tag):
    assert job_of(style=tts_pb2.SpeakingStyle(language=given)).style.language == tag


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"voice": {"profile": "ann"}}, "voice.profile"),
        ({"voice": {"profile": "profiles/../x"}}, "voice.profile"),
        ({"voice": {"profile": "profiles/" + "a" * 64}}, "voice.profile"),
        ({"voice": {"reference": {"audio": b""}}}, "voice.reference.audio"),
        ({"voice": {"reference": {"audio": bytes(1024 * 1024 + 1)}}}, "voice.reference.audio"),
        ({"voice": {"reference": {"audio": b"x", "transcript": "x" * 2001}}}, "voice.reference.transcript"),
        ({"audio": {"encoding": 99}}, "audio.encoding"),
        ({"audio": {"sample_rate_hz": 7}}, "audio.sample_rate_hz"),
        ({"audio": {"sample_rate_hz": 1_000_000_000}}, "audio.sample_rate_hz"),
        ({"audio": {"sample_rate_hz": -1}}, "audio.sample_rate_hz"),
        ({"audio": {"sample_rate_hz": 9_001, "encoding": 5}}, "audio.sample_rate_hz"),
        ({"style": {"speed": 0.1}}, "style.speed"),
        ({"style": {"speed": math.nan}}, "style.speed"),
        ({"style": {"speed": math.inf}}, "style.speed"),
        ({"style": {"pitch_semitones": 13}}, "style.pitch_semitones"),
        ({"style": {"pitch_semitones": math.nan}}, "style.pitch_semitones"),
        ({"style": {"language": "english please"}}, "style.language"),
        ({"style": {"instructions": "x" * 501}}, "style.instructions"),
        ({"request_id": "7"}, "request_id"),
        ({"request_id": "9b2d8f00-0000-1000-8000-000000000001"}, "request_id"),
    ],
)
def test_what_is_wrong_is_named(fields, path):
    with pytest.raises(InvalidField) as refused:
        job_of(**fields)
    assert refused.value.field == path


@pytest.mark.parametrize("text", ["", "   ", "\x00\x01\x02", "\n\t", "\u202e", "\u200b\u2060"])
def test_an_empty_text_is_refused(text):
    with pytest.raises(InvalidField) as refused:
        checked_text(text)
    assert (refused.value.field, refused.value.reason) == ("text", "TEXT_EMPTY")


def test_a_text_of_a_megabyte_is_refused():
    with pytest.raises(InvalidField) as refused:
        checked_text("word " * 200_000)
    assert (refused.value.field, refused.value.reason) == ("text", "TEXT_TOO_LONG")


@given(st.text(max_size=300))
def test_any_text_is_taken_or_refused_by_name(text):
    cleaned = clean(text)
    if cleaned:
        assert checked_text(text) == cleaned
    else:
        with pytest.raises(InvalidField, match="nothing to say"):
            checked_text(text)


def test_a_profiles_defaults_fill_what_the_caller_left_open():
    defaults = Defaults(speed=1.5, pitch_semitones=2.0, seed=7)
    open_job = job_of().with_defaults(defaults)
    assert (open_job.style.speed, open_job.style.pitch_semitones, open_job.seed) == (1.5, 2.0, 7)
    closed = job_of(style=tts_pb2.SpeakingStyle(speed=1.0, pitch_semitones=-1), seed=0).with_defaults(defaults)
    assert (closed.style.speed, closed.style.pitch_semitones, closed.seed) == (1.0, -1.0, 0)


def test_speech_has_no_pace_unless_one_is_given():
    assert to_ahead_seconds(0.0) == math.inf
    assert to_ahead_seconds(0.0, default=15.0) == 15.0
    assert to_ahead_seconds(3.0, default=15.0) == 3.0


@pytest.mark.parametrize("given", [0.5, -1.0, 86_401.0, math.nan, math.inf])
def test_a_pace_out_of_bounds_is_refused(given):
    with pytest.raises(InvalidField) as refused:
        to_ahead_seconds(given)
    assert refused.value.field == "ahead_seconds"


@pytest.mark.parametrize(
    ("field", "sentence", "path", "renamed"),
    [
        (
            "style.speed",
            "The engine x cannot honour style.speed.",
            "config.style.speed",
            "The engine x cannot honour config.style.speed.",
        ),
        ("seed", "seed must be small.", "config.seed", "config.seed must be small."),
        ("model", "No such model here.", "config.model", "No such model here."),
        ("model", "models/x has no voice.", "config.model", "models/x has no voice."),
        ("voice", "voice.profile is something else.", "config.voice", "voice.profile is something else."),
        ("text", "text is empty.", "text", "text is empty."),
        ("control", "There is no control 9.", "control", "There is no control 9."),
    ],
)
def test_an_error_names_a_field_by_its_whole_path(field, sentence, path, renamed):
    with pytest.raises(InvalidField) as refused, paths_below("config", Config.DESCRIPTOR):
        raise InvalidField(field, sentence, "WRONG")
    assert (refused.value.field, refused.value.sentence, refused.value.reason) == (path, renamed, "WRONG")
