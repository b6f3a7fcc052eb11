"""Errors are gRPC's, with a sentence on what to do and the field by Riva's name."""

import pytest

from tests.support.hearing import TEXT

from .conftest import in_base64, in_chunks

PCM = {"encoding": "LINEAR_PCM", "sample_rate_hertz": 16_000, "language_code": "en-US"}


@pytest.mark.parametrize("method", ["synthesize", "synthesize_online"])
@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"text": ""}, "text"),
        ({"text": "x" * 10_001}, "text"),
        ({"text": "<speak>Hello."}, "text"),
        ({"text": "<speak></speak>"}, "text"),
        ({"text": "<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b 'c'>]><speak>&b;</speak>"}, "text"),
        ({"sample_rate_hz": 7_999}, "sample_rate_hz"),
        ({"sample_rate_hz": 48_001}, "sample_rate_hz"),
        ({"sample_rate_hz": -1}, "sample_rate_hz"),
        ({"sample_rate_hz": 4_000, "encoding": 4}, "sample_rate_hz"),
        ({"sample_rate_hz": 96_000, "encoding": 4}, "sample_rate_hz"),
        ({"encoding": 3}, "encoding"),
        ({"encoding": 20}, "encoding"),
        ({"encoding": 7}, "encoding"),
        ({"language_code": "tlh"}, "language_code"),
        ({"language_code": "no language"}, "language_code"),
        ({"voice_name": "flite.slt", "language_code": "de"}, "language_code"),
        ({"voice_name": "profiles/No Body"}, "voice_name"),
        ({"custom_configuration": {"speed": "fast"}}, "custom_configuration.speed"),
        ({"custom_configuration": {"speed": "9"}}, "custom_configuration.speed"),
        ({"custom_configuration": {"speed": "nan"}}, "custom_configuration.speed"),
        ({"custom_configuration": {"pitch_semitones": "40"}}, "custom_configuration.pitch_semitones"),
    ],
)
def test_what_cannot_be_spoken_is_named(sdk, method, given, field):
    reported = sdk.refused(method, **{"text": "Hello.", **given})
    assert (reported["code"], reported["field"]) == ("INVALID_ARGUMENT", field)
    assert field.rpartition(".")[2] in reported["details"]


@pytest.mark.parametrize("method", ["synthesize", "synthesize_online"])
@pytest.mark.parametrize("name", ["flite.nobody", "flite/slt/slt", "nobody", "Ann"])
def test_the_error_about_an_unknown_voice_names_those_that_there_are(sdk, method, name):
    reported = sdk.refused(method, text="Hello.", voice_name=name)
    assert reported["code"] == "NOT_FOUND"
    assert repr(name) in reported["details"]
    assert "flite.slt" in reported["details"]


def test_an_unknown_profile_is_not_found(sdk):
    reported = sdk.refused("synthesize", text="Hello.", voice_name="profiles/nobody")
    assert (reported["code"], "profiles/nobody" in reported["details"]) == ("NOT_FOUND", True)


@pytest.mark.parametrize(
    ("data", "given", "field"),
    [
        (b"nonsense" * 1000, {}, "zero_shot_data.audio_prompt"),
        (b"", {}, "zero_shot_data.audio_prompt"),
        (bytes(1000), {"audio_prompt_encoding": 1}, "zero_shot_data.audio_prompt"),
        (bytes(2 << 20), {"audio_prompt_encoding": 1}, "zero_shot_data.audio_prompt"),
        (bytes(1000), {"audio_prompt_encoding": 3}, "zero_shot_data.encoding"),
        (bytes(1000), {"zero_shot_quality": 41}, "zero_shot_data.quality"),
        (bytes(1000), {"zero_shot_transcript": "x" * 2001}, "zero_shot_data.transcript"),
    ],
)
def test_what_is_no_prompt_is_named(sdk, tmp_path, data, given, field):
    path = tmp_path / "prompt"
    path.write_bytes(data)
    reported = sdk.refused("synthesize", text="Hello.", zero_shot_audio_prompt_file=str(path), **given)
    assert (reported["code"], reported["field"]) == ("INVALID_ARGUMENT", field)


def test_what_follows_in_a_stream_is_checked_too(sdk):
    reported = sdk.refused("synthesize_online", text=[TEXT, ""])
    assert (reported["code"], reported["field"]) == ("INVALID_ARGUMENT", "text")


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"encoding": 9}, "config.encoding"),
        ({"sample_rate_hertz": 0}, "config.sample_rate_hertz"),
        ({"sample_rate_hertz": 100}, "config.sample_rate_hertz"),
        ({"audio_channel_count": 9}, "config.audio_channel_count"),
        ({"language_code": "de-DE"}, "config.language_code"),
        ({"language_code": "multi"}, "config.language_code"),
        ({"profanity_filter": True}, "config.profanity_filter"),
        ({"custom_configuration": {"task": "translate"}}, "config.custom_configuration.task"),
        ({"custom_configuration": {"task": "sing"}}, "config.custom_configuration.task"),
    ],
)
def test_what_cannot_be_recognised_is_named(sdk, speech_wav, streamed, given, field):
    config = {**PCM, **given}
    requested = (
        {"chunks": in_chunks(speech_wav), "config": {"config": config}}
        if streamed
        else {"audio": in_base64(speech_wav), "config": config}
    )
    reported = sdk.refused("stream" if streamed else "recognize", **requested)
    assert (reported["code"], reported["field"]) == ("INVALID_ARGUMENT", field)
    assert field in reported["details"]


@pytest.mark.parametrize("method", ["recognize", "stream"])
def test_the_error_about_an_unknown_model_names_those_that_there_are(sdk, speech_wav, method):
    config = {**PCM, "model": "whisper/enormous"}
    requested = (
        {"chunks": in_chunks(speech_wav), "config": {"config": config}}
        if method == "stream"
        else {"audio": in_base64(speech_wav), "config": config}
    )
    reported = sdk.refused(method, **requested)
    assert reported["code"] == "NOT_FOUND"
    assert "'whisper/enormous'" in reported["details"]
    assert "pocketsphinx/en-us" in reported["details"]


@pytest.mark.parametrize("method", ["voices", "models"])
def test_the_config_of_an_unknown_model_is_not_found(sdk, method):
    assert sdk.refused(method, model="tacotron")["code"] == "NOT_FOUND"


@pytest.mark.parametrize(
    "audio", [b"", b"nonsense" * 500, b"RIFF\0\0\0\0WAVE", b"fLaC" + bytes(500), b"OggS" + bytes(500)]
)
@pytest.mark.parametrize("config", [{}, {"encoding": "FLAC"}, {"encoding": "OGGOPUS", "sample_rate_hertz": 16_000}])
def test_what_is_no_audio_is_refused(sdk, audio, config):
    reported = sdk.refused("recognize", audio=in_base64(audio), config=config)
    assert (reported["code"], reported["field"]) == ("INVALID_ARGUMENT", "audio")


@pytest.mark.parametrize(
    ("requests", "field"),
    [
        ([], "streaming_config"),
        ([{}], "streaming_config"),
        ([{"audio_content": in_base64(bytes(3200))}], "streaming_config"),
        ([{"streaming_config": {"config": PCM}}, {"streaming_config": {"config": PCM}}], "streaming_config"),
        ([{"streaming_config": {"config": PCM}}, {"runtime_config": {"force_eou": "now"}}], "runtime_config.force_eou"),
    ],
)
def test_a_stream_keeps_its_order(sdk, requests, field):
    reported = sdk.refused("stream_raw", requests=requests)
    assert (reported["code"], reported["field"]) == ("INVALID_ARGUMENT", field)
    assert field in reported["details"]
