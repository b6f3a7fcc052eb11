"""Errors are OpenAI's: the SDK raises its own classes, and nothing that a stranger sends is our fault."""

import json

import pytest

from .conftest import SdkError

SPEECH, TRANSCRIPTIONS = "/audio/speech", "/audio/transcriptions"
FORM = {"content-type": "multipart/form-data; boundary=xx"}


def part(name: str, data: bytes, filename: str = "") -> bytes:
    more = f'; filename="{filename}"' if filename else ""
    return f'--xx\r\ncontent-disposition: form-data; name="{name}"{more}\r\n\r\n'.encode() + data + b"\r\n"


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize(
    ("given", "status", "param", "code"),
    [
        ({"voice": "nobody"}, 404, "voice", "voice_not_found"),
        ({"voice": "profiles/nobody"}, 404, "voice", "profile_not_found"),
        ({"voice": "No Body"}, 404, "voice", "voice_not_found"),
        ({"model": "tts-9"}, 404, "model", "model_not_found"),
        ({"input": ""}, 400, "input", "text_empty"),
        ({"input": "x" * 10_001}, 400, "input", "text_too_long"),
        ({"speed": 0}, 400, "speed", "invalid_value"),
        ({"speed": 4.1}, 400, "speed", "invalid_value"),
        ({"response_format": "mp5"}, 400, "response_format", "unsupported_value"),
        ({"stream_format": "x"}, 400, "stream_format", "unsupported_value"),
    ],
)
def test_the_sdk_raises_its_own_errors(sdk, given, status, param, code, is_async):
    with pytest.raises(SdkError) as refused:
        sdk.speech(is_async=is_async, **{"input": "Hello.", **given})
    told = refused.value.told
    assert told["class"] == {400: "BadRequestError", 404: "NotFoundError"}[status]
    assert (told["status"], told["param"], told["code"]) == (status, param, code)
    assert told["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"x"',
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"input": ' + b"9" * 5000 + b"}",
        b"{}",
        b'{"input": null}',
        b'{"input": 1}',
        b'{"input": ["x"]}',
        b'{"input": "\\ud800"}',
        b'{"input": "\\u0000"}',
        b'{"input": "x", "voice": 7}',
        b'{"input": "x", "voice": {"id": 7}}',
        b'{"input": "x", "voice": {"name": "y"}}',
        b'{"input": "x", "voice": "\\u0000"}',
        b'{"input": "x", "voice": "../etc"}',
        b'{"input": "x", "speed": "fast"}',
        b'{"input": "x", "speed": NaN}',
        b'{"input": "x", "speed": true}',
        b'{"input": "x", "speed": 1e999}',
        b'{"input": "x", "model": {}}',
        b" " * 300_000,
    ],
)
def test_no_body_of_speech_is_our_fault(http, body):
    answer = http.post(SPEECH, content=body)
    assert 400 <= answer.status_code < 500
    assert answer.json()["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize("path", [SPEECH, TRANSCRIPTIONS])
def test_a_body_without_end_is_refused_early(http, path):
    answer = http.post(path, content=b"--xx\r\n" + bytes(20_000_000), headers=FORM)
    assert answer.status_code in (400, 413)
    assert answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("body", "headers", "param"),
    [
        (b"", {}, None),
        (b"x", {"content-type": "application/json"}, None),
        (b"x", {"content-type": "multipart/form-data"}, None),
        (b"x", {"content-type": "multipart/form-data; boundary=" + "x" * 300}, None),
        (b"x", FORM, None),
        (b"--xx\r\n\r\nx\r\n--xx--", FORM, None),
        (b"--xx\r\n" + b"a: b\r\n" * 1000, FORM, None),
        (b"--xx\r\na: " + b"b" * 100_000, FORM, None),
        (part("file", b"x", "a.wav"), FORM, None),
        (part("model", b"whisper-1") + b"--xx--", FORM, "file"),
        (part("file", b"", "a.wav") + b"--xx--", FORM, "file"),
        (part("file", b"nonsense", "a.wav") + b"--xx--", FORM, "file"),
        (part("file", b"\0" * 5000, "a.wav") + b"--xx--", FORM, "file"),
        (part("file", b"x", "a.wav") * 2 + b"--xx--", FORM, "file"),
        (part("model", b"x" * 20_000) + part("file", b"x", "a") + b"--xx--", FORM, "model"),
        (part("model", b"a\0b") + part("file", b"x", "a") + b"--xx--", FORM, "model"),
        (part("model", b"\xff") + part("file", b"x", "a") + b"--xx--", FORM, "model"),
        (part("model", b"a") * 2 + part("file", b"x", "a") + b"--xx--", FORM, "model"),
        (part("frobnicate", b"a") + part("file", b"x", "a") + b"--xx--", FORM, "file"),
        (part("audio", b"\xff") + part("file", b"x", "a") + b"--xx--", FORM, "audio"),
        (part("temperature", b"hot") + part("file", b"x", "a") + b"--xx--", FORM, "temperature"),
        (part("temperature", b"nan") + part("file", b"x", "a") + b"--xx--", FORM, "temperature"),
        (part("stream", b"maybe") + part("file", b"x", "a") + b"--xx--", FORM, "stream"),
        (part("chunking_strategy", b"{") + part("file", b"x", "a") + b"--xx--", FORM, "chunking_strategy"),
        (part("x", b"y") * 100 + part("file", b"x", "a") + b"--xx--", FORM, None),
    ],
)
def test_no_form_is_our_fault(http, body, headers, param):
    for path in (TRANSCRIPTIONS, "/audio/translations"):
        answer = http.post(path, content=body, headers=headers)
        assert 400 <= answer.status_code < 500
        error = json.loads(answer.content)["error"]
        assert error["type"] == "invalid_request_error"
        assert path != TRANSCRIPTIONS or error["param"] == param


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", SPEECH, 405),
        ("POST", "/audio/songs", 404),
        ("POST", f"{SPEECH}?x=1", 400),
        ("DELETE", TRANSCRIPTIONS, 405),
    ],
)
def test_the_gateways_own_errors_are_openais_too(http, method, path, status):
    answer = http.request(method, path)
    assert answer.status_code == status
    assert answer.json()["error"]["type"] == "invalid_request_error"


def test_other_paths_keep_our_own_shape(http):
    assert "details" in http.post("/speech:synthesize", json={"text": ""}).json()
