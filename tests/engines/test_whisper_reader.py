"""What of a file's windows is decoded again, and what is warned of, with a decoder that writes what a test says."""

from collections.abc import Iterator, Sequence
from concurrent.futures import wait
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
from voicebox_asr.engine import (
    SAMPLE_RATE_HZ,
    Decoding,
    Hypothesis,
    Options,
    Samples,
    Scores,
    Segment,
    WarningReason,
    Word,
)
from voicebox_asr.engines.whisper.batcher import Scheduler
from voicebox_asr.engines.whisper.decoder import Decoded, continues_seconds
from voicebox_asr.engines.whisper.file_reader import WhisperReader
from voicebox_asr.engines.whisper.spoken_languages import LanguagePart
from voicebox_asr.segmentation.coverage import Span, parts_lacking_words
from voicebox_asr.segmentation.windows import FRAME_SAMPLES, SpeechTracker, Windows

TIMESTAMPS = 200


@dataclass(frozen=True)
class Requested:
    """A clip, as far as this test goes."""

    samples: Samples = field(repr=False)
    language: str
    spans: tuple[Span, ...] = ()
    key: str = ""


@dataclass
class Writer:
    """A decoder that writes one answer after the other; an answer is words with their times, and where it breaks
    off.
    """

    answers: list[tuple[str, float, float | None]]
    confidence: float = 0.9
    requested: list[Requested] = field(default_factory=list)
    languages: list[str] = field(default_factory=list)
    probability: float | None = None
    """Of a language that is not given."""

    def clip(
        self, samples: Samples, options: Options, language: str, previous: str, spans: Sequence[Span] = ()
    ) -> Requested:
        return Requested(samples, language, tuple(spans))

    def decode(self, clips: Sequence[Requested]) -> list[Decoded]:
        return [self._answer(clip) for clip in clips]

    def _answer(self, clip: Requested) -> Decoded:
        self.requested.append(clip)
        text, until, continues = self.answers.pop(0) if self.answers else ("", 0.0, None)
        pieces = text.split()
        step = until / max(1, len(pieces))
        language = self.languages.pop(0) if self.languages else "en"
        words = tuple(Word(piece, at * step, (at + 1) * step, self.confidence) for at, piece in enumerate(pieces))
        probability = None if clip.language else self.probability
        recognised = Hypothesis(text, self.confidence, words, language, probability, Scores(0.0, -0.2, 1.2, 0.0))
        return Decoded((Segment(recognised, 0.0, until),) if text else (), language, probability, continues)


@dataclass(frozen=True)
class Read:
    """What came of a file."""

    text: str
    segments: list[Segment]
    warnings: list[Any]


def loud(samples: Samples) -> Samples:
    return (np.abs(samples.reshape(-1, FRAME_SAMPLES)).max(axis=1) > 0.1).astype(np.float32)


def sound(*spoken: tuple[float, float], seconds: float) -> Samples:
    """Loud from each time to the other."""
    samples = np.zeros(round(seconds * SAMPLE_RATE_HZ), np.float32)
    for start, end in spoken:
        samples[round(start * SAMPLE_RATE_HZ) : round(end * SAMPLE_RATE_HZ)] = 0.5
    return samples


@pytest.fixture
def schedulers() -> Iterator[list[Scheduler[Any, Any]]]:
    opened: list[Scheduler[Any, Any]] = []
    yield opened
    for scheduler in opened:
        scheduler.close()


@pytest.fixture
def read(schedulers):
    def read(writer: Writer, samples: Samples, options: Options = Options(language="en")) -> Read:  # noqa: B008
        schedulers.append(Scheduler(writer.decode, batch_size=8, queue_size=20))
        reader = WhisperReader(writer, schedulers[-1], options, Windows(30.0, SpeechTracker(loud, 0.5, 0.35)))
        segments = [found for found in (*reader.process(samples), *reader.finish()) if found]
        return Read(" ".join(segment.hypothesis.text for segment in segments), segments, list(reader.warnings))

    return read


@pytest.mark.parametrize(
    ("tokens", "seconds", "continues"),
    [
        ((1, 2, 548, 548), 9.0, 6.96),
        ((200, 1, 548, 548), 9.0, 6.96),
        ((200, 1, 300, 300, 2, 548, 548), 9.0, 6.96),
        ((200, 1, 548, 550), 9.0, 7.0),
        ((1, 2, 548), 9.0, None),
        ((1, 2), 9.0, None),
        ((), 9.0, None),
        ((548, 548), 7.0, None),
        ((200, 200), 9.0, None),
    ],
)
def test_a_timestamp_that_stands_twice_at_the_end_means_that_more_is_reported(tokens, seconds, continues) -> None:
    found = continues_seconds(tokens, TIMESTAMPS, seconds)
    assert found == (continues if continues is None else pytest.approx(continues))


@pytest.mark.parametrize("at", [2.0, 5.5, 6.96])
def test_a_window_that_breaks_off_is_decoded_again_from_there(read, at: float) -> None:
    writer = Writer([("the Bible of about", at, at), ("fourteen fifty-five", 9.0 - at, None)])
    recognised = read(writer, sound((0.0, 9.0), seconds=9.0))
    assert recognised.text == "the Bible of about fourteen fifty-five"
    assert [clip.samples.size for clip in writer.requested] == [
        pytest.approx(9.0 * SAMPLE_RATE_HZ, abs=FRAME_SAMPLES),
        pytest.approx((9.0 - at) * SAMPLE_RATE_HZ, abs=FRAME_SAMPLES),
    ]
    assert np.array_equal(writer.requested[1].samples, writer.requested[0].samples[round(at * SAMPLE_RATE_HZ) :])
    assert recognised.segments[1].hypothesis.words[0].start_seconds == pytest.approx(at)
    assert recognised.segments[1].end_seconds == pytest.approx(9.0)
    assert recognised.warnings == []


def test_it_is_decoded_again_as_often_as_it_breaks_off_and_never_without_end(read) -> None:
    writer = Writer([("one", 3.0, 3.0), ("two", 3.0, 3.0), ("three", 3.0, None)])
    assert read(writer, sound((0.0, 9.0), seconds=9.0)).text == "one two three"
    stuck = Writer([("one", 3.0, 0.2)] * 100)
    read(stuck, sound((0.0, 9.0), seconds=9.0))
    assert len(stuck.requested) <= 2


def test_windows_stay_in_their_order_when_one_is_decoded_again(read) -> None:
    class BySize(Writer):
        def _answer(self, clip: Requested) -> Decoded:
            seconds = clip.samples.size / SAMPLE_RATE_HZ
            self.answers = [
                ("one", 10.0, 10.0) if seconds > 24 else ("three", 20.0, None) if seconds > 18 else ("two", 15.0, None)
            ]
            return super()._answer(clip)

    writer = BySize([])
    recognised = read(writer, sound((0.0, 25.0), (40.0, 60.0), seconds=60.0))
    assert recognised.text == "one two three"
    assert len(writer.requested) == 3


def test_speech_beyond_the_last_word_is_decoded_again(read) -> None:
    writer = Writer([("setting or printing", 4.0, None), ("beautiful letters", 2.5, None)])
    recognised = read(writer, sound((0.0, 7.0), seconds=7.0))
    assert (recognised.text, recognised.warnings) == ("setting or printing beautiful letters", [])


THREE = sound((0.0, 2.0), (3.0, 5.0), (6.0, 8.0), seconds=8.0)


def test_sentences_that_a_long_word_hides_are_decoded_by_themselves(read) -> None:
    """Alignment gives a word the time of the sentences that the model left out."""
    sentences = ("the first", "and a second", "third")
    writer = Writer([("printing", 8.0, None), *((sentence, 2.0, None) for sentence in sentences)])
    recognised = read(writer, THREE)
    assert (recognised.text, recognised.warnings) == ("the first and a second third", [])
    assert [clip.samples.size < 3.0 * SAMPLE_RATE_HZ for clip in writer.requested] == [False, True, True, True]


def test_a_part_that_is_decoded_by_itself_keeps_how_sure_its_language_is(read) -> None:
    writer = Writer([("printing", 8.0, None), ("", 0.0, None), ("and a second", 2.0, None)], probability=0.9)
    [segment] = read(writer, THREE, Options()).segments
    assert segment.hypothesis.text == "and a second"
    assert (segment.hypothesis.language, segment.hypothesis.language_probability) == ("en", 0.9)


@pytest.mark.parametrize("confidence", [0.1, 0.9])
def test_what_was_recognised_stays_where_decoding_a_part_again_gives_less_or_is_unsure(read, confidence) -> None:
    answers = [("printing", 8.0, None), ("", 0.0, None), ("a second" if confidence < 0.4 else "a", 2.0, None)]
    recognised = read(Writer(answers, confidence), THREE)
    assert recognised.text == "printing"
    assert [notice.reason for notice in recognised.warnings] == []


@pytest.mark.unit
@pytest.mark.parametrize(
    ("words", "lacking"),
    [
        ("even words in each of them", []),
        ("", []),
        ("many words here and then", [(3.0, 5.0)]),
        ("many words here and thenceforth on to", [(0.0, 2.0), (3.0, 5.0), (6.0, 8.0)]),
    ],
)
def test_parts_lack_words_by_what_is_usual_in_their_window(words: str, lacking: list[Span]) -> None:
    """Six words are two in each part, five none in the second, seven a short one there."""
    pieces = words.split()
    starts = {
        6: (0.2, 1.0, 3.2, 4.0, 6.2, 7.0),
        5: (0.0, 0.4, 0.8, 6.4, 7.0),
        7: (0.0, 0.4, 0.8, 1.4, 6.4, 7.4, 4.0),
    }.get(len(pieces), ())
    spoken = [Word(piece, start, start + 0.4, 0.9) for piece, start in zip(pieces, starts, strict=True)]
    speech = np.abs(THREE.reshape(-1, FRAME_SAMPLES)).max(axis=1) > 0.1
    found = parts_lacking_words(speech, spoken)
    assert [(round(start, 1), round(end, 1)) for start, end in found] == lacking


@pytest.mark.parametrize(
    ("answers", "confidence"),
    [([("setting or printing", 4.0, None)], 0.9), ([("setting or printing", 4.0, None), ("Thanks", 2.0, None)], 0.1)],
)
def test_speech_beyond_the_last_word_is_warned_of_when_nothing_is_recognised_in_it(read, answers, confidence) -> None:
    writer = Writer(list(answers), confidence)
    recognised = read(writer, sound((0.0, 7.0), seconds=7.0))
    assert recognised.text == "setting or printing"
    (notice,) = recognised.warnings
    assert notice.reason is WarningReason.NOT_RECOGNISED
    assert 4.0 <= notice.start_seconds < notice.end_seconds <= 7.1


def test_speech_of_which_no_word_is_recognised_is_warned_of(read) -> None:
    (notice,) = read(Writer([]), sound((2.0, 5.0), seconds=8.0)).warnings
    assert (notice.start_seconds, notice.end_seconds) == (pytest.approx(2.0, abs=0.1), pytest.approx(5.0, abs=0.1))


@pytest.mark.parametrize("spoken", [((0.0, 4.5),), ((0.0, 4.0), (5.0, 5.6))])
def test_a_breath_after_the_last_word_is_no_lost_word(read, spoken) -> None:
    writer = Writer([("setting or printing", 4.0, None)])
    recognised = read(writer, sound(*spoken, seconds=7.0))
    assert (recognised.warnings, len(writer.requested)) == ([], 1)


def test_utterances_end_at_long_pauses_also_where_silence_was_left_out(read) -> None:
    writer = Writer([("one two three four", 5.6, None)])
    recognised = read(writer, sound((0.0, 2.4), (5.4, 7.8), seconds=8.0), Options(language="en", decoding=Decoding()))
    assert [segment.hypothesis.text for segment in recognised.segments] == ["one two", "three four"]
    assert recognised.segments[1].start_seconds > 5.0


@pytest.mark.parametrize(
    ("text", "kept"), [("Thank you.", ""), ("Thanks for watching", ""), ("Yes.", "Yes."), ("", "")]
)
@pytest.mark.parametrize("seconds", [0.2, 0.3])
def test_in_very_short_audio_only_what_can_be_said_is_kept_and_there_is_a_warning(
    read, text: str, kept: str, seconds: float
) -> None:
    recognised = read(Writer([(text, seconds, None)]), sound((0.0, seconds), seconds=seconds))
    assert recognised.text == kept
    assert [notice.reason for notice in recognised.warnings] == [WarningReason.SHORT_AUDIO]


def test_short_words_in_longer_audio_are_no_matter_for_a_warning(read) -> None:
    assert read(Writer([("Thank you.", 0.7, None)]), sound((0.5, 1.2), seconds=2.0)).warnings == []


def test_another_language_within_a_window_is_recognised_as_such_and_warned_of(read) -> None:
    writer = Writer(
        [("Printing for our purpose", 4.0, None), ("Guten Morgen zusammen", 3.0, None)], languages=["en", "de"]
    )
    recognised = read(writer, sound((0.0, 4.0), (4.5, 8.0), seconds=8.0), Options())
    assert [segment.hypothesis.language for segment in recognised.segments] == ["en", "de"]
    assert [clip.language for clip in writer.requested] == ["", ""]
    assert [notice.reason for notice in recognised.warnings] == [WarningReason.LANGUAGE_CHANGED]


def test_a_language_that_the_caller_names_is_kept(read) -> None:
    writer = Writer([("Printing for our purpose", 4.0, None), ("good morning to you", 3.0, None)])
    recognised = read(writer, sound((0.0, 4.0), (4.5, 8.0), seconds=8.0), Options(language="en"))
    assert [clip.language for clip in writer.requested] == ["en", "en"]
    assert recognised.warnings == []


def test_speech_before_the_first_word_is_decoded_once_more(read) -> None:
    class Late(Writer):
        def _answer(self, clip: Requested) -> Decoded:
            self.answers = [("Guten Morgen", 3.0, None)] if len(self.requested) else [("and thirdly", 2.0, None)]
            decoded = super()._answer(clip)
            if len(self.requested) > 1:
                return decoded
            segment = decoded.segments[0]
            late = tuple(
                Word(word.text, word.start_seconds + 5.0, word.end_seconds + 5.0, 0.9)
                for word in segment.hypothesis.words
            )
            return Decoded((Segment(replace(segment.hypothesis, words=late), 5.0, 7.0),), "en", None)

    recognised = read(Late([]), sound((0.0, 7.0), seconds=7.0))
    assert sorted(segment.hypothesis.text for segment in recognised.segments) == ["Guten Morgen", "and thirdly"]


@dataclass
class Polyglot(Writer):
    """Hears a language in each second of a file, named by the loudness of its sound; a clip of several is not
    decoded.
    """

    probability: float = 0.9

    def _answer(self, clip: Requested) -> Decoded:
        self.requested.append(clip)
        loudness = [
            float(np.abs(clip.samples[round(start * SAMPLE_RATE_HZ) : round(end * SAMPLE_RATE_HZ)]).max())
            for start, end in clip.spans
        ]
        spoken = [
            LanguagePart(*span, "de" if level > 0.6 else "en", 0.9)
            for span, level in zip(clip.spans, loudness, strict=True)
        ]
        if len({each.language for each in spoken}) > 1:
            return Decoded((), "en", 0.6, language_parts=tuple(spoken))
        language = clip.language or ("de" if np.abs(clip.samples).max() > 0.6 else "en")
        seconds = clip.samples.size / SAMPLE_RATE_HZ
        recognised = Hypothesis(
            language, 0.9, (Word(language, 0.0, seconds, 0.9),), language, scores=Scores(0.0, -0.2, 1.2, 0.0)
        )
        return Decoded((Segment(recognised, 0.0, seconds),), language, None if clip.language else self.probability)


def in_german(samples: Samples, *spoken: tuple[float, float]) -> Samples:
    """The same, louder from each time to the other."""
    german = samples.copy()
    for start, end in spoken:
        german[round(start * SAMPLE_RATE_HZ) : round(end * SAMPLE_RATE_HZ)] *= 1.8
    return german


@pytest.mark.parametrize(
    ("german", "languages", "warned"),
    [
        ([(0.0, 6.0)], ["de", "en", "en"], 0.0),
        ([(7.0, 13.0)], ["en", "de", "en"], 7.0),
        ([(14.0, 20.0)], ["en", "en", "de"], 14.0),
        ([(0.0, 6.0), (14.0, 20.0)], ["de", "en", "de"], 7.0),
    ],
)
def test_each_stretch_of_a_window_is_decoded_in_its_own_language_and_the_rarer_is_warned_of(
    read, german, languages: list[str], warned: float
) -> None:
    samples = sound((0.0, 6.0), (7.0, 13.0), (14.0, 20.0), seconds=20.0)
    recognised = read(Polyglot([]), in_german(samples, *german), Options())
    assert [segment.hypothesis.language for segment in recognised.segments] == languages
    assert [segment.start_seconds for segment in recognised.segments] == [
        pytest.approx(at, abs=0.8) for at in (0.0, 7.0, 14.0)
    ]
    (notice,) = recognised.warnings
    assert (notice.reason, notice.start_seconds) == (WarningReason.LANGUAGE_CHANGED, pytest.approx(warned, abs=0.8))


def test_each_window_has_a_language_of_its_own_and_another_than_before_is_warned_of(read) -> None:
    samples = in_german(sound((0.0, 8.0), (20.0, 28.0), (40.0, 48.0), seconds=50.0), (20.0, 28.0))
    recognised = read(Polyglot([]), samples, Options())
    assert [segment.hypothesis.language for segment in recognised.segments] == ["en", "de", "en"]
    (notice,) = recognised.warnings
    assert (notice.reason, notice.start_seconds) == (WarningReason.LANGUAGE_CHANGED, pytest.approx(20.0, abs=0.8))
    assert read(Polyglot([]), samples, Options(multilingual=True)).warnings == []


def test_a_window_whose_language_is_unsure_is_in_that_of_the_others(read) -> None:
    samples = in_german(sound((0.0, 8.0), (20.0, 28.0), seconds=30.0), (20.0, 28.0))
    recognised = read(Polyglot([], probability=0.4), samples, Options())
    assert ([segment.hypothesis.language for segment in recognised.segments], recognised.warnings) == (["en", "en"], [])


@dataclass
class Batches(Writer):
    """Counts the windows of each batch."""

    sizes: list[int] = field(default_factory=list)

    def decode(self, clips: Sequence[Requested]) -> list[Decoded]:
        self.sizes.append(len(clips))
        return super().decode(clips)


def test_the_windows_of_a_file_are_decoded_together_from_the_first_on(schedulers) -> None:
    writer = Batches([])
    schedulers.append(Scheduler(writer.decode, batch_size=3, queue_size=20))
    reader = WhisperReader(
        writer, schedulers[-1], Options(), Windows(30.0, SpeechTracker(loud, 0.5, 0.35)), clock=lambda: 0.0
    )
    list(reader.process(sound(*((20.0 * index, 20.0 * index + 8.0) for index in range(7)), seconds=140.0)))
    list(reader.finish())
    assert writer.sizes == [3, 3, 1]


def test_a_window_does_not_wait_for_audio_that_comes_slowly(schedulers) -> None:
    writer, now = Batches([]), 0.0
    schedulers.append(Scheduler(writer.decode, batch_size=3, queue_size=20))
    reader = WhisperReader(
        writer, schedulers[-1], Options(), Windows(30.0, SpeechTracker(loud, 0.5, 0.35)), clock=lambda: now
    )
    for second in range(70):
        now = float(second)
        list(reader.process(sound((0.0, 1.0), seconds=1.0) if second % 20 < 8 else silence_of_a_second()))
        wait([future for _, future in reader._running])
    list(reader.finish())
    assert writer.sizes == [1] * 4


def silence_of_a_second() -> Samples:
    return np.zeros(SAMPLE_RATE_HZ, np.float32)


def test_a_named_language_is_that_of_all_windows(read) -> None:
    writer = Polyglot([])
    recognised = read(
        writer, in_german(sound((0.0, 6.0), (7.0, 13.0), seconds=14.0), (0.0, 6.0)), Options(language="en")
    )
    assert ({segment.hypothesis.language for segment in recognised.segments}, recognised.warnings) == ({"en"}, [])
    assert all(clip.spans == () for clip in writer.requested)
