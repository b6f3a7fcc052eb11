"""What a file of OpenAI's requests may hold."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from voicebox_jobs.types.openai_requests import MAX_REQUESTS, form_fields, input_of, read

pytestmark = pytest.mark.unit
SPEECH, TRANSCRIPTIONS = "/v1/audio/speech", "/v1/audio/transcriptions"
ID = "7f3c2a10-9b1e-4c57-8d21-0a4be6f5c9d3"


def line(body: str, custom_id: str = '"a"', url: str = SPEECH) -> bytes:
    return f'{{"custom_id": {custom_id}, "method": "POST", "url": "{url}", "body": {body}}}\n'.encode()


@pytest.mark.parametrize("body", [{"input": "\\u0000"}, {"a": [[[[[[1]]]]]]}, {"voice": {"id": "x"}, "a": [1] * 245}])
def test_a_body_may_hold_what_other_readers_take(body: Mapping[str, Any]):
    found = read(line(json.dumps(body)), SPEECH)
    assert (found.problems, found.items[0].fields["body"]) == ([], body)


def test_a_good_file_is_its_requests_in_order():
    found = read(line('{"input": "One."}') + b"\n" + line('{"input": "Two."}', '"b"'), SPEECH)
    assert found.problems == []
    assert [(each.fields["custom_id"], each.fields["body"], each.output) for each in found.items] == [
        ("a", {"input": "One."}, "00001"),
        ("b", {"input": "Two."}, "00002"),
    ]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n \n",
        b"\xff\xfe",
        b"[]\n",
        b"{",
        b"[" * 100_000,
        line("7"),
        line('{"input": "\\ud800"}'),
        line('{"input": "\\u0000"}'),
        line('{"speed": NaN}'),
        line('{"speed": -Infinity}'),
        line("{}", '"\\ud800"'),
        line("{}", '"\\u0000"'),
        line("{}", "7"),
        line("{}", json.dumps("x" * 257)),
        line("{}", url="/v1/chat/completions"),
        line("{}") * 2,
        line('{"stream": true}'),
        line('{"input": "\\\\\\u0000"}'),
        line('{"a": ' + "[" * 900 + "]" * 900 + "}"),
        line('{"a": [' + "{}," * 300 + "{}]}"),
        line('{"input": "Hi."}, "more": [' + "[]," * 300 + "[]]"),
    ],
)
def test_a_bad_one_is_refused_in_a_sentence(content: bytes):
    found = read(content, SPEECH)
    assert found.problems
    assert all(sentence.endswith(".") for sentence in found.problems)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"file": "audio.wav"},
        {"file": "file-../../etc/passwd"},
        {"file": [f"file-{ID}"]},
        {"file": f"file-{ID}", 'a"; filename="b': 1},
        {"file": f"file-{ID}", "a\r\nb": 1},
        {"file": f"file-{ID}", "prompt": "x" * 30_000},
        {"file": f"file-{ID}", **{f"a{number}": 1 for number in range(65)}},
    ],
)
def test_a_body_that_makes_no_form_is_refused(body: Mapping[str, Any]):
    assert read(line(json.dumps(body), url=TRANSCRIPTIONS), TRANSCRIPTIONS).problems


@pytest.mark.parametrize("file", [f"file-{ID}", f"inputs/{ID}"])
def test_a_transcription_names_its_file_and_the_rest_is_its_form(file: str):
    body = {"file": file, "model": "whisper-1", "stream": False, "prompt": None, "timestamp_granularities[]": ["word"]}
    assert read(line(json.dumps(body), url=TRANSCRIPTIONS), TRANSCRIPTIONS).problems == []
    assert input_of(body) == ID
    assert form_fields(body) == {"model": "whisper-1", "timestamp_granularities[]": ["word"]}


def test_there_are_at_most_so_many():
    content = b"".join(line("{}", f'"{number}"') for number in range(MAX_REQUESTS + 1))
    assert read(content, SPEECH).problems == [f"There are more than {MAX_REQUESTS} requests."]
