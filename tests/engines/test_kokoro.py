"""Kokoro: blends, what its model is given in each language, its files, and how well it is understood."""

import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from difflib import SequenceMatcher
from pathlib import Path

import jiwer
import numpy as np
import pytest
from faster_whisper import WhisperModel
from voicebox_kit.errors import InvalidField, NotFound, StartError, Unavailable
from voicebox_models.engine import Setup
from voicebox_tts.engine import Phoneme, Samples, Style, Word
from voicebox_tts.engines.clauses import Clause
from voicebox_tts.engines.espeak.phonemizer import Phonemizer
from voicebox_tts.engines.kokoro.blend import parse
from voicebox_tts.engines.kokoro.engine import KokoroEngine, family
from voicebox_tts.engines.kokoro.phonemes import by_espeak

VOICES = {"af_heart", "af_bella", "bf_emma", "ff_siwis"}
SENTENCES = {
    "af_heart": "The old man walked slowly to the market and bought bread for his family.",
    "ff_siwis": "Le vieil homme marchait lentement vers le marché.",
}
WER = {"af_heart": 0.07, "ff_siwis": 0.25}


@pytest.fixture
def setup(tiny_kokoro: Path) -> Setup:
    return Setup("auto", "auto", tiny_kokoro)


@pytest.fixture
def engine(setup: Setup) -> Iterator[KokoroEngine]:
    engine = family(setup).engines()[0]
    yield engine
    engine.unload()


def spoken(engine: KokoroEngine, voice: str, text: str) -> tuple[Samples, list[Word], list[Phoneme]]:
    with closing(engine.open(voice, Style(), 1)) as session:
        speeches = list(session.speak(text))
    words = [word for speech in speeches for word in speech.words]
    phonemes = [phoneme for speech in speeches for phoneme in speech.phonemes]
    return np.concatenate([speech.samples for speech in speeches]), words, phonemes


# Voices and blends


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("af_heart", {"af_heart": 1.0}),
        ("af_heart*0.6+af_bella*0.4", {"af_heart": 0.6, "af_bella": 0.4}),
        ("af_heart+af_bella", {"af_heart": 0.5, "af_bella": 0.5}),
        ("af_heart*3+af_bella*1", {"af_heart": 0.75, "af_bella": 0.25}),
        ("af_heart*0+af_bella", {"af_heart": 0.0, "af_bella": 1.0}),
    ],
)
def test_a_blend_is_read(name: str, expected: dict[str, float]) -> None:
    assert parse(name, VOICES) == pytest.approx(expected)


@pytest.mark.parametrize(
    "name",
    "|+|*|jane|af_heart*|af_heart*-1|af_heart*0|af_heart*nan|af_heart*1e9|af_heart+bf_emma|af_heart+af_heart|"
    "af_heart*1000|../af_heart|af_heart + af_bella|af_heart*0.6+jane*0.4".split("|"),
)
def test_what_is_no_blend_is_no_voice(engine: KokoroEngine, name: str) -> None:
    assert parse(name, VOICES) is None
    with pytest.raises(NotFound):
        engine.open(name, Style(), 1)


def test_a_blend_lies_between_its_voices(engine: KokoroEngine) -> None:
    loud, other, blend = (spoken(engine, voice, "Hello.")[0] for voice in ("af_heart", "af_bella", "af_heart+af_bella"))
    np.testing.assert_allclose(blend, (loud + other) / 2, atol=1e-3)


def test_voices_of_languages_without_a_reader_are_not_offered(engine: KokoroEngine) -> None:
    assert [voice.name for voice in engine.voices()] == ["af_heart", "af_bella", "bf_emma", "ff_siwis"]
    assert engine.model.languages == ("en-US", "en-GB", "fr-FR")
    blend = engine.blended("af_heart+af_bella")
    assert blend
    assert blend.languages == ("en-US",)
    assert engine.blended("af_heart+ff_siwis") is None


# What the model is given


@pytest.mark.parametrize(
    ("text", "language", "letters"),
    [
        ("Bonjour tout le monde.", "fr-FR", "bɔ̃ʒˈuʁ tulmˈɔ̃d."),
        ("Qué noche.", "es", "kˈe nˈoʧe."),
        ("Buongiorno.", "it", "bʊonʤˈɔrno."),
    ],
)
def test_other_languages_are_read_by_espeak(text: str, language: str, letters: str, engine: KokoroEngine) -> None:
    vocabulary = {letter: number for number, letter in enumerate(sorted({*letters}), 1)}
    phonemizer = Phonemizer()
    try:
        said = by_espeak(Clause(text, "."), language, phonemizer, vocabulary)
    finally:
        phonemizer.close()
    of_number = {number: letter for letter, number in vocabulary.items()}
    assert said.unknown == ""
    assert said.ids[0] == said.ids[-1] == 0
    assert "".join(of_number[number] for number in said.ids[1:-1]) == letters
    assert list(said.words) == text.strip(".").split()
    assert [unit.word for unit in said.units] == sorted(unit.word for unit in said.units)


def test_words_and_phonemes_have_times(engine: KokoroEngine) -> None:
    samples, words, phonemes = spoken(engine, "bf_emma", "Good morning, everyone.")
    assert [word.text for word in words] == ["Good", "morning", "everyone"]
    assert all(0 <= word.start_seconds < word.end_seconds <= len(samples) / 24_000 for word in words)
    assert [each.start_seconds for each in phonemes] == sorted(each.start_seconds for each in phonemes)


@pytest.mark.parametrize("text", ["7" * 190, "7" * 90 + " " + "8" * 90])
def test_a_number_of_more_phonemes_than_the_model_takes_is_spoken_in_parts(engine: KokoroEngine, text: str) -> None:
    """190 digits have over 510 phonemes in French, and take about 29 s."""
    samples, words, _ = spoken(engine, "ff_siwis", text)
    assert "".join(word.text for word in words) == text.replace(" ", "")
    assert len(samples) / 24_000 > 0.1 * len(text)


@pytest.mark.parametrize(
    ("style", "field"),
    [
        (Style(pitch_semitones=1), "style.pitch_semitones"),
        (Style(instructions="Whisper."), "style.instructions"),
        (Style(language="fr"), "style.language"),
    ],
)
def test_what_it_cannot_do_is_refused(engine: KokoroEngine, style: Style, field: str) -> None:
    with pytest.raises(InvalidField) as caught:
        engine.open("af_heart", style, 1)
    assert caught.value.field == field


# Files


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("model.onnx", None, "has 0"),
        ("model.onnx", b"", "not built as Kokoro"),
        ("model.onnx", b"\xff" * 4096, "cannot be used"),
        ("other.onnx", b"", "has 2"),
    ],
)
def test_damaged_files_are_named(setup: Setup, tmp_path: Path, name: str, content: bytes | None, sentence: str) -> None:
    folder = tmp_path / "kokoro" / "82m"
    shutil.copytree(setup.models_folder / "kokoro" / "82m", folder)
    (folder / name).unlink() if content is None else (folder / name).write_bytes(content)
    with pytest.raises(StartError, match=sentence):
        family(replace(setup, models_folder=tmp_path)).engines()[0].load()


@pytest.mark.parametrize("content", [b"", b"\0" * 100, np.full(510 * 256, np.nan, "<f4").tobytes()])
def test_a_damaged_voice_is_named_and_others_speak(setup: Setup, tmp_path: Path, content: bytes) -> None:
    folder = tmp_path / "kokoro" / "82m"
    shutil.copytree(setup.models_folder / "kokoro" / "82m", folder)
    (folder / "voices" / "af_bella.bin").write_bytes(content)
    engine = family(replace(setup, models_folder=tmp_path)).engines()[0]
    with pytest.raises(Unavailable, match="af_bella"):
        engine.open("af_bella", Style(), 1)
    assert len(spoken(engine, "af_heart", "Hello.")[0])


# Speech, with the real weights


@pytest.mark.parametrize("voice", SENTENCES)
def test_what_it_says_is_understood(voice: str, kokoro_voices: Path, packaged_whisper: Path) -> None:
    engine = family(Setup("auto", "auto", kokoro_voices)).engines()[0]
    samples, words, _ = spoken(engine, voice, SENTENCES[voice])
    engine.unload()
    whisper = WhisperModel(str(packaged_whisper / "base"), device="cpu", compute_type="int8")
    at_16_khz = np.interp(np.arange(0, len(samples), 1.5), np.arange(len(samples)), samples).astype(np.float32)
    segments, _ = whisper.transcribe(at_16_khz, language="en" if voice[0] == "a" else "fr", word_timestamps=True)
    recognised = [word for segment in segments for word in segment.words or ()]
    plain = jiwer.Compose([jiwer.ToLowerCase(), jiwer.RemovePunctuation(), jiwer.ReduceToListOfListOfWords()])
    rate = jiwer.wer(
        SENTENCES[voice],
        "".join(word.word for word in recognised),
        reference_transform=plain,
        hypothesis_transform=plain,
    )
    assert rate <= WER[voice]
    ours = [(word.text.lower(), word.start_seconds) for word in words]
    theirs = [(word.word.strip(" .,").lower(), word.start) for word in recognised]
    matcher = SequenceMatcher(None, [text for text, _ in ours], [text for text, _ in theirs], autojunk=False)
    late = [
        abs(ours[block.a + step][1] - theirs[block.b + step][1])
        for block in matcher.get_matching_blocks()
        for step in range(block.size)
    ]
    assert len(late) > len(words) / 2
    assert np.median(late) <= 0.2
