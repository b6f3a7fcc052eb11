"""Words in time, from an alignment."""

from voicebox_asr.engines.whisper.alignment import LONGEST_MEDIAN_SECONDS, Aligned, joined, words


def piece(text: str, start: float = 0.0, end: float = 0.3, tokens: int = 1) -> Aligned:
    return Aligned(text, tokens, start, end, 0.9)


def test_marks_belong_to_their_words() -> None:
    pieces = [piece(' "'), piece("Hello", 0.1, 0.4), piece(","), piece(" you"), piece("."), piece('"')]
    assert [(each.text, each.tokens) for each in joined(pieces)] == [(' "Hello,', 3), (' you."', 3)]
    assert (joined(pieces)[0].start_seconds, joined(pieces)[0].end_seconds) == (0.1, 0.4)


def test_marks_alone_are_kept() -> None:
    assert [each.text for each in joined([piece(" ("), piece(" [")])] == [" ( ["]
    assert [each.text for each in joined([piece("."), piece(" a")])] == [".", " a"]


def test_each_segment_has_its_own_words() -> None:
    pieces = [piece(" a", 0.0, 0.2), piece(" bc", 0.2, 0.4, tokens=2), piece(" d", 0.4, 0.6)]
    first, second, third = words(pieces, [3, 1, 2], 1.0)
    assert [word.text for word in first] == ["a", "bc"]
    assert [word.text for word in second] == ["d"]
    assert third == ()


def test_silence_at_the_edges_of_a_segment_is_not_a_word() -> None:
    (found,) = words(
        [piece(" a", 0.0, 5.0), piece(" b", 5.0, 5.2), piece(" c", 5.2, 5.4), piece(" d", 5.4, 9.0)], [4], 10.0
    )
    assert 5.0 - 2 * LONGEST_MEDIAN_SECONDS <= found[0].start_seconds < found[0].end_seconds == 5.0
    assert 5.4 == found[-1].start_seconds < found[-1].end_seconds <= 5.4 + 2 * LONGEST_MEDIAN_SECONDS


def test_no_word_is_outside_of_the_audio() -> None:
    (found,) = words([piece(" a", 0.9, 1.1), piece(" b", 1.2, 1.3)], [2], 1.0)
    assert [(word.start_seconds, word.end_seconds) for word in found] == [(0.9, 1.0), (1.0, 1.0)]
