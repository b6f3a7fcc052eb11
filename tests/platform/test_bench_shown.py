"""When a benchmark says that a word was shown."""

import pytest

from bench.shown import Shown, first_shown

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("interims", "times"),
    [
        ([], [9, 9, 9, 9]),
        ([Shown(1, "the"), Shown(2, "the old"), Shown(3, "the old man")], [1, 2, 3, 9]),
        ([Shown(1, "uh the"), Shown(2, "uh the old")], [1, 2, 9, 9]),
        ([Shown(1, "then gold fan"), Shown(2, "the old man"), Shown(3, "The old man walked.")], [2, 2, 2, 3]),
        ([Shown(1, "old man"), Shown(2, "the old man")], [2, 1, 1, 9]),
        ([Shown(1, "the old man"), Shown(2, "the"), Shown(3, "the old man")], [1, 1, 1, 9]),
    ],
)
def test_words_are_paired_by_what_they_are_and_not_by_how_many_were_shown(interims, times) -> None:
    assert first_shown(["The", "old", "man", "walked."], [0, 0, 0, 0], interims, 9) == times


def test_what_was_shown_before_a_word_was_said_is_another_word() -> None:
    assert first_shown(["the", "the"], [0, 5], [Shown(1, "the the"), Shown(6, "the the")], 9) == [1, 6]
