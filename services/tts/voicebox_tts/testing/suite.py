"""What every text-to-speech engine does: `pytest --engine NAME`. An engine is done when it passes."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from voicebox_kit import plugins
from voicebox_kit.errors import InvalidField, NotFound
from voicebox_models.engine import Setup

from voicebox_tts.engine import (
    Capability,
    CloningEngine,
    Description,
    Engine,
    GivenPhonemes,
    Packed,
    Phoneme,
    PhonemeSession,
    Reference,
    Samples,
    Session,
    Speech,
    Stretch,
    Style,
    VoicePrompt,
    Word,
    can_clone,
)

GROUP = "voicebox.tts.engines"
PLAIN = Style()
SENTENCE = "Four hours of steady work faced us, and then we went home."
FIRST_SEED = 10
"""Of streams that are compared alone and together: with seed 0 or so a tiny random model comes to a tie, which rounding
decides.
"""
HOSTILE = {
    "one word": "a" * 2_000,
    "digits": "7" * 500,
    "controls": "one \0\x01\x1b[31m two \x7f\u0085 three",
    "right to left": "\u202eשלום עולם, مرحبا بالعالم\u202c",
    "emoji": "👩‍👩‍👧‍👦🏳️‍🌈" * 50,
    "accents": "e" + "\u0301" * 5_000,
    "markup": "<speak><break time='99s'/>[[h@'loU]]</speak> &amp; %s %n {0}",
    "symbols": "$#@%&*" * 200,
    "one of each": "".join(chr(code) for code in range(1, 0x500)),
}

NEURAL, NEURAL_CHARACTERS = {"qwen3", "orpheus", "pocket", "piper", "mms", "kokoro"}, 100
"""Engines that take long for a text, and how many characters of a hostile one they are given."""


@dataclass(frozen=True)
class SessionOutput:
    """All that a session made of some sentences."""

    samples: Samples
    words: tuple[Word, ...]
    phonemes: tuple[Phoneme, ...]


def speak(session: Session, *sentences: str) -> SessionOutput:
    with closing(session):
        pieces = [piece for sentence in sentences for piece in session.speak(sentence)]
    samples = np.concatenate([np.zeros(0, np.float32), *(piece.samples for piece in pieces)])
    return SessionOutput(
        samples, tuple(w for s in pieces for w in s.words), tuple(p for s in pieces for p in s.phonemes)
    )


@pytest.fixture(scope="module")
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """The engine that `pytest --engine` names: the first one of its family. A suite of several models has a fixture of
    its own.
    """
    with opened(
        plugins.load(GROUP, request.param)(Setup("auto", "auto", Path("models"))).engines()[0], request.param
    ) as engine:
        yield engine


def cloning(engine: Engine) -> CloningEngine:
    """The engine, which must follow recordings."""
    assert can_clone(engine)
    return engine


@contextmanager
def opened(engine: Engine, entry: str) -> Iterator[Engine]:
    """An engine, loaded; it is unloaded at the end."""
    assert engine.name == entry, "an engine's name is its entry point's"
    assert not engine.loaded, "nothing is loaded before load()"
    engine.load()
    yield engine
    engine.unload()
    assert not engine.loaded


@pytest.fixture(scope="module")
def recording() -> Reference:
    """Speech, for the engines that follow it."""
    flite: Engine = plugins.load(GROUP, "flite")(Setup("cpu", "auto", Path("no models"))).engines()[0]
    return Reference(speak(flite.open("slt", PLAIN, 1), SENTENCE).samples, 16_000, SENTENCE)


@pytest.fixture(scope="module")
def voice(engine: Engine, recording: Reference) -> str | VoicePrompt:
    """Any voice: the default one, or the recording's where the engine has no built-in voices."""
    return engine.default_voice or cloning(engine).prompt(recording)


@pytest.fixture
def say(engine: Engine, voice: str | VoicePrompt) -> Callable[..., SessionOutput]:
    def say(*sentences: str, voice: str | VoicePrompt = voice, style: Style = PLAIN, seed: int = 1) -> SessionOutput:
        return speak(engine.open(voice, style, seed), *sentences)

    return say


@pytest.fixture(scope="module")
def spoken_at_first(engine: Engine, voice: str | VoicePrompt) -> SessionOutput:
    """What it makes of SENTENCE: it must make the same of it after anything else."""
    return speak(engine.open(voice, PLAIN, 1), SENTENCE)


@pytest.fixture
def voices(engine: Engine, voice: str | VoicePrompt) -> list[str | VoicePrompt]:
    """Some that it speaks with."""
    names: list[str | VoicePrompt] = [each.name for each in engine.voices() or ()]
    return names[:3] or [voice]


def assert_same(one: Samples, other: Samples) -> None:
    """A GPU and a batch of streams round in another order: -114 dB is the same."""
    np.testing.assert_allclose(one, other, rtol=0, atol=2e-6)


def test_loading_again_changes_nothing(engine: Engine) -> None:
    engine.load()
    assert engine.loaded
    assert engine.model.name.startswith(f"{engine.name}/")
    assert engine.model.licence


def test_it_works_again_after_unloading(engine: Engine, say: Callable[..., SessionOutput]) -> None:
    engine.unload()
    assert not engine.loaded
    engine.load()
    assert len(say("Hello.").samples)


def test_voices_are_unique_and_the_default_is_first(engine: Engine) -> None:
    voices = engine.voices()
    assert voices is not None
    assert engine.default_voice == (voices[0].name if voices else "")
    assert voices or engine.capabilities & {Capability.CLONING, Capability.VOICE_DESIGN}
    assert len({voice.name for voice in voices}) == len(voices)
    assert all(voice.display_name and voice.languages and voice.sample_rate_hz >= 8000 for voice in voices)


def test_every_voice_speaks_at_its_rate(engine: Engine, say: Callable[..., SessionOutput]) -> None:
    for voice in engine.voices() or ():
        assert engine.open(voice.name, PLAIN, 1).sample_rate_hz == voice.sample_rate_hz
        spoken = say("One 2.", voice=voice.name)
        assert np.abs(spoken.samples).max() > 0.01, voice.name


def test_samples_are_mono_floats_in_range(say: Callable[..., SessionOutput]) -> None:
    samples = say(SENTENCE).samples
    assert samples.dtype == np.float32
    assert samples.ndim == 1
    assert np.abs(samples).max() <= 1.0


def test_sound_begins_without_silence(
    engine: Engine, voice: str | VoicePrompt, say: Callable[..., SessionOutput]
) -> None:
    loud = np.abs(say("Hello there.").samples) > 0.02
    assert np.argmax(loud) < 0.15 * engine.open(voice, PLAIN, 1).sample_rate_hz


def test_it_comes_in_pieces_and_the_first_is_short(engine: Engine, voice: str | VoicePrompt) -> None:
    with closing(engine.open(voice, PLAIN, 1)) as session:
        sizes = [len(speech.samples) for speech in session.speak(SENTENCE)]
    assert len(sizes) > 2
    assert sizes[0] < sum(sizes) / 4


def test_the_same_seed_gives_the_same_samples(
    voices: list[str | VoicePrompt], say: Callable[..., SessionOutput]
) -> None:
    for voice in voices:
        first, second = (say(SENTENCE, "And again.", voice=voice, seed=7) for _ in range(2))
        np.testing.assert_array_equal(first.samples, second.samples)
        assert first.words == second.words


def test_streams_at_the_same_time_are_what_each_is_alone(
    voices: list[str | VoicePrompt], say: Callable[..., SessionOutput]
) -> None:
    voices = (voices * 4)[:4]
    alone = [say(SENTENCE, "And again.", voice=voice, seed=FIRST_SEED + number) for number, voice in enumerate(voices)]
    start = threading.Barrier(len(voices))

    def together(number: int, voice: str | VoicePrompt) -> SessionOutput:
        start.wait(timeout=60)
        return say(SENTENCE, "And again.", voice=voice, seed=FIRST_SEED + number)

    with ThreadPoolExecutor(len(voices)) as executor:
        for one, other in zip(alone, executor.map(together, range(len(voices)), voices), strict=True):
            assert_same(one.samples, other.samples)
            assert one.words == other.words


def test_a_listener_who_stops_reading_stops_nobody_else(
    engine: Engine, voice: str | VoicePrompt, say: Callable[..., SessionOutput]
) -> None:
    slow = [engine.open(voice, PLAIN, seed).speak(SENTENCE * 3) for seed in range(8)]
    for speech in slow:
        next(speech)
    assert len(say(SENTENCE).samples)
    for speech in slow:
        speech.close()


def test_words_follow_each_other_within_the_audio(engine: Engine, say: Callable[..., SessionOutput]) -> None:
    if Capability.WORD_TIMINGS not in engine.capabilities:
        assert say(SENTENCE).words == ()
        return
    made, words = 0, list[Word]()
    with closing(engine.open(engine.default_voice, PLAIN, 1)) as session:
        for sentence in (SENTENCE, "The sky, of course, is blue. And green."):
            for speech in session.speak(sentence):
                assert all(word.start_seconds >= made / session.sample_rate_hz - 1e-6 for word in speech.words), (
                    "its time comes after its audio"
                )
                words.extend(speech.words)
                made += len(speech.samples)
    text = " ".join(word.text.lower() for word in words)
    assert text == "four hours of steady work faced us and then we went home the sky of course is blue and green"
    assert all(word.start_seconds < word.end_seconds for word in words)
    assert all(one.end_seconds <= other.start_seconds + 1e-6 for one, other in pairwise(words))
    assert words[-1].end_seconds <= made / session.sample_rate_hz + 1e-6


PUNCTUATION = st.sampled_from(
    [
        " ",
        ", ",
        "—",
        " — ",
        " – ",
        "… ",
        "; ",
        ": ",
        " (",
        ") ",
        "? ",
        "! ",
        ". ",
        "/ ",
        " -- ",
        "' ",
        ' "',
        "”, “",
        " ¿",
        "» ",
        " • ",
    ]
)
PLAIN_WORDS = st.sampled_from(
    "yes there are seven of the old ships in harbour towns and I see a man who would not go home".split()
)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(spoken=st.lists(PLAIN_WORDS, min_size=1, max_size=12), between=st.lists(PUNCTUATION, min_size=13, max_size=13))
def test_every_word_has_a_time_once_and_in_order(
    engine: Engine, say: Callable[..., SessionOutput], spoken: list[str], between: list[str]
) -> None:
    if Capability.WORD_TIMINGS not in engine.capabilities:
        return
    text = "".join(word + mark for word, mark in zip(spoken, between, strict=False))
    heard = say(text)
    assert [word.text.lower().strip("'") for word in heard.words if any(map(str.isalpha, word.text))] == [
        word.lower() for word in spoken
    ], text
    assert all(word.start_seconds < word.end_seconds for word in heard.words)
    assert all(one.end_seconds <= other.start_seconds + 1e-6 for one, other in pairwise(heard.words))


def test_phonemes_increase_within_the_audio(
    engine: Engine, voice: str | VoicePrompt, say: Callable[..., SessionOutput]
) -> None:
    spoken = say(SENTENCE, "And again.")
    starts = [phoneme.start_seconds for phoneme in spoken.phonemes]
    if Capability.PHONEME_TIMINGS not in engine.capabilities:
        assert starts == []
        return
    assert len(starts) > 40
    assert starts == sorted(starts)
    assert starts[-1] < len(spoken.samples) / engine.open(voice, PLAIN, 1).sample_rate_hz


GIF = GivenPhonemes("GIF", "dʒˈɪf")


def speak_stretches(engine: Engine, voice: str | VoicePrompt, *stretches: Stretch) -> list[Speech]:
    """What an engine with PHONEMES makes of a sentence."""
    with closing(engine.open(voice, PLAIN, 1)) as session:
        assert isinstance(session, PhonemeSession)
        return list(session.speak_stretches(stretches))


def without_stress(phonemes: str) -> str:
    return "".join(each for each in phonemes if each not in "ˈˌ ")


def test_given_phonemes_are_followed(engine: Engine, voice: str | VoicePrompt) -> None:
    if Capability.PHONEMES not in engine.capabilities:
        with closing(engine.open(voice, PLAIN, 1)) as session:
            assert not isinstance(session, PhonemeSession)
        return
    spoken = speak_stretches(engine, voice, "We saw ", GIF, ", a file.")
    assert [word.text.lower() for speech in spoken for word in speech.words] == ["we", "saw", "gif", "a", "file"]
    phonemes = "".join(phoneme.ipa for speech in spoken for phoneme in speech.phonemes)
    assert "dʒɪf" in without_stress(phonemes)
    assert not [warning for speech in spoken for warning in speech.warnings]
    with closing(engine.open(voice, PLAIN, 1)) as session:
        assert isinstance(session, PhonemeSession)
        assert "dʒɪf" in without_stress(session.phonemes(("We saw ", GIF, ", a file.")))
        assert "dʒɪf" not in without_stress(session.phonemes(("We saw a file.",)))
        assert session.phonemes(("...",)) == ""


def test_a_stretch_with_phonemes_is_one_word(engine: Engine, voice: str | VoicePrompt) -> None:
    if Capability.PHONEMES not in engine.capabilities:
        return
    spoken = speak_stretches(engine, voice, GivenPhonemes("New York", "nuː jˈɔːk"), " is far.")
    words = [word for speech in spoken for word in speech.words]
    assert [word.text for word in words] == ["New York", "is", "far"]
    assert all(word.start_seconds < word.end_seconds for word in words)


def test_a_phoneme_without_a_sound_is_named(engine: Engine, voice: str | VoicePrompt) -> None:
    if Capability.PHONEMES not in engine.capabilities:
        return
    spoken = speak_stretches(engine, voice, "We saw ", GivenPhonemes("it", "ˈɪ\u033ct"), ".")
    assert sum(len(speech.samples) for speech in spoken)
    (warning,) = [warning for speech in spoken for warning in speech.warnings]
    assert "\u033c" in warning


def test_any_number_of_given_phonemes_is_spoken(
    engine: Engine, voice: str | VoicePrompt, say: Callable[..., SessionOutput], spoken_at_first: SessionOutput
) -> None:
    if Capability.PHONEMES not in engine.capabilities:
        return
    long = GivenPhonemes("word", "ɡɪf" * 60)
    spoken = speak_stretches(engine, voice, *(each for _ in range(4) for each in (long, " ")))
    assert sum(len(speech.words) for speech in spoken) == 4
    assert_same(say(SENTENCE).samples, spoken_at_first.samples)


def test_twice_as_fast_is_half_as_long(
    engine: Engine, voice: str | VoicePrompt, say: Callable[..., SessionOutput]
) -> None:
    if Capability.SPEED not in engine.capabilities:
        with pytest.raises(InvalidField) as caught:
            engine.open(voice, Style(speed=2.0), 1)
        assert caught.value.field == "style.speed"
        return
    plain, fast, slow = (len(say(SENTENCE, style=Style(speed=speed)).samples) for speed in (1.0, 2.0, 0.5))
    assert 0.4 < fast / plain < 0.6
    assert 1.7 < slow / plain < 2.3


def test_what_it_cannot_do_is_an_error_that_names_the_field(engine: Engine, voice: str | VoicePrompt) -> None:
    asked = {
        "style.language": Style(language="tlh-x-nobody"),
        "style.instructions": Style(instructions="Whisper."),
        "style.speed": Style(speed=0.3),
        "style.pitch_semitones": Style(pitch_semitones=12),
    }
    for field, style in asked.items():
        try:
            session = engine.open(voice, style, 1)
        except InvalidField as error:
            assert error.field == field  # noqa: PT017
        else:
            assert (
                field not in ("style.language", "style.instructions") or Capability.INSTRUCTIONS in engine.capabilities
            )
            session.close()


def test_an_unknown_voice_is_not_found(engine: Engine) -> None:
    for name in ("nobody", "", "../slt", "slt\0", "en-us+nobody"):
        with pytest.raises(NotFound) as caught:
            engine.open(name, PLAIN, 1)
        assert caught.value.kind == "voice"


def test_closing_in_the_middle_frees_everything(
    engine: Engine, voice: str | VoicePrompt, say: Callable[..., SessionOutput], spoken_at_first: SessionOutput
) -> None:
    threads = threading.active_count()
    for _ in range(6):
        with closing(engine.open(voice, PLAIN, 1)) as session:
            speech = session.speak(SENTENCE * 5)
            next(speech)
            speech.close()
    assert threading.active_count() == threads
    assert_same(say(SENTENCE).samples, spoken_at_first.samples)


@pytest.mark.parametrize("text", ["", " \n ", "...", "?!", "\0", "—"])
def test_nothing_to_say_is_no_audio(text: str, say: Callable[..., SessionOutput]) -> None:
    assert not len(say(text).samples)


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_text_ends(
    engine: Engine, text: str, say: Callable[..., SessionOutput], spoken_at_first: SessionOutput
) -> None:
    say(text[:NEURAL_CHARACTERS] if engine.name in NEURAL else text)
    assert_same(say(SENTENCE).samples, spoken_at_first.samples)


def test_too_little_speech_makes_no_prompt(engine: Engine) -> None:
    if not can_clone(engine):
        return
    noise = np.random.default_rng(1).normal(0, 0.1, 48_000).astype(np.float32)
    for samples in (np.zeros(0, np.float32), np.zeros(48_000, np.float32), np.zeros(100, np.float32), noise):
        with pytest.raises(InvalidField) as caught:
            engine.prompt(Reference(samples, 24_000))
        assert (caught.value.field, caught.value.reason) == ("reference", "REFERENCE_TOO_LITTLE_SPEECH")


def test_a_prompt_speaks_and_repeats(engine: Engine, recording: Reference, say: Callable[..., SessionOutput]) -> None:
    if not can_clone(engine):
        return
    prompt, again = engine.prompt(recording), engine.prompt(recording)
    assert prompt == again
    assert not prompt.base_voice or prompt.base_voice in [voice.name for voice in engine.voices() or ()]
    assert prompt.size_bytes > 0
    plain, same = say(SENTENCE, voice=prompt, seed=5), say(SENTENCE, voice=again, seed=5)
    np.testing.assert_array_equal(plain.samples, same.samples)
    if {Capability.SPEED, Capability.PITCH} <= engine.capabilities:
        fast = say(SENTENCE, voice=prompt, seed=5, style=Style(speed=2, pitch_semitones=3))
        assert 0.4 < len(fast.samples) / len(plain.samples) < 0.6


def test_a_prompt_can_be_stored(engine: Engine, recording: Reference) -> None:
    if not can_clone(engine):
        return
    prompt = engine.prompt(recording)
    packed = engine.pack(prompt)
    assert engine.unpack(packed) == prompt
    cut_short = Packed({name: array[:0] for name, array in packed.arrays.items()}, packed.facts)
    for damaged in (Packed({}, {}), Packed(packed.arrays, {}), cut_short):
        if packed.facts or damaged.arrays is not packed.arrays:
            with pytest.raises(ValueError, match=r"."):
                engine.unpack(damaged)


def test_a_description_is_for_engines_that_design_voices(engine: Engine) -> None:
    if Capability.VOICE_DESIGN in engine.capabilities:
        assert engine.open(Description("A calm old man."), PLAIN, 1)
        return
    with pytest.raises((InvalidField, NotFound)):
        engine.open(Description("A calm old man."), PLAIN, 1)
