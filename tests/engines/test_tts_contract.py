"""What every text-to-speech engine does. An engine is done when it passes."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from importlib.metadata import entry_points
from itertools import pairwise

import numpy as np
import pytest
from voicebox_kit.errors import InvalidField, NotFound, StartError
from voicebox_tts.engine import Capability, Engine, Phoneme, Reference, Samples, Session, Style, Word

PLAIN = Style()
SENTENCE = "Four hours of steady work faced us, and then we went home."
HOSTILE = {
    "one word": "a" * 10_000,
    "digits": "7" * 2_000,
    "controls": "one \0\x01\x1b[31m two \x7f\u0085 three",
    "right to left": "\u202eשלום עולם, مرحبا بالعالم\u202c",
    "emoji": "👩‍👩‍👧‍👦🏳️‍🌈" * 50,
    "accents": "e" + "\u0301" * 5_000,
    "markup": "<speak><break time='99s'/>[[h@'loU]]</speak> &amp; %s %n {0}",
    "symbols": "$#@%&*" * 200,
    "one of each": "".join(chr(code) for code in range(1, 0x500)),
}


@dataclass(frozen=True)
class Spoken:
    """All that a session made of some sentences."""

    samples: Samples
    words: tuple[Word, ...]
    phonemes: tuple[Phoneme, ...]


def speak(session: Session, *sentences: str) -> Spoken:
    with closing(session):
        said = [speech for sentence in sentences for speech in session.speak(sentence)]
    samples = np.concatenate([np.zeros(0, np.float32), *(speech.samples for speech in said)])
    return Spoken(samples, tuple(w for s in said for w in s.words), tuple(p for s in said for p in s.phonemes))


@pytest.fixture(scope="module", params=[entry.name for entry in entry_points(group="voicebox.tts.engines")])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    (entry,) = entry_points(group="voicebox.tts.engines", name=request.param)
    engine: Engine = entry.load()("auto")
    assert engine.name == request.param
    assert not engine.loaded
    try:
        engine.load()
    except StartError as error:
        pytest.skip(str(error))
    yield engine
    engine.unload()
    assert not engine.loaded


@pytest.fixture
def say(engine: Engine) -> Callable[..., Spoken]:
    def say(*sentences: str, voice: str = "", style: Style = PLAIN, seed: int = 1) -> Spoken:
        return speak(engine.open(voice or engine.default_voice, style, seed), *sentences)

    return say


def test_loading_again_changes_nothing(engine: Engine) -> None:
    engine.load()
    assert engine.loaded
    assert engine.model.name.startswith(f"{engine.name}/")
    assert engine.model.licence


def test_it_works_again_after_unloading(engine: Engine, say: Callable[..., Spoken]) -> None:
    engine.unload()
    assert not engine.loaded
    engine.load()
    assert len(say("Hello.").samples)


def test_voices_are_unique_and_the_default_is_first(engine: Engine) -> None:
    voices = engine.voices()
    assert voices[0].name == engine.default_voice
    assert len({voice.name for voice in voices}) == len(voices)
    assert all(voice.display_name and voice.languages and voice.sample_rate_hz >= 8000 for voice in voices)


def test_every_voice_speaks_at_its_rate(engine: Engine, say: Callable[..., Spoken]) -> None:
    for voice in engine.voices():
        assert engine.open(voice.name, PLAIN, 1).sample_rate_hz == voice.sample_rate_hz
        spoken = say("One 2.", voice=voice.name)
        assert np.abs(spoken.samples).max() > 0.01, voice.name


def test_samples_are_mono_floats_in_range(say: Callable[..., Spoken]) -> None:
    samples = say(SENTENCE).samples
    assert samples.dtype == np.float32
    assert samples.ndim == 1
    assert np.abs(samples).max() <= 1.0


def test_sound_begins_without_silence(engine: Engine, say: Callable[..., Spoken]) -> None:
    loud = np.abs(say("Hello there.").samples) > 0.02
    assert np.argmax(loud) < 0.15 * engine.voices()[0].sample_rate_hz


def test_it_comes_in_pieces_and_the_first_is_short(engine: Engine) -> None:
    with closing(engine.open(engine.default_voice, PLAIN, 1)) as session:
        sizes = [len(speech.samples) for speech in session.speak(SENTENCE)]
    assert len(sizes) > 2
    assert sizes[0] < sum(sizes) / 4


def test_the_same_seed_gives_the_same_samples(engine: Engine, say: Callable[..., Spoken]) -> None:
    for voice in [voice.name for voice in engine.voices()[:5]]:
        first, second = (say(SENTENCE, "And again.", voice=voice, seed=7) for _ in range(2))
        np.testing.assert_array_equal(first.samples, second.samples)
        assert first.words == second.words


def test_streams_at_the_same_time_are_what_each_is_alone(engine: Engine, say: Callable[..., Spoken]) -> None:
    voices = [voice.name for voice in engine.voices()[:3]] * 2
    alone = [say(SENTENCE, "And again.", voice=voice, seed=seed) for seed, voice in enumerate(voices)]
    start = threading.Barrier(len(voices))

    def together(seed: int, voice: str) -> Spoken:
        start.wait(timeout=60)
        return say(SENTENCE, "And again.", voice=voice, seed=seed)

    with ThreadPoolExecutor(len(voices)) as executor:
        for one, other in zip(alone, executor.map(together, range(len(voices)), voices), strict=True):
            np.testing.assert_array_equal(one.samples, other.samples)
            assert one.words == other.words


def test_a_listener_who_stops_reading_stops_nobody_else(engine: Engine, say: Callable[..., Spoken]) -> None:
    slow = [engine.open(engine.default_voice, PLAIN, seed).speak(SENTENCE * 3) for seed in range(8)]
    for speech in slow:
        next(speech)
    assert len(say(SENTENCE).samples)
    for speech in slow:
        speech.close()


def test_words_follow_each_other_within_the_audio(engine: Engine) -> None:
    if Capability.WORD_TIMINGS not in engine.capabilities:
        pytest.skip("it tells no words")
    made, words = 0, list[Word]()
    with closing(engine.open(engine.default_voice, PLAIN, 1)) as session:
        for sentence in (SENTENCE, "The sky, of course, is blue. And green."):
            for speech in session.speak(sentence):
                assert all(word.start_seconds >= made / session.sample_rate_hz - 1e-6 for word in speech.words), "told before its sound"
                words.extend(speech.words)
                made += len(speech.samples)
    said = " ".join(word.text.lower() for word in words)
    assert said == "four hours of steady work faced us and then we went home the sky of course is blue and green"
    assert all(word.start_seconds < word.end_seconds for word in words)
    assert all(one.end_seconds <= other.start_seconds + 1e-6 for one, other in pairwise(words))
    assert words[-1].end_seconds <= made / session.sample_rate_hz + 1e-6


def test_phonemes_increase_within_the_audio(engine: Engine, say: Callable[..., Spoken]) -> None:
    spoken = say(SENTENCE, "And again.")
    starts = [phoneme.start_seconds for phoneme in spoken.phonemes]
    if Capability.PHONEME_TIMINGS not in engine.capabilities:
        assert starts == []
        return
    assert len(starts) > 40
    assert starts == sorted(starts)
    assert starts[-1] < len(spoken.samples) / engine.voices()[0].sample_rate_hz


def test_twice_as_fast_is_half_as_long(engine: Engine, say: Callable[..., Spoken]) -> None:
    if Capability.SPEED not in engine.capabilities:
        pytest.skip("it has one speed")
    plain, fast, slow = (len(say(SENTENCE, style=Style(speed=speed)).samples) for speed in (1.0, 2.0, 0.5))
    assert 0.4 < fast / plain < 0.6
    assert 1.7 < slow / plain < 2.3


def test_what_it_cannot_do_is_an_error_that_names_the_field(engine: Engine) -> None:
    asked = {
        "style.language": Style(language="tlh-x-nobody"),
        "style.instructions": Style(instructions="Whisper."),
        "style.speed": Style(speed=0.3),
        "style.pitch_semitones": Style(pitch_semitones=12),
    }
    for field, style in asked.items():
        try:
            session = engine.open(engine.default_voice, style, 1)
        except InvalidField as error:
            assert error.field == field  # noqa: PT017
        else:
            assert field not in ("style.language", "style.instructions") or Capability.INSTRUCTIONS in engine.capabilities
            session.close()


def test_an_unknown_voice_is_not_found(engine: Engine) -> None:
    for name in ("nobody", "", "../slt", "slt\0", "en-us+nobody"):
        with pytest.raises(NotFound) as caught:
            engine.open(name, PLAIN, 1)
        assert caught.value.kind == "voice"


def test_closing_in_the_middle_frees_everything(engine: Engine, say: Callable[..., Spoken]) -> None:
    expected, threads = say(SENTENCE, seed=3), threading.active_count()
    for _ in range(20):
        with closing(engine.open(engine.default_voice, PLAIN, 1)) as session:
            speech = session.speak(SENTENCE * 5)
            next(speech)
            speech.close()
    assert threading.active_count() == threads
    np.testing.assert_array_equal(say(SENTENCE, seed=3).samples, expected.samples)


@pytest.mark.parametrize("text", ["", " \n ", "...", "?!", "\0", "—"])
def test_nothing_to_say_is_no_audio(text: str, say: Callable[..., Spoken]) -> None:
    assert not len(say(text).samples)


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_text_ends(text: str, say: Callable[..., Spoken]) -> None:
    before = say(SENTENCE)
    say(text)
    np.testing.assert_array_equal(say(SENTENCE).samples, before.samples)


def test_too_little_speech_makes_no_prompt(engine: Engine) -> None:
    if not engine.capabilities & {Capability.CLONING, Capability.CLONING_APPROXIMATE}:
        pytest.skip("it follows no recording")
    noise = np.random.default_rng(1).normal(0, 0.1, 48_000).astype(np.float32)
    for samples in (np.zeros(0, np.float32), np.zeros(48_000, np.float32), np.zeros(100, np.float32), noise):
        with pytest.raises(InvalidField) as caught:
            engine.prompt(Reference(samples, 24_000))
        assert (caught.value.field, caught.value.reason) == ("reference", "REFERENCE_TOO_LITTLE_SPEECH")


def test_a_prompt_speaks_with_any_style_and_repeats(engine: Engine, say: Callable[..., Spoken]) -> None:
    if not engine.capabilities & {Capability.CLONING, Capability.CLONING_APPROXIMATE}:
        pytest.skip("it follows no recording")
    recording = say(SENTENCE)
    reference = Reference(recording.samples, engine.voices()[0].sample_rate_hz, SENTENCE)
    prompt, again = engine.prompt(reference), engine.prompt(reference)
    assert prompt == again
    assert prompt.base_voice in [voice.name for voice in engine.voices()]
    assert prompt.size_bytes > 0
    plain, same, fast = (speak(engine.open(prompt, style, 5), SENTENCE) for style in (PLAIN, PLAIN, Style(speed=2, pitch_semitones=3)))
    np.testing.assert_array_equal(plain.samples, same.samples)
    assert 0.4 < len(fast.samples) / len(plain.samples) < 0.6
