"""Text-to-Speech as Google's SDK calls it."""

import base64
import io
import wave

import pytest

from tests.support.hearing import TEXT, WER, word_error_rate

from .conftest import in_base64, text_of

CONFIG = {"voice": {"name": "flite/slt", "language_code": "en-US"}}


def heard_in(sdk, audio, **config):
    request = {"config": {"language_code": "en-US", **config}, "audio": {"content": in_base64(audio)}}
    return text_of(sdk.call("recognize_v1", request=request)["results"])


def test_voices_are_listed_with_what_they_are(sdk):
    voices = {voice["name"]: voice for voice in sdk.call("list_voices")["voices"]}
    assert voices["flite/slt"] == {
        "name": "flite/slt",
        "language_codes": ["en-US"],
        "ssml_gender": "FEMALE",
        "natural_sample_rate_hertz": 16_000,
    }
    assert voices["flite/rms"]["ssml_gender"] == "MALE"


def test_voices_are_listed_by_language(sdk):
    assert {
        code for voice in sdk.call("list_voices", language_code="en-US")["voices"] for code in voice["language_codes"]
    } >= {"en-US"}
    assert sdk.call("list_voices", language_code="tlh") == {}


@pytest.mark.parametrize(
    ("encoding", "start"), [("LINEAR16", b"RIFF"), ("MP3", b""), ("OGG_OPUS", b"OggS"), ("PCM", b"")]
)
def test_speech_is_recognised(sdk, encoding, start):
    audio = sdk.speech(audio_encoding=encoding, sample_rate_hertz=16_000)
    assert audio.startswith(start)
    reported = {"encoding": "LINEAR16" if encoding == "PCM" else encoding, "sample_rate_hertz": 16_000}
    assert word_error_rate(heard_in(sdk, audio, **reported)) <= WER


def test_linear16_is_a_wav_file_with_its_length(sdk):
    for rate in (8_000, 24_000, 48_000):
        with wave.open(
            io.BytesIO(sdk.speech("Hello there.", audio_encoding="LINEAR16", sample_rate_hertz=rate))
        ) as file:
            assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (rate, 1, 2)
            assert 0.3 < file.getnframes() / rate < 3


def seconds_of(sdk, **audio_config):
    return len(sdk.speech(audio_encoding="PCM", sample_rate_hertz=16_000, **audio_config)) / 32_000


def test_a_rate_of_two_takes_half_the_time(sdk):
    assert seconds_of(sdk, speaking_rate=2.0) == pytest.approx(seconds_of(sdk) / 2, rel=0.2)


def test_a_pitch_changes_the_audio_and_hardly_its_length(sdk):
    assert sdk.speech(audio_encoding="PCM", pitch=4.0) != sdk.speech(audio_encoding="PCM")
    assert seconds_of(sdk, pitch=4.0) == pytest.approx(seconds_of(sdk), rel=0.1)


def test_a_gender_chooses_the_voice(sdk):
    by_gender = {
        gender: sdk.speech("Hello.", {"language_code": "en-US", "ssml_gender": gender}, audio_encoding="PCM")
        for gender in ("MALE", "FEMALE")
    }
    by_name = {name: sdk.speech("Hello.", {"name": f"flite/{name}"}, audio_encoding="PCM") for name in ("rms", "slt")}
    assert len(by_gender["MALE"]) == len(by_name["rms"]) != len(by_name["slt"]) == len(by_gender["FEMALE"])


def test_a_text_is_streamed_as_it_is_written(sdk):
    pieces = [word + " " for word in TEXT.split()]
    requests = [{"streaming_config": CONFIG}, *({"input": {"text": piece}} for piece in pieces)]
    audio = b"".join(
        base64.b64decode(response["audio_content"]) for response in sdk.call("stream_speech", requests=requests)
    )
    assert word_error_rate(heard_in(sdk, audio, encoding="LINEAR16", sample_rate_hertz=16_000)) <= WER


def test_a_sentence_is_recognised_while_the_stream_is_open(sdk):
    requests = [{"streaming_config": CONFIG}, {"input": {"text": TEXT + " And "}}]
    assert sdk.call("stream_speech_until_heard", requests=requests)


def test_a_stream_takes_its_encoding_rate_and_speed(sdk):
    def spoken(**audio):
        requests = [{"streaming_config": {**CONFIG, "streaming_audio_config": audio}}, {"input": {"text": TEXT}}]
        return b"".join(
            base64.b64decode(response["audio_content"]) for response in sdk.call("stream_speech", requests=requests)
        )

    assert spoken(audio_encoding="OGG_OPUS").startswith(b"OggS")
    plain = spoken(audio_encoding="PCM", sample_rate_hertz=8_000)
    assert len(spoken(audio_encoding="PCM", sample_rate_hertz=16_000)) == pytest.approx(2 * len(plain), rel=0.01)
    assert len(spoken(audio_encoding="PCM", sample_rate_hertz=8_000, speaking_rate=2.0)) == pytest.approx(
        len(plain) / 2, rel=0.2
    )
