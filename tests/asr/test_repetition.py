"""Loops are cut to their first round and reported; what people repeat is not."""

import pytest
from voicebox_asr.engine import Hypothesis, Scores, Word
from voicebox_asr.results.repetition import without_loops
from voicebox_asr.results.utterance import Utterance
from voicebox_asr.results.warnings import WarningReason

pytestmark = pytest.mark.unit

WRITTEN = Scores(compression_ratio=1.5, average_log_probability=-0.3)


def utterance(
    text: str, index: int = 0, start: float = 0.0, end: float = 10.0, scores: Scores = WRITTEN, channel: int = 0
) -> Utterance:
    words = text.split()
    step = (end - start) / max(1, len(words))
    timed = tuple(Word(word, start + at * step, start + (at + 1) * step, 0.9) for at, word in enumerate(words))
    return Utterance(index, Hypothesis(text, 0.9, timed, "en", scores=scores), start, end, channel)


@pytest.mark.parametrize(
    ("loop", "first"),
    [
        ("no " * 40, "no"),
        ("Thank you. " * 20, "Thank you."),
        ("I am going to the shop, " * 9 + "I am going", "I am going to the shop,"),
        ("ありがとうございました。" * 8, "ありがとうございました。"),
        ("ха" + " ха" * 30, "ха"),
    ],
)
def test_a_loop_is_cut_to_its_first_round_and_reported(loop: str, first: str) -> None:
    (kept,), (notice,) = without_loops([utterance(f"Well {loop}")])
    assert kept.hypothesis.text == f"Well {first}"
    assert notice.reason is WarningReason.REPETITION
    assert notice.start_seconds is not None
    assert notice.start_seconds > 0
    assert notice.end_seconds == pytest.approx(10.0, abs=0.2)
    if " " in loop.strip():
        assert [word.text for word in kept.hypothesis.words] == kept.hypothesis.text.split()


@pytest.mark.parametrize(
    "spoken_text",
    [
        "no no no no no no",
        "very, very, very, very good",
        "one two three four, one two three four, one two three four",
        "Row, row, row your boat",
        "to be or not to be that is the question to be or not to be",
        "",
    ],
)
def test_what_people_say_stays(spoken_text: str) -> None:
    assert without_loops([utterance(spoken_text)]) == ((utterance(spoken_text),), ())


def test_what_follows_a_loop_stays() -> None:
    (kept,), _ = without_loops([utterance("So " + "you know " * 30 + "it was late.")])
    assert kept.hypothesis.text == "So you know it was late."
    assert [word.text for word in kept.hypothesis.words] == kept.hypothesis.text.split()


def test_the_same_passage_again_and_again() -> None:
    passages = [utterance("Thanks for watching!", index, 3.0 * index, 3.0 * index + 3.0) for index in range(12)]
    spoken_text = utterance("Good night.", 12, 36.0, 40.0)
    kept, (notice,) = without_loops([*passages, spoken_text])
    assert [each.hypothesis.text for each in kept] == ["Thanks for watching!", "Good night."]
    assert notice.start_seconds == pytest.approx(3.0)
    assert notice.end_seconds == pytest.approx(36.0)
    assert "12 times" in notice.sentence


def test_a_person_who_repeats_a_command_is_recognised_each_time() -> None:
    commands = [utterance("Turn on the light.", index, 5.0 * index, 5.0 * index + 2.0) for index in range(12)]
    assert without_loops(commands) == (tuple(commands), ())
    unsure = [
        utterance("Turn on the light.", index, 5.0 * index, 5.0 * index + 2.0, Scores(-1, -2.0, 1.0))
        for index in range(12)
    ]
    assert len(without_loops(unsure)[0]) == 1


def test_channels_do_not_make_a_loop_together() -> None:
    turns = [utterance("Yes yes yes.", index, index * 1.0, index + 1.0, channel=index % 3 + 1) for index in range(6)]
    assert without_loops(turns) == (tuple(turns), ())


def test_an_engine_that_reports_no_ratio_recognises_and_does_not_write() -> None:
    chant = utterance("no " * 40, scores=Scores())
    assert without_loops([chant]) == ((chant,), ())


def test_a_long_file_is_looked_through_quickly() -> None:
    passages = [
        utterance(f"this is sentence {index} of many and {index * 7} more", index, index, index + 1)
        for index in range(5000)
    ]
    assert without_loops(passages) == (tuple(passages), ())


def said_again(times: int, own: int, resemblance: float | None) -> Utterance:
    """A word that was written so many times, of which the first ones have time of their own."""
    words = tuple(Word("no", min(at, own) * 0.4, min(at + 1, own) * 0.4, 0.9) for at in range(times))
    recognised = Hypothesis(" ".join(["no"] * times), 0.9, words, "en", scores=WRITTEN, self_similarity=resemblance)
    return Utterance(0, recognised, 0.0, own * 0.4)


@pytest.mark.parametrize("times", [12, 20, 40])
def test_repeated_speech_is_kept(times: int) -> None:
    (kept,), notices = without_loops([said_again(times, times, 0.8)])
    assert (len(kept.hypothesis.words), notices) == (times, ())


@pytest.mark.parametrize("own", [2, 5, 12])
def test_of_a_loop_as_much_is_kept_as_the_audio_supports(own: int) -> None:
    (kept,), (notice,) = without_loops([said_again(100, own, 0.8)])
    assert kept.hypothesis.text == " ".join(["no"] * own)
    assert f"all but the first {own} were cut out" in notice.sentence


@pytest.mark.parametrize("resemblance", [None, 0.0, 0.3])
def test_words_whose_sounds_do_not_repeat_were_not_said_again(resemblance: float | None) -> None:
    (kept,), (notice,) = without_loops([said_again(40, 40, resemblance)])
    assert (kept.hypothesis.text, notice.reason) == ("no", WarningReason.REPETITION)
