"""What every speech-to-text engine must do: one suite for all that are installed."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from voicebox_asr.engine import (
    SAMPLE_RATE_HZ,
    Decoding,
    Engine,
    Hypothesis,
    Options,
    Reader,
    Samples,
    Segment,
    Session,
    Task,
    VoiceDetection,
)
from voicebox_kit import plugins
from voicebox_kit.errors import StartError, VoiceboxError
from voicebox_models.engine import Family, Setup

GROUP = "voicebox.asr.engines"
ENGINES = ("pocketsphinx", "whisper")
WINDOW_SECONDS = 30.0

CERTAIN = Decoding(temperatures=(0.0,))
"""Sampling gives another text each time."""


@dataclass(frozen=True)
class Case:
    """An engine under test, and what it writes for the sentence about the weather; anything for an engine of random
    weights.
    """

    engine: Engine
    family: Family[Engine]
    word: str

    @property
    def options(self) -> Options:
        return Options(decoding=CERTAIN) if self.engine.capabilities.decoding else Options()


@pytest.fixture(scope="module", params=ENGINES)
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    folder: Path | None = request.getfixturevalue("tiny_whisper") if request.param == "whisper" else None
    family = plugins.load(GROUP, request.param)(Setup("auto", "auto", tmp_path_factory.mktemp("models"), folder))
    engine = family.engines()[0]
    engine.load()
    yield Case(engine, family, "" if folder else "weather")
    engine.unload()


@pytest.fixture
def engine(case: Case) -> Engine:
    return case.engine


@pytest.fixture(scope="module")
def recording(speech: Samples) -> Samples:
    """A minute and a half in which something is said now and then."""
    pause = np.zeros(17 * SAMPLE_RATE_HZ, np.float32)
    return np.concatenate([piece for _ in range(5) for piece in (speech, pause)])


def recognise(session: Session, samples: Samples, step: int = SAMPLE_RATE_HZ // 2) -> Hypothesis:
    session.begin(samples)
    for start in range(0, samples.size, step):
        session.feed(samples[start : start + step])
    return session.end()


def read(reader: Reader, samples: Samples, step: int) -> list[Segment]:
    passages = [
        found
        for start in range(0, samples.size, step)
        for found in reader.process(samples[start : start + step])
        if found
    ]
    passages += [found for found in reader.finish() if found]
    reader.close()
    return passages


def compact(text: str) -> str:
    return "".join(text.split())


def side_by_side(work: Callable[[], object], count: int = 3) -> list[object]:
    done: list[object] = []
    threads = [threading.Thread(target=lambda: done.append(work())) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return done


def test_it_says_what_it_is(case: Case) -> None:
    engine = case.engine
    assert engine.name in plugins.names(GROUP)
    assert engine.model.name.startswith(f"{engine.name}/")
    assert engine.model.licence
    assert engine.model.revision
    assert engine.model.languages
    assert engine.device
    assert engine.files.present
    assert engine.loaded
    assert engine.memory_bytes > 0
    assert engine.capabilities.longest_utterance_seconds >= 10


def test_its_family_finds_it_by_its_name(case: Case) -> None:
    assert case.family.engine(case.engine.model.name) is case.engine
    assert case.engine in case.family.engines()
    assert set(case.family.recommended()) <= set(case.family.engines())
    for name in ("", case.engine.name, f"{case.engine.name}/", f"{case.engine.name}/../secret", "abacus/1"):
        assert case.family.engine(name) is None


def test_a_device_that_is_not_there_is_a_start_error(engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(StartError, match="abacus:7"):
        plugins.load(GROUP, engine.name)(Setup("abacus:7", "auto", tmp_path))


def test_it_recognises_a_sentence_with_times_and_confidence(case: Case, speech: Samples) -> None:
    session = case.engine.open(replace(case.options, word_times=True))
    recognised = recognise(session, speech)
    session.close()
    assert case.word in recognised.text.lower()
    assert recognised.text
    assert recognised.language in case.engine.model.languages
    assert compact("".join(word.text for word in recognised.words)) == compact(recognised.text)
    times = [time for word in recognised.words for time in (word.start_seconds, word.end_seconds)]
    assert times == sorted(times)
    assert all(0 <= time <= speech.size / SAMPLE_RATE_HZ + 0.02 for time in times)
    for confidence in (recognised.confidence, *(word.confidence for word in recognised.words)):
        assert confidence is None or 0 <= confidence <= 1


def test_it_reports_what_it_recognises_so_far(case: Case, speech: Samples) -> None:
    session = case.engine.open(case.options)
    session.begin(speech[:SAMPLE_RATE_HZ])
    assert session.interim().text == ""
    session.feed(speech)
    recognised = session.interim()
    assert recognised.text
    assert compact("".join(word.text for word in recognised.words)) == compact(recognised.text)
    session.end()
    session.close()


def test_an_utterance_that_is_begun_anew_forgets_what_was_fed(case: Case, speech: Samples) -> None:
    restarted, fresh = case.engine.open(case.options), case.engine.open(case.options)
    speech = speech[: 2 * SAMPLE_RATE_HZ]
    restarted.begin(speech[:8000])
    restarted.feed(speech[4000:8000])
    restarted.interim()
    assert recognise(restarted, speech) == recognise(fresh, speech)
    assert recognise(restarted, speech) == recognise(fresh, speech)  # and what comes after knows nothing of it, either
    for session in (restarted, fresh):
        session.close()


def test_no_session_knows_what_another_left_behind(case: Case, speech: Samples) -> None:
    first = case.engine.open(case.options)
    alone = recognise(first, speech)
    recognise(first, speech[::-1].copy() * 0.2)
    second = case.engine.open(case.options)
    assert recognise(second, speech) == alone
    for session in (first, second):
        session.close()


def test_sessions_run_side_by_side(case: Case, speech: Samples) -> None:
    def one() -> Hypothesis:
        session = case.engine.open(case.options)
        recognised = recognise(session, speech)
        session.close()
        return recognised

    first, *others = side_by_side(one)
    assert others == [first, first]


@pytest.mark.parametrize("size", [0, 1, 100, 8000])
def test_an_utterance_of_nothing_is_nothing(case: Case, speech: Samples, size: int) -> None:
    session = case.engine.open(case.options)
    recognised = recognise(session, np.zeros(size, np.float32))
    assert (recognised.text, recognised.words) == ("", ())
    assert case.word in recognise(session, speech).text.lower()
    session.close()


def test_what_is_too_loud_and_noise_do_no_harm(case: Case, speech: Samples) -> None:
    session = case.engine.open(case.options)
    recognise(session, (np.random.default_rng(1).standard_normal(SAMPLE_RATE_HZ) * 10).astype(np.float32))
    assert case.word in recognise(session, speech).text.lower()
    session.close()


def test_the_longest_utterance_is_recognised_to_its_end(case: Case, speech: Samples) -> None:
    longest = round(case.engine.capabilities.longest_utterance_seconds * SAMPLE_RATE_HZ)
    sound = np.zeros(longest, np.float32)
    sound[: speech.size] = sound[-speech.size :] = speech
    session = case.engine.open(replace(case.options, word_times=True))
    recognised = recognise(session, sound)
    session.close()
    assert recognised.words
    if case.word:
        assert recognised.text.lower().count(case.word) == 2


def test_a_session_may_close_within_an_utterance(case: Case, speech: Samples) -> None:
    session = case.engine.open(case.options)
    session.begin(speech)
    session.feed(speech[:8000])
    session.close()


def test_an_interrupted_session_ends_soon(case: Case, speech: Samples) -> None:
    session = case.engine.open(case.options)
    session.begin(speech)
    session.feed(speech)
    session.interrupt()
    with pytest.raises(VoiceboxError):
        session.end()
    session.close()


def test_a_file_of_any_length_is_read_the_same_however_it_comes(case: Case, recording: Samples) -> None:
    options = replace(case.options, word_times=True)
    whole = read(case.engine.read(options), recording, recording.size)
    pieces = read(case.engine.read(options), recording, 7777)
    assert pieces == whole
    assert whole
    if case.word:
        assert sum(case.word in passage.hypothesis.text.lower() for passage in whole) >= 4


def test_passages_come_in_order_and_within_the_file(case: Case, recording: Samples) -> None:
    reader = case.engine.read(replace(case.options, word_times=True))
    passages = read(reader, recording, SAMPLE_RATE_HZ)
    seconds = recording.size / SAMPLE_RATE_HZ
    assert 5 < reader.speech_seconds < seconds / 3
    assert all(0 <= passage.start_seconds <= passage.end_seconds <= seconds for passage in passages)
    starts = [passage.start_seconds for passage in passages]
    assert starts == sorted(starts)
    assert passages[-1].end_seconds > 75
    for passage in passages:
        assert passage.hypothesis.text
        for word in passage.hypothesis.words:
            assert passage.start_seconds - 0.35 <= word.start_seconds <= word.end_seconds <= passage.end_seconds + 0.35


@pytest.mark.parametrize("seconds", [0.0, 0.01, 70.0])
def test_a_file_of_silence_says_nothing(case: Case, seconds: float) -> None:
    reader = case.engine.read(case.options)
    assert read(reader, np.zeros(round(seconds * SAMPLE_RATE_HZ), np.float32), SAMPLE_RATE_HZ) == []
    assert reader.speech_seconds == 0


def test_a_reader_may_close_while_it_reads(case: Case, recording: Samples) -> None:
    reader = case.engine.read(case.options)
    next(iter(reader.process(recording)))
    reader.interrupt()
    reader.close()


def test_it_honours_what_its_capabilities_say(case: Case, speech: Samples) -> None:
    can = case.engine.capabilities
    language = case.engine.model.languages[-1]
    requested = [case.options, replace(case.options, language=language)]
    requested += [replace(case.options, multilingual=True)] if can.multilingual else []
    requested += [replace(case.options, task=Task.TRANSLATE, language=language)] if can.translates else []
    requested += [replace(case.options, prompt="It is about the weather.")] if can.prompts else []
    requested += [replace(case.options, hotwords=("weather", "nice"))] if can.hotwords else []
    requested += [replace(case.options, voice_detection=VoiceDetection(threshold=0.3))] if can.voice_threshold else []
    requested += [replace(case.options, decoding=Decoding(1, (0.0,), 3.0, -2.0, 0.9, True))] if can.decoding else []
    for options in requested:
        (passage, *_) = read(case.engine.read(options), speech, speech.size)
        assert case.word in passage.hypothesis.text.lower()
        if options.language:
            assert passage.hypothesis.language == options.language


def test_voice_activity_distinguishes_speech_from_silence(engine: Engine, speech: Samples) -> None:
    activity = engine.voice_activity(VoiceDetection())
    size = activity.frame_samples
    marks = [activity.is_speech(speech[start : start + size]) for start in range(0, speech.size - size, size)]
    edge = SAMPLE_RATE_HZ // 2 // size
    assert not any(marks[: edge - 1])
    assert sum(marks[edge:-edge]) > 0.5 * len(marks[edge:-edge])


def test_it_can_be_unloaded_and_loads_again_when_it_is_used(case: Case, speech: Samples) -> None:
    case.engine.unload()
    case.engine.unload()
    assert not case.engine.loaded
    session = case.engine.open(case.options)
    assert case.word in recognise(session, speech).text.lower()
    session.close()
    case.engine.load()
    case.engine.load()
    assert case.engine.loaded
