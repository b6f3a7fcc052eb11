import random

import pytest
from voicebox_asr.engine import Hypothesis, Word
from voicebox_asr.live.agreement import Agreement, pieces

pytestmark = pytest.mark.unit


def recognised(text: str, words: list[str] | None = None) -> Hypothesis:
    return Hypothesis(
        text, None, tuple(Word(word, 0.0, 0.0, None) for word in (text.split() if words is None else words))
    )


def test_what_two_runs_agree_on_is_stable_but_for_its_last_two_words() -> None:
    agreement = Agreement()
    assert agreement.push(recognised("and so my fellow")).stable == ""
    assert agreement.push(recognised("and so my fellow americans")).stable == "and so my"
    assert agreement.push(recognised("and so my fellow americans ask")).stable == "and so my fellow"
    assert agreement.push(recognised("and so my fellow americans")).stable == "and so my fellow"


def test_case_and_punctuation_do_not_count_and_the_first_writing_stays() -> None:
    agreement = Agreement()
    agreement.push(recognised("And so, my fellow"))
    agreed = agreement.push(recognised("and so my fellow americans"))
    assert agreed.stable == "and so my"
    assert agreement.push(recognised("And so, my fellow Americans")).text == "and so my fellow Americans"


@pytest.mark.parametrize(
    ("later", "shown"),
    [
        ("the cat sat on the mat today", "the cat sat on the mat today"),
        ("a cat sat on the mat today", "the cat sat on the mat today"),  # another word
        ("cat sat on the mat today", "the cat sat on the mat today"),  # one word less
        ("but the cat sat on the mat today", "the cat sat on the mat today"),  # one word more
        ("", "the cat sat on"),
    ],
)
def test_what_is_stable_stays_and_the_rest_follows_it(later: str, shown: str) -> None:
    agreement = Agreement()
    for _ in range(2):
        agreement.push(recognised("the cat sat on the mat"))
    assert agreement.push(recognised(later)).text == shown


def test_a_language_without_spaces() -> None:
    agreement = Agreement()
    agreement.push(recognised("今日は天", list("今日は天")))
    assert agreement.push(recognised("今日は天気", list("今日は天気"))).stable == "今日は"


def test_pieces_are_the_text_cut_before_its_words() -> None:
    assert pieces(recognised("Hello, my world", ["Hello,", "my", "world"])) == ("Hello, ", "my ", "world")
    assert pieces(recognised("", [])) == ("",)
    assert pieces(recognised("no words told", [])) == ("no words told",)


def test_any_runs_begin_with_all_that_was_stable_before() -> None:
    chance = random.Random(1)
    for _ in range(200):
        agreement, before = Agreement(), ""
        for length in range(1, 12):
            agreed = agreement.push(
                recognised(" ".join(chance.choice("ab") for _ in range(chance.randrange(length + 1))))
            )
            assert agreed.text.startswith(agreed.stable)
            assert agreed.stable.startswith(before)
            before = agreed.stable


@pytest.mark.parametrize(
    ("final", "text"),
    [
        ("The cat sat on the mat today.", "the cat sat on the mat today."),
        ("A cat sat on a mat today.", "the cat sat on a mat today."),
        ("the cat sat on the mat", "the cat sat on the mat"),
        ("cat", "the cat sat on"),
        ("", "the cat sat on"),
    ],
)
@pytest.mark.parametrize("reported", [True, False])
def test_a_final_begins_with_what_was_stable_and_loses_nothing_after_it(final: str, text: str, reported: bool) -> None:
    agreement = Agreement()
    for _ in range(2):
        agreement.push(recognised("the cat sat on the mat"))
    found = agreement.final(recognised(final, None if reported else []))
    assert found.text == text
    assert [word.text for word in found.words] == (text.split() if reported and final else [])


def test_a_final_without_spaces_begins_with_what_was_stable() -> None:
    agreement = Agreement()
    for _ in range(2):
        agreement.push(recognised("今日は天気", list("今日は天気")))
    assert agreement.final(recognised("今日は天気がいい。", [])).text == "今日は天気がいい。"
