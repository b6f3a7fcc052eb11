"""Pauses that are written in a plain text."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from voicebox_kit.errors import InvalidField
from voicebox_tts.text.directions import Passage, Pause
from voicebox_tts.text.pauses import has_pauses, with_pauses

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("text", "directions"),
    [
        ("One[pause:400ms]two", [Passage("One"), Pause(0.4), Passage("two")]),
        ("[pause:1.5s] One. [pause: 2 s ]", [Pause(1.5), Passage("One."), Pause(2.0)]),
        ("[pause:1s][pause:0ms]", [Pause(1.0), Pause(0.0)]),
        ("[pause:10s]", [Pause(10.0)]),
    ],
)
def test_a_pause_is_between_passages(text, directions):
    assert with_pauses(text, "text") == tuple(directions)


def test_other_brackets_are_text():
    assert not any(map(has_pauses, ["[pause]", "[1] pause: 400ms", "[Pause:1s]", ""]))


@pytest.mark.parametrize(
    ("text", "place", "reason"),
    [
        ("ab [pause:soon]", "character 4", "PAUSE_INVALID"),
        ("ab [pause:400]", "character 4", "PAUSE_INVALID"),
        ("ab [pause:-1s]", "character 4", "PAUSE_INVALID"),
        ("ab [pause:4s", "character 4", "PAUSE_INVALID"),
        ("ab [pause:10.1s]", "character 4", "PAUSE_TOO_LONG"),
        ("[pause:10s]" * 61, "610 s", "PAUSE_TOO_LONG"),
    ],
)
def test_a_wrong_pause_is_refused_where_it_is(text, place, reason):
    with pytest.raises(InvalidField) as failed:
        with_pauses(text, "text")
    assert (failed.value.field, failed.value.reason) == ("text", reason)
    assert place in failed.value.sentence


@given(st.lists(st.sampled_from(["a b", "[pause:1s]", "[pause:20ms]"]), max_size=20))
def test_nothing_is_lost(parts):
    directions = with_pauses(" ".join(parts), "text")
    assert "".join(
        each.text.replace(" ", "") for each in directions if isinstance(each, Passage)
    ) == "ab" * parts.count("a b")
    assert sum(isinstance(each, Pause) for each in directions) == len(parts) - parts.count("a b")


@pytest.mark.parametrize("unit", ["[pause:1ms]a", "[pause:" + "1" * 40 + "ms]"])
def test_the_time_is_in_proportion_to_the_length(unit, processor_seconds):
    def read(count: int) -> None:
        with suppress(InvalidField):
            with_pauses(unit * count, "text")

    assert processor_seconds(lambda: read(1600)) < 24 * max(processor_seconds(lambda: read(200)), 1e-4)
