"""Google's clients over REST: the same paths, headers and errors, at the one port."""

import base64
import ssl

import httpx
import pytest

from tests.support.hearing import TEXT, WER, word_error_rate

from .conftest import ENGLISH, LINEAR16, RECOGNIZER, in_base64, text_of

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


@pytest.mark.parametrize(
    ("path", "change", "ignored"),
    [
        ("/v1/text:synthesize", {"enableTimePointing": ["SSML_MARK"]}, "enableTimePointing"),
        ("/v1/text:synthesize", {"voice": {"languageCode": "en-US", "accent": "odd"}}, "voice.accent"),
        ("/v1/text:synthesize", {"a,\n\u00e9": {"b": [1, {"c": None}]}, "z": "\\"}, "a????, z"),
        ("/v1/text:synthesize?alt=json&key=none&user_voice=x", {}, "user_voice"),
        ("/v1beta1/text:synthesize?$alt=json;enum-encoding=int", {"advanced": True}, "advanced"),
        (
            "/v1/text:synthesize",
            {"audio_config": None, "audioConfig": {"audioEncoding": "MP3", "x": 1}},
            "audioConfig.x",
        ),
    ],
)
def test_fields_that_are_in_no_message_are_named(http, path, change, ignored):
    body = {"input": {"text": "Hi."}, "voice": {"languageCode": "en-US"}, "audioConfig": {"audioEncoding": "MP3"}}
    answer = http.post(path, json={**body, **change})
    assert answer.json()["audioContent"]
    assert answer.headers["x-voicebox-ignored"] == ignored


def test_a_recording_with_an_unknown_field_is_recognised(http, samples):
    config = {"languageCode": "en-US", "encoding": "LINEAR16", "sampleRateHertz": 16_000, "quality": [{"best": 1}]}
    body = {"config": config, "audio": {"content": in_base64(samples)}}
    answer = http.post("/v1p1beta1/speech:recognize", json=body)
    assert word_error_rate(answer.json()["results"][0]["alternatives"][0]["transcript"]) <= WER
    assert answer.headers["x-voicebox-ignored"] == "config.quality"
    whole = {"config": {"languageCodes": ["en-US"], "model": "long"}, "content": in_base64(samples), "uris": []}
    refused = http.post(f"/v2/{RECOGNIZER}:recognize", json={**whole, "content": "UklGRg=="})
    assert refused.status_code == 400
    assert refused.headers["x-voicebox-ignored"] == "uris"


def test_a_request_of_known_fields_names_nothing(http):
    answer = http.get("/v1/voices?languageCode=en-US&key=none", headers=HEADERS[0])
    assert "x-voicebox-ignored" not in answer.headers
    listed = http.get("/v1/voices?languageCode=en-US&gender=FEMALE", headers=HEADERS[0])
    assert listed.headers["x-voicebox-ignored"] == "gender"


def test_many_unknown_fields_are_named_in_a_bounded_header(http):
    body = {"input": {"text": "Hi."}, "voice": {"languageCode": "en-US"}, "audioConfig": {"audioEncoding": "MP3"}}
    answer = http.post("/v1/text:synthesize", json={**body, **{f"{'x' * 500}{index}": 1 for index in range(1000)}})
    assert answer.json()["audioContent"]
    assert len(answer.headers["x-voicebox-ignored"]) <= 20 * 102
