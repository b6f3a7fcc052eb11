"""What a file of a batch may hold, and what it may not cost."""

import asyncio
import json
import threading

import pytest
from voicebox.jobs.v1 import jobs_pb2 as pb
from voicebox_jobs.types import batch_file


def test_lines_end_where_json_lines_end() -> None:
    text = "one\u2028line\u0085of text"
    found = batch_file.read(json.dumps({"text": text}, ensure_ascii=False).encode() + b"\r\n", "wav")
    assert not found.problems
    assert found.items[0].fields["text"] == text


@pytest.mark.parametrize("field", ["text", "voice", "output"])
def test_half_a_character_is_no_text(field: str) -> None:
    line = json.dumps({"text": "Hello."} | {field: "half \ud800"})
    assert batch_file.read(line.encode(), "wav").problems == [
        "Item 1: all fields but speed and pitch_semitones must be text."
    ]


def test_what_is_wrong_is_said_in_few_words() -> None:
    line = json.dumps({"x" * 100_000: "a"}) + "\n"
    [*problems] = batch_file.read(line.encode() * 200, "wav").problems
    assert len(problems) == batch_file.MAX_PROBLEMS
    assert max(map(len, problems)) < 200


def test_a_line_of_many_values_is_refused_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    lists = b'{"text": "a", "more": [' + b"[]," * 60_000 + b"[]]}"
    full = json.dumps({"text": "a," * (batch_file.MAX_TEXT // 2), "instructions": ":[" * 500}).encode()
    assert not batch_file.read(full, "wav").problems
    monkeypatch.setattr(json, "loads", None)
    assert "commas" in batch_file.read(lists, "wav").problems[0]


@pytest.mark.parametrize("begin", [b'{"text": "a"}', b"text\n"])
def test_empty_lines_are_read_to_a_limit(begin: bytes) -> None:
    [problem] = batch_file.read(begin + b"\n" * (batch_file.MAX_EMPTY_LINES + 10), "wav").problems
    assert "empty lines" in problem


@pytest.mark.parametrize("content", [b"text\n\xff", b'{"text": "\xff"}'])
def test_what_is_not_utf_8_is_refused(content: bytes) -> None:
    [problem] = batch_file.read(content, "wav").problems
    assert "UTF-8" in problem


@pytest.mark.parametrize("database", ["sqlite"])
async def test_others_are_answered_while_a_file_is_read(idle, monkeypatch: pytest.MonkeyPatch) -> None:
    source, read = await idle.upload(b"text\nHello.\n"), batch_file.read
    is_reading, is_answered = threading.Event(), threading.Event()

    def slow(content: bytes, container: str) -> batch_file.Batch:
        is_reading.set()
        assert is_answered.wait(30)
        return read(content, container)

    monkeypatch.setattr(batch_file, "read", slow)
    request = pb.ValidateInputRequest(name=source.name, type="synthesize_batch")
    validated = asyncio.ensure_future(idle.stub.ValidateInput(request))
    await asyncio.to_thread(is_reading.wait)
    await idle.stub.GetInput(pb.GetInputRequest(name=source.name))
    is_answered.set()
    assert (await validated).item_count == 1
