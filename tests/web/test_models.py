"""OpenAI's list of models."""

import pytest
from voicebox_client import Client

from .conftest import SdkError


def test_own_models_and_openais_names_are_listed(sdk):
    listed = sdk.ask(method="models.list", given={})
    names = {model["id"]: model for model in listed["data"]}
    assert {"tts-1", "whisper-1", "pocketsphinx/en-us"} <= names.keys()
    assert any(name.startswith("flite/") for name in names)
    assert {model["owned_by"] for model in listed["data"]} == {"voicebox", "openai"}
    assert {model["object"] for model in listed["data"]} == {"model"}


def test_one_is_found_by_its_name_with_a_slash(sdk):
    for model in sdk.ask(method="models.list", given={})["data"]:
        assert sdk.ask(method="models.retrieve", given={"model": model["id"]}) == model


@pytest.mark.parametrize("model", ["none", "flite/none", "a b\u00e9", "x" * 3000])
def test_an_unknown_one_is_openais_error(sdk, model):
    with pytest.raises(SdkError) as raised:
        sdk.ask(method="models.retrieve", given={"model": model})
    assert raised.value.told["class"] == "NotFoundError"
    assert raised.value.told["code"] == "model_not_found"


def test_a_path_that_is_not_there_is_openais_error(http):
    for path in ("/v1/models/none", "/v1/realtime/none", "/v1/realtime/none/none"):
        answer = http.get(path)
        assert (answer.status_code, set(answer.json()["error"])) == (404, {"message", "type", "param", "code"})


@pytest.mark.parametrize(
    "model",
    ["gpt-4o-transcribe-diarize", "gpt-transcribe", "gpt-4o-mini-tts-2025-12-15", "gpt-realtime-2.1", "tts-1-1106"],
)
def test_a_name_that_openai_may_have_given_is_recognised_as_such(sdk, model):
    assert sdk.ask(method="models.retrieve", given={"model": model})["owned_by"] == "openai"


def test_voices_and_profiles_are_listed_by_names_that_can_be_used(http, running):
    with Client(running.gateway) as client:
        client.create_profile("Listed Ann", "listed-ann")
    voices = {voice["id"]: voice for voice in http.get("/v1/audio/voices").json()["voices"]}
    assert {"flite/slt", "profiles/listed-ann", "alloy"} <= voices.keys()
    assert voices["profiles/listed-ann"]["name"] == "Listed Ann"
    for voice in ("flite/rms", "alloy"):
        assert http.post("/v1/audio/speech", json={"input": "Yes.", "voice": voice}).status_code == 200


def test_models_are_listed_where_other_servers_have_them(http):
    listed = http.get("/v1/audio/models").json()
    assert {"tts-1", "gpt-4o-transcribe-diarize"} <= {model["id"] for model in listed["models"]}
    assert all(model["name"] for model in listed["models"])


@pytest.mark.parametrize("path", ["/v1/models", "/v1/audio/voices", "/docs", "/openapi.json", "/v1/models/tts-1"])
def test_head_and_a_slash_at_the_end_are_understood(http, path):
    head, got = http.head(path), http.get(f"{path}/")
    assert (head.status_code, got.status_code, head.content) == (200, 200, b"")
    assert head.headers["content-type"] == got.headers["content-type"]


def test_another_method_is_openais_error(http):
    answer = http.post("/v1/models")
    assert (answer.status_code, answer.json()["error"]["code"]) == (405, "method_not_allowed")
