"""The beta versions of Google's APIs, whose messages are those of v1 on the wire."""

import base64

import pytest

from tests.support.hearing import TEXT, WER, word_error_rate

from .conftest import finals, in_base64, in_chunks, text_of

VOICE = {"language_code": "en-US"}
LINEAR16 = {"encoding": "LINEAR16", "sample_rate_hertz": 16_000, "language_code": "en-US"}


def test_voices_and_speech(sdk):
    assert sdk.call("list_voices_beta") == sdk.call("list_voices", language_code="")
    request = {
        "input": {"text": TEXT},
        "voice": VOICE,
        "audio_config": {"audio_encoding": "LINEAR16", "sample_rate_hertz": 16_000},
    }
    beta, stable = sdk.call("synthesize_beta", request=request), sdk.call("synthesize", request=request)
    assert len(beta["audio_content"]) == len(stable["audio_content"])


@pytest.mark.parametrize("kind", ["whole", "streamed", "long"])
def test_recognition(sdk, samples, kind):
    if kind == "whole":
        reported = sdk.call("recognize_beta", request={"config": LINEAR16, "audio": {"content": in_base64(samples)}})
        assert word_error_rate(text_of(reported["results"])) <= WER
    elif kind == "long":
        reported = sdk.call("long_beta", request={"config": LINEAR16, "audio": {"content": in_base64(samples)}})
        assert word_error_rate(text_of(reported["response"]["results"])) <= WER
    else:
        reported = sdk.call("stream_beta", config={"config": LINEAR16}, audio=in_chunks(samples))
        assert word_error_rate(text_of(finals(reported))) <= WER


def test_time_points_are_not_reported_and_named(sdk):
    request = {
        "input": {"ssml": "<speak>Hello <mark name='a'/> there.</speak>"},
        "voice": VOICE,
        "audio_config": {"audio_encoding": "MP3"},
    }
    reported = sdk.call("synthesize_beta", request={**request, "enable_time_pointing": ["SSML_MARK"]})
    assert base64.b64decode(reported["audio_content"])
