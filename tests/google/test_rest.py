"""Google's clients over REST: the same paths, headers and errors, at the one port."""

import base64
import ssl

import httpx
import pytest

from .conftest import ENGLISH, LINEAR16, RECOGNIZER, TEXT, WER, in_base64, text_of, word_error_rate

VOICE = {"language_code": "en-US"}
SPEECH = {
    "input": {"text": TEXT},
    "voice": VOICE,
    "audio_config": {"audio_encoding": "LINEAR16", "sample_rate_hertz": 16_000},
}
HEADERS = [
    {"x-goog-api-client": "gl-python/3.11 rest/2.32"},
    {"x-goog-user-project": "any"},
    {"x-goog-api-key": "none"},
]


@pytest.fixture
def http(secured):
    trust = ssl.create_default_context(cafile=secured.authority)
    with httpx.Client(base_url=f"https://{secured.platform.gateway}", verify=trust, timeout=60) as http:
        yield http


def test_voices_and_speech_are_those_of_grpc(rest, sdk):
    assert rest.call("list_voices", language_code="en-US") == sdk.call("list_voices", language_code="en-US")
    assert len(rest.call("synthesize", request=SPEECH)["audio_content"]) == len(
        sdk.call("synthesize", request=SPEECH)["audio_content"]
    )


def test_speech_is_recognised_by_each_version(rest, samples, speech_wav):
    sound = {"config": LINEAR16, "audio": {"content": in_base64(samples)}}
    assert word_error_rate(text_of(rest.call("recognize_v1", request=sound)["results"])) <= WER
    assert word_error_rate(text_of(rest.call("recognize_beta", request=sound)["results"])) <= WER
    whole = {"recognizer": RECOGNIZER, "config": ENGLISH, "content": in_base64(speech_wav)}
    assert word_error_rate(text_of(rest.call("recognize_v2", request=whole)["results"])) <= WER


def test_the_beta_of_speech(rest):
    assert rest.call("list_voices_beta")["voices"]
    assert base64.b64decode(rest.call("synthesize_beta", request=SPEECH)["audio_content"]).startswith(b"RIFF")


@pytest.mark.parametrize("method", ["long_v1", "long_beta"])
def test_long_recognition_is_waited_for(rest, samples, method):
    reported = rest.call(method, request={"config": LINEAR16, "audio": {"content": in_base64(samples)}})
    assert word_error_rate(text_of(reported["response"]["results"])) <= WER


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"voice": {"name": "xx-nobody", "language_code": "xx-XX"}}, "InvalidArgument"),
        ({"audio_config": {"audio_encoding": "LINEAR16", "speaking_rate": 9}}, "InvalidArgument"),
        ({"input": {}}, "InvalidArgument"),
    ],
)
def test_errors_are_those_of_grpc(rest, sdk, change, error):
    over_rest, over_grpc = (each.refused("synthesize", request={**SPEECH, **change}) for each in (rest, sdk))
    assert over_rest["class"] in (error, "BadRequest")
    assert over_grpc["message"] in over_rest["message"]
    assert (over_rest["field"], over_rest["reason"]) == (over_grpc["field"], over_grpc["reason"])


def test_an_unknown_operation_is_not_found(rest):
    assert rest.refused("operations", method="get_operation", version=1, name="12345678")["class"] == "NotFound"


@pytest.mark.parametrize("headers", HEADERS)
def test_paths_that_are_ours_too_are_googles_with_googles_headers(http, headers):
    voices = http.get("/v1/voices?languageCode=en-US", headers=headers).json()["voices"]
    assert voices[0]["languageCodes"]
    assert http.post(
        "/v1/speech:recognize?key=none", headers=headers, json={"config": {"languageCode": "en-US"}}
    ).json()["error"]["status"]


def test_without_them_they_are_ours(http):
    assert http.get("/v1/voices").json()["voices"][0]["name"].count("/") == 1
    assert http.get("/v1/voices?languageCode=en-US").status_code == 400


def test_a_line_of_googles_documentation(http):
    body = {
        "input": {"text": "Hi."},
        "voice": {"languageCode": "en-us", "ssmlGender": "FEMALE"},
        "audioConfig": {"audioEncoding": "MP3"},
    }
    answer = http.post("/v1/text:synthesize?key=none&alt=json&prettyPrint=false", json=body)
    assert base64.b64decode(answer.json()["audioContent"])
    reported = http.post("/v1/text:synthesize", json={**body, "input": {"text": ""}}).json()["error"]
    assert (reported["code"], reported["status"]) == (400, "INVALID_ARGUMENT")
    assert reported["message"]
    assert reported["details"]
