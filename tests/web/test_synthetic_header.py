"""Over HTTP every answer with speech says so in a header, and no other answer does."""

import pytest

HEADER = "x-voicebox-synthetic"
TEXT = {"text": "Hello there."}
GOOGLE = {
    "input": {"text": "Hello there."},
    "voice": {"languageCode": "en-US"},
    "audioConfig": {"audioEncoding": "LINEAR16"},
}
SPEECH = (
    ("POST", "/v1/speech:synthesize", TEXT),
    ("POST", "/v1/speech:stream", TEXT),
    ("POST", "/v1/speech:play", TEXT),
    ("GET", "/v1/speech:play?text=Hello", None),
    ("POST", "/v1/speech:dialogue", {"turns": [TEXT]}),
    ("POST", "/v1/audio/speech", {"model": "tts-1", "voice": "alloy", "input": "Hello there."}),
    ("POST", "/v1/audio/speech", {"model": "tts-1", "voice": "alloy", "input": "Hi.", "stream_format": "sse"}),
    ("POST", "/v1/text:synthesize", GOOGLE),
)


@pytest.mark.parametrize(("verb", "path", "body"), SPEECH)
def test_speech_has_it(http, verb, path, body):
    answer = http.request(verb, path, json=body)
    assert (answer.status_code, answer.headers.get(HEADER)) == (200, "1")


def test_the_history_has_it(http):
    made = http.post("/v1/speech:synthesize", json=TEXT).json()["finished"]["generation"]
    answer = http.get(f"/v1/{made}:audio")
    assert (answer.status_code, answer.headers.get(HEADER)) == (200, "1")


@pytest.mark.parametrize("path", ["/v1/voices", "/v1/speech:play?text=", "/v1/generations"])
def test_other_answers_have_not(http, path):
    assert HEADER not in http.get(path).headers
