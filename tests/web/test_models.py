"""OpenAI's list of models."""

import pytest

from tests.web.conftest import SdkError


def test_own_models_and_openais_names_are_listed(sdk):
    listed = sdk.ask(method="models.list", given={})
    names = {model["id"]: model for model in listed["data"]}
    assert {"tts-1", "whisper-1", "pocketsphinx/en-us"} <= names.keys()
    assert any(name.startswith("flite/") for name in names)
    assert {model["owned_by"] for model in listed["data"]} == {"voicebox", "openai"}
    assert {model["object"] for model in listed["data"]} == {"model"}


def test_one_is_told_by_its_name_with_a_slash(sdk):
    for model in sdk.ask(method="models.list", given={})["data"]:
        assert sdk.ask(method="models.retrieve", given={"model": model["id"]}) == model


@pytest.mark.parametrize("model", ["none", "flite/none", "a b\u00e9", "x" * 3000])
def test_an_unknown_one_is_openais_error(sdk, model):
    with pytest.raises(SdkError) as raised:
        sdk.ask(method="models.retrieve", given={"model": model})
    assert raised.value.told["class"] == "NotFoundError"
    assert raised.value.told["code"] == "model_not_found"


def test_a_path_that_is_not_there_is_openais_error(http):
    for path in ("/v1/models/", "/v1/realtime/none"):
        answer = http.get(path)
        assert (answer.status_code, set(answer.json()["error"])) == (404, {"message", "type", "param", "code"})


def test_another_method_is_openais_error(http):
    answer = http.post("/v1/models")
    assert (answer.status_code, answer.json()["error"]["code"]) == (405, "method_not_allowed")
