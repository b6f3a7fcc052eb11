"""What the list of a data set may hold."""

import json

import pytest
from voicebox_kit.errors import InvalidField
from voicebox_models.adapters import dataset

pytestmark = pytest.mark.unit


def line(**fields: object) -> bytes:
    return json.dumps({"audio": "a.wav", "text": "Hello."} | fields).encode() + b"\r\n"


def test_each_line_is_a_recording_and_its_text() -> None:
    content = line() + b"\n" + line(audio="b.wav", text=" Good \n night. ", speaker="ann")
    assert dataset.lines(content) == [("a.wav", "Hello."), ("b.wav", "Good night.")]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n" * 1000,
        b"[]",
        b"{",
        b"[" * 60_000,
        line(text=""),
        line(text=7),
        line(text="\ud800"),
        line(text="a" * 2001),
        line(audio=7),
        line() * 2,
        line(more=[[]] * 40_000),
        b"".join(line(audio=str(number)) for number in range(dataset.MAX_CLIPS + 1)),
    ],
)
def test_another_form_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidField):
        dataset.lines(content)
