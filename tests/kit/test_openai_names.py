"""What OpenAI's clients read of names: parameters that are nearly ours, and models without our prefix."""

import json

import pytest
from voicebox_compat.openai import Diagnostics, error_response
from voicebox_kit.errors import NotFound

pytestmark = pytest.mark.unit

KNOWN = ("response_format", "language", "temperature", "timestamp_granularities", "prompt", "stream")


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("responseFormat", "response_format"), ("response-format", "response_format"), ("RESPONSE_FORMAT",
        "response_format"),
        ("reponse_format", "response_format"), ("timestampGranularities", "timestamp_granularities"), ("temprature",
        "temperature"),
        ("langauge", "language"),
    ],
)  # fmt: skip
def test_a_parameter_that_is_nearly_ours_is_named_with_it(name, near):
    diagnostics = Diagnostics()
    diagnostics.ignore_unknown(name, KNOWN)
    assert diagnostics.ignored == [name]
    assert diagnostics.warnings == [f"{name} is ignored. Did you mean {near}?"]


@pytest.mark.parametrize("name", ["languages", "vad_filter", "user", "stream_options", "x" * 10_000, ""])
def test_others_are_named_alone(name):
    diagnostics = Diagnostics()
    diagnostics.ignore_unknown(name, KNOWN)
    assert (len(diagnostics.ignored), diagnostics.warnings) == (1, [])


@pytest.mark.parametrize("name", ["models/nonsense", "models/whisper/nonsense"])
def test_a_model_is_named_as_openais_clients_name_it(name):
    error = json.loads(error_response(NotFound("model", name, "There are: tiny."), {}).body)["error"]
    assert error["message"] == f"There is no model {name.removeprefix('models/')!r}. There are: tiny."
    assert error["param"] == "model"
