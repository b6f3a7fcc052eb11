"""Words in time, from an alignment."""

import numpy as np
from voicebox_asr.engines.whisper.alignment import LONGEST_MEDIAN_SECONDS, Aligned, joined, placed, words
from voicebox_asr.engines.whisper.silences import silences


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


def test_a_pause_is_no_part_of_the_word_after_it() -> None:
    pieces = [piece(" a", 0.1, 0.5), piece(" b", 0.5, 1.4), piece(" c", 1.4, 1.6)]
    assert [(each.start_seconds, each.end_seconds) for each in placed(pieces, [(0.7, 1.2)])] == [
        (0.1, 0.7),
        (1.2, 1.4),
        (1.4, 1.6),
    ]


def test_the_first_word_begins_after_a_silence_and_the_last_one_ends_before_one() -> None:
    pieces = [piece(" a", 0.0, 0.5), piece(" b", 0.5, 0.8)]
    edges = placed(pieces, [(0.0, 0.3), (1.0, 2.0)])
    assert (edges[0].start_seconds, edges[-1].end_seconds) == (0.3, 1.0)


def test_a_silence_that_is_far_from_every_edge_moves_none() -> None:
    pieces = [piece(" a", 0.0, 2.0), piece(" b", 2.0, 2.2)]
    assert placed(pieces, [(0.9, 1.1), (5.0, 6.0)]) == pieces
    assert placed([], [(0.0, 1.0)]) == []


def test_silences_are_found_where_the_spectrogram_is_30_db_below_its_loudest() -> None:
    features = np.full((80, 300), 1.0, np.float32)
    features[:, 100:150] -= 1.0  # 40 dB
    features[:, 200:205] -= 1.0  # too short
    features[:, 250:280] -= 0.5  # 20 dB
    assert silences(features) == [(1.0, 1.5)]
    assert silences(features[:, :0]) == []
