"""What a text can need, what is cut off, and what is given to the model to say."""

import numpy as np
import pytest
from voicebox_tts.engines.codec_models.runaway import Runaway, RunawayDetector, max_frames, usual_seconds
from voicebox_tts.engines.codec_models.silence import AFTER_SECONDS, BEFORE_SECONDS, FADE_SECONDS, SilenceTrimmer
from voicebox_tts.engines.codec_models.text import MAX_SECONDS, pieces

RATE_HZ = 24_000
FRAME = 1920

USUAL = {
    "english": ("Four hours of steady work faced us, and then we went home.", 3.5),
    "german": ("Die Sonne lacht, und wir gehen heute Nachmittag zusammen spazieren.", 4.5),
    "chinese": ("今天天气很好，我们一起去公园散步吧。", 4.0),
    "japanese": ("きょうはとてもいいてんきですね。", 2.5),
    "korean": ("오늘은 날씨가 아주 좋네요.", 2.5),
    "russian": ("Сегодня очень хорошая погода, пойдём гулять.", 3.5),
    "digits": ("1234567890", 4.0),
}


@pytest.mark.parametrize("language", USUAL)
def test_a_text_takes_what_it_usually_takes_in_its_language(language: str) -> None:
    text, seconds = USUAL[language]
    assert 0.7 < usual_seconds(text) / seconds < 1.5


@pytest.mark.parametrize("language", USUAL)
def test_the_slowest_speaker_has_time_and_a_runaway_has_not(language: str) -> None:
    text, seconds = USUAL[language]
    assert 2 * seconds < max_frames(text) / 12.5 < 6 * seconds


def test_a_short_word_may_be_drawn_out() -> None:
    assert max_frames("No.") / 12.5 > 2.0


def codes(*first: int) -> np.ndarray:
    return np.stack([np.full(16, code, np.int64) for code in first])


def sound(seconds: float, level: float = 0.1) -> np.ndarray:
    return (np.random.default_rng(1).choice([-level, level], int(seconds * RATE_HZ))).astype(np.float32)


def test_speech_is_let_pass() -> None:
    detector, random = RunawayDetector(RATE_HZ), np.random.default_rng(1)
    for _ in range(300):
        assert (
            detector.check(codes(*random.integers(0, 2048, 2)), np.concatenate((sound(0.1), sound(0.06, 0.001))))
            is None
        )


@pytest.mark.parametrize("period", [1, 2, 7, 25])
def test_going_in_circles_is_noticed_after_four_seconds(period: int) -> None:
    detector = RunawayDetector(RATE_HZ)
    verdicts = [detector.check(codes(frame % period), sound(0.08)) for frame in range(120)]
    assert verdicts.index(Runaway.REPETITION) == period + 50 - 1


def test_a_vowel_that_is_held_for_two_seconds_is_no_circle() -> None:
    detector = RunawayDetector(RATE_HZ)
    assert {detector.check(codes(7), sound(0.08)) for _ in range(25)} == {None}
    assert detector.check(codes(8), sound(0.08)) is None
    assert {detector.check(codes(7), sound(0.08)) for _ in range(25)} == {None}


def test_silence_is_noticed_after_three_seconds_however_it_is_chunked() -> None:
    for frames in (1, 4, 8):
        detector, decoded = RunawayDetector(RATE_HZ), 0.0
        assert detector.check(codes(1), sound(0.08)) is None
        while detector.check(codes(*range(frames)), sound(0.08 * frames, 0.001)) is None:
            decoded += 0.08 * frames
        assert 3.0 - 0.08 * frames <= decoded <= 3.0


def passed(*parts: np.ndarray, chunk: int = FRAME) -> np.ndarray:
    edges, whole = SilenceTrimmer(RATE_HZ), np.concatenate(parts)
    return np.concatenate([edges.push(whole[start : start + chunk]) for start in range(0, whole.size, chunk)])


@pytest.mark.parametrize("chunk", [FRAME, 333, 20_000])
def test_silence_at_the_edges_is_trimmed_and_pauses_inside_are_kept(chunk: int) -> None:
    pause = sound(1.0, 0.001)
    speech = np.concatenate((sound(0.5), pause, sound(0.3)))
    kept = passed(sound(0.9, 0.002), speech, sound(1.3, 0.002), chunk=chunk)
    before, after = int(BEFORE_SECONDS * RATE_HZ), int(AFTER_SECONDS * RATE_HZ)
    assert kept.size == before + speech.size + after
    np.testing.assert_array_equal(kept[before:-after], speech)


def test_a_little_silence_stays_as_it_is() -> None:
    parts = sound(0.05, 0.001), sound(0.4), sound(0.1, 0.001)
    np.testing.assert_array_equal(passed(*parts), np.concatenate(parts))


def test_silence_alone_is_nothing() -> None:
    edges = SilenceTrimmer(RATE_HZ)
    assert edges.push(sound(5.0, 0.009)).size == 0
    assert not edges.has_sound
    assert edges.cut(sound(0.1, 0.001)).size == 0


def test_what_is_cut_off_fades() -> None:
    edges = SilenceTrimmer(RATE_HZ)
    edges.push(sound(0.5))
    last, fade = edges.cut(sound(0.08)), int(FADE_SECONDS * RATE_HZ)
    assert last.size == FRAME
    assert last[-1] == 0.0
    assert np.abs(last[-fade:]).max() <= 0.1
    np.testing.assert_array_equal(np.abs(last[:-fade]), np.float32(0.1))


def test_audio_comes_with_the_chunk_that_it_is_in() -> None:
    edges = SilenceTrimmer(RATE_HZ)
    assert edges.push(sound(0.08)).size == FRAME


@pytest.mark.parametrize("text", ["", " ", "...", "👩‍👩‍👧‍👦🏳️‍🌈", "$ % &", "\u202e\u202c", "‽?!"])
def test_nothing_to_say_is_no_piece(text: str) -> None:
    assert pieces(text) == []


def test_pictures_and_directions_are_left_out() -> None:
    assert pieces("Well done! 🎉 \u202eGo on\u202c.") == ["Well done!", "Go on."]


@pytest.mark.parametrize(
    "text", ["7" * 2000, "a" * 10_000, "word " * 900, "你好" * 900, "NASA, " * 300], ids=lambda text: text[:4]
)
def test_no_piece_takes_too_long_and_nothing_is_lost(text: str) -> None:
    made = pieces(text)
    assert max(map(usual_seconds, made)) <= MAX_SECONDS
    assert "".join("".join(made).split()) == "".join(text.split())
    assert len(made) < 2 + 2 * usual_seconds(text) / MAX_SECONDS
