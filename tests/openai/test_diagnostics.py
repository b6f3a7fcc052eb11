"""What an answer says besides its body, and whose names an error uses."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from voicebox_compat import openai, openai_languages
from voicebox_compat.openai import Diagnostics, InvalidParameter
from voicebox_kit.errors import InvalidField, NotFound

PARAMS = {
    "audio": "file",
    "text": "input",
    "config.language": "language",
    "style.speed": "speed",
    "config": "",
    "profile": "voice",
}


@given(st.lists(st.text(max_size=200), max_size=100), st.lists(st.text(max_size=500), max_size=20))
def test_headers_are_ascii_and_bounded_whatever_a_client_calls_its_parameters(names, warnings):
    diagnostics = Diagnostics()
    for name in names:
        diagnostics.ignore(name)
    diagnostics.warn(warnings)
    for _, value in diagnostics.metadata:
        assert value.isascii()
        assert value.isprintable()
        assert len(value) < 10_000
    assert len(diagnostics.ignored) == len(set(diagnostics.ignored)) <= 64


@pytest.mark.parametrize(
    ("field", "sentence", "told"),
    [
        ("audio", "The audio codec of the ogg file is not read.", "The audio codec of the ogg file is not read."),
        ("audio", "There is no audio.", "There is no audio."),
        ("audio", "audio must have at most 10 bytes.", "file must have at most 10 bytes."),
        ("text", "text has 12 characters.", "input has 12 characters."),
        (
            "text",
            "The engine finds nothing in text that it can say.",
            "The engine finds nothing in text that it can say.",
        ),
        ("style.speed", "style.speed must be 0.25 to 4.", "speed must be 0.25 to 4."),
        ("config.language", "The model x cannot honour config.language.", "The model x cannot honour language."),
        ("config", "The config is wrong.", "The config is wrong."),
    ],
)
def test_a_sentence_uses_the_clients_name_where_it_names_the_field(field, sentence, told):
    error = json.loads(openai.error_response(InvalidField(field, sentence), PARAMS).body)["error"]
    assert error["message"] == told
    assert error["param"] == (PARAMS[field] or None)


@pytest.mark.parametrize("name", ["text", "audio", "config", "profile"])
def test_a_name_that_the_client_gave_stays_as_it_is(name):
    error = json.loads(openai.error_response(InvalidParameter(name, f"There is no parameter {name!r}."), PARAMS).body)[
        "error"
    ]
    assert (error["param"], error["message"]) == (name, f"There is no parameter {name!r}.")


def test_a_resource_is_named_by_its_parameter():
    error = json.loads(openai.error_response(NotFound("profile", "profiles/ann"), PARAMS).body)["error"]
    assert (error["param"], error["message"]) == ("voice", "There is no profile 'profiles/ann'.")


@pytest.mark.parametrize(
    ("given", "tag"),
    [
        ("English", "en"),
        ("german", "de"),
        ("en_US", "en-US"),
        ("EN", "en"),
        ("auto", ""),
        (" Auto ", ""),
        ("", ""),
        ("mandarin", "zh"),
        ("Cantonese", "yue"),
        ("zh-Hant-TW", "zh-Hant-TW"),
        ("none", ""),
        ("klingon", "klingon"),
    ],
)
def test_a_language_has_several_spellings(given, tag):
    assert openai_languages.tag(given) == tag


class FakeContext:
    """Takes what is sent before an answer."""

    sent = ()

    async def send_initial_metadata(self, metadata):
        self.sent = metadata


async def test_an_answer_begins_with_its_headers_and_ends_with_the_same_in_its_last_event():
    diagnostics, context = Diagnostics(), FakeContext()

    async def bodies():
        diagnostics.ignore("prompt")
        diagnostics.headers["x-sample-rate"] = "24000"
        diagnostics.warn(["The text was repeated: it is cut."])
        yield openai.server_sent_event(type="done", **diagnostics.fields)

    [body] = [body async for body in openai.with_headers(bodies(), context, {}, diagnostics)]
    assert dict(context.sent) == {
        "x-sample-rate": "24000",
        "x-voicebox-ignored": "prompt",
        "x-voicebox-warnings": "The text was repeated: it is cut.",
    }
    told = json.loads(body.data.removeprefix(b"data: "))
    assert told["x_voicebox_ignored"] == ["prompt"]
    assert told["x_voicebox_warnings"] == ["The text was repeated: it is cut."]


async def test_an_answer_with_nothing_to_tell_has_no_headers_of_its_own():
    context = FakeContext()

    async def bodies():
        yield openai.server_sent_event(type="done")

    assert [body async for body in openai.with_headers(bodies(), context, {}, Diagnostics())]
    assert context.sent == ()
