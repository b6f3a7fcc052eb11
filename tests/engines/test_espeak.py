"""What espeak-ng does beyond the contract: languages, processes that die, and a script that stands alone."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path

import numpy as np
import pytest
from voicebox_kit.errors import InvalidField, StartError, Unavailable
from voicebox_kit.languages import covers, own
from voicebox_models.engine import Downloadable
from voicebox_tts.engine import Reference, Style, Voice
from voicebox_tts.engines.espeak import pool
from voicebox_tts.engines.espeak.engine import EspeakEngine, EspeakSession
from voicebox_tts.engines.espeak.words import WordTimeline, words_of
from voicebox_tts.engines.likeness import profile

LONG = "The birch canoe slid on the smooth planks. " * 8


@pytest.fixture(scope="module")
def engine() -> Iterator[EspeakEngine]:
    engine = EspeakEngine(processes=2)
    engine.load()
    yield engine
    engine.unload()
    assert not children()


def children() -> set[int]:
    """The espeak processes that this one started and that still run; other tests' processes are not ours to kill."""
    found = set[int]()
    for task in Path("/proc/self/task").iterdir():
        with suppress(OSError):  # a thread, or a child, may end meanwhile
            found |= {int(pid) for pid in (task / "children").read_text().split() if _is_espeak(int(pid))}
    return found


def _is_espeak(pid: int) -> bool:
    with suppress(OSError):
        return b"\0-I\0-S\0" in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False


def kill(processes: set[int]) -> None:
    """Kill them, and wait until they are dead; whoever started them still reaps them."""
    for process in processes:
        os.kill(process, signal.SIGKILL)
        os.waitid(os.P_PID, process, os.WEXITED | os.WNOWAIT)


def speak(session: EspeakSession, *sentences: str) -> np.ndarray:
    return np.concatenate([speech.samples for sentence in sentences for speech in session.speak(sentence)])


def test_more_than_a_hundred_languages_are_listed(engine: EspeakEngine) -> None:
    assert len({voice.languages[0] for voice in engine.voices()}) > 100
    assert engine.model.revision
    assert "en-US" in engine.model.languages


@pytest.mark.parametrize(
    ("language", "expected"), [("fr", "fr-fr"), ("de-AT", "de"), ("zh", "cmn"), ("pt-BR", "pt-br"), ("en-GB", "en-gb")]
)
def test_the_best_voice_of_a_language_is_listed_first(engine: EspeakEngine, language: str, expected: str) -> None:
    def speaks(voice: Voice) -> bool:
        return any(covers(language, own) for own in voice.languages)

    assert next(voice.name for voice in engine.voices() if speaks(voice)) == expected


def test_a_language_that_the_voice_does_not_speak_is_refused(engine: EspeakEngine) -> None:
    assert engine.open("en-us", Style(language="en"), 1)
    with pytest.raises(InvalidField) as caught:
        engine.open("en-us", Style(language="de"), 1)
    assert caught.value.field == "style.language"


def test_a_likeness_speaks_any_language(engine: EspeakEngine) -> None:
    reference = Reference(speak(engine.open("en-us+f2", Style(), 1), LONG), 22_050)
    prompt = engine.prompt(reference)
    assert prompt.base_voice == "en-us+f2"
    english, german = (speak(engine.open(prompt, Style(language=language), 1), LONG) for language in ("", "de"))
    assert len(english) != len(german)
    recognised = profile(german, 22_050)
    assert recognised is not None
    assert recognised.pitch_hz == pytest.approx(197, rel=0.1)
    with pytest.raises(InvalidField):
        engine.open(prompt, Style(language="tlh"), 1)


def test_pitch_moves_by_semitones_as_far_as_it_goes(engine: EspeakEngine) -> None:
    for voice in ("en-us", "en-us+f2", "de"):
        recognised = [profile(speak(engine.open(voice, Style(pitch_semitones=n), 1), LONG), 22_050) for n in (-8, 0, 9)]
        low, middle, high = (one.pitch_hz for one in recognised if one)
        assert 12 * np.log2(high / middle) == pytest.approx(9, abs=0.8)
        assert 12 * np.log2(low / middle) == pytest.approx(-8, abs=0.8)
    for semitones in (-9, 10):
        with pytest.raises(InvalidField, match="semitones"):
            engine.open("en-us", Style(pitch_semitones=semitones), 1)


def test_words_are_those_of_the_text(engine: EspeakEngine) -> None:
    with closing(engine.open("en-us", Style(), 1)) as session:
        words = [
            w.text for speech in session.speak("There are 42 well-known e-mail rules, e.g. дом.") for w in speech.words
        ]
    assert words == ["There", "are", "42", "well-known", "e-mail", "rules", "e.g", "дом"]


def test_streams_share_a_few_processes(engine: EspeakEngine) -> None:
    with ThreadPoolExecutor(8) as executor:
        lengths = set(executor.map(lambda _: len(speak(engine.open("en-us", Style(), 1), "Hello.", LONG)), range(16)))
    assert len(lengths) == 1
    assert 1 <= len(children()) <= 2


def test_a_process_that_died_while_idle_is_replaced(engine: EspeakEngine) -> None:
    expected = speak(engine.open("en-us", Style(), 1), "Hello.")
    kill(children())
    np.testing.assert_array_equal(speak(engine.open("en-us", Style(), 1), "Hello."), expected)


def test_a_process_that_dies_while_it_speaks_fails_its_stream_only(
    engine: EspeakEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dying = tmp_path / "dying.py"
    dying.write_text(pool.SCRIPT.read_text().replace('write_frame(self._out, b"D")', "os._exit(1)"))
    kill(children())
    with monkeypatch.context() as patch:
        patch.setattr(pool, "SCRIPT", dying)
        with pytest.raises(Unavailable):
            speak(engine.open("en-us", Style(), 1), "Hello.")
    assert len(speak(engine.open("en-us", Style(), 1), "Hello."))


def test_text_that_breaks_the_library_breaks_nothing_else(
    engine: EspeakEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "broken.py"
    broken.write_text(
        pool.SCRIPT.read_text().replace(
            "raw = text.encode()", "os.abort() if 'crash' in text else None; raw = text.encode()"
        )
    )
    kill(children())
    monkeypatch.setattr(pool, "SCRIPT", broken)
    assert len(speak(engine.open("en-us", Style(), 1), "Hello."))
    process = children()
    with pytest.raises(InvalidField) as caught:
        speak(engine.open("en-us", Style(), 1), "Please crash.")
    assert caught.value.field == "text"
    assert len(speak(engine.open("en-us", Style(), 1), "Hello."))
    assert children() == process
    kill(process)


def test_a_stuck_process_is_killed(engine: EspeakEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    speak(engine.open("en-us", Style(), 1), "Hello.")
    monkeypatch.setattr(pool, "STEP_SECONDS", 0.05)
    for child in children():
        os.kill(child, signal.SIGSTOP)
    with pytest.raises(Unavailable, match="stuck"):
        speak(engine.open("en-us", Style(), 1), "Hello.")
    monkeypatch.undo()
    for child in children():
        os.kill(child, signal.SIGCONT)
    assert len(speak(engine.open("en-us", Style(), 1), "Hello."))


def test_the_script_stands_alone_and_ends_with_its_input() -> None:
    script = pool.SCRIPT
    ended = subprocess.run([sys.executable, "-I", "-S", script], input=b"", capture_output=True, timeout=60, check=True)
    assert ended.stdout[:1] == b"H"
    assert not ended.stderr


def test_a_script_without_its_library_is_a_start_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "broken.py"
    broken.write_text(pool.SCRIPT.read_text().replace("libespeak-ng.so.1", "libespeak-nowhere.so.1"))
    monkeypatch.setattr(pool, "SCRIPT", broken)
    with pytest.raises(StartError, match="libespeak-ng1"):
        EspeakEngine().load()


def test_overlapping_events_are_one_word_and_audio_waits_for_its_end() -> None:
    timeline = WordTimeline(words_of("42 e-mails"), 1000, 1000)
    timeline.add_events([("word", "", 0, 0, 2)])
    timeline.add_audio(np.zeros(300, np.float32))
    assert timeline.ready() is None
    timeline.add_events(
        [("word", "", 400, 1, 2), ("word", "", 500, 3, 1), ("phoneme", "iː", 500, 0, 0), ("phoneme", "(en)", 500, 0, 0)]
    )
    timeline.add_audio(np.zeros(300, np.float32))
    first, last = timeline.ready(), timeline.finish()
    assert first is not None
    assert last is not None
    assert [(w.text, w.start_seconds, w.end_seconds) for w in first.words] == [("42", 1.0, 1.5)]
    assert [p.ipa for p in first.phonemes] == ["iː"]
    assert [(w.text, w.start_seconds, w.end_seconds) for w in last.words] == [("e-mails", 1.5, 1.6)]
    assert (len(first.samples), len(last.samples)) == (500, 100)


def test_language_tags_have_their_usual_case() -> None:
    tags = ["en-us", "zh-hant-tw", "en-GB-X-RP", "es-419", "chr-US-x-qaaa-west"]
    assert list(map(own, tags)) == ["en-US", "zh-Hant-TW", "en-GB-x-rp", "es-419", "chr-US-x-qaaa-west"]


def test_without_the_library_it_is_not_here_and_says_what_it_needs(monkeypatch):
    monkeypatch.setattr("voicebox_models.files.find_library", lambda name: None)
    engine = EspeakEngine()
    assert not engine.files.present
    assert "libespeak-ng1" in engine.files.instructions
    assert not isinstance(engine.files, Downloadable)
