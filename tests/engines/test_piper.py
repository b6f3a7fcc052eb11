"""Piper: what its model is given, its files, and how well a real voice is understood."""

import json
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import jiwer
import numpy as np
import pytest
from faster_whisper import WhisperModel
from hypothesis import given
from hypothesis import strategies as st
from voicebox_kit.errors import InvalidField, NotFound, StartError
from voicebox_models.engine import Setup
from voicebox_tts.engine import Style
from voicebox_tts.engines.clauses import MAX_CLAUSE_CHARACTERS, Clause, clauses
from voicebox_tts.engines.phoneme_words import words_of_phonemes
from voicebox_tts.engines.piper import model_files
from voicebox_tts.engines.piper.engine import PiperEngine, family
from voicebox_tts.engines.piper.phonemes import encode
from voicebox_tts.engines.piper.published import KNOWN, PiperSource, is_published_name

JOE = "en_US-joe-medium"
TEXTS = [
    "The old man walked slowly to the market. He bought bread and milk for his family.",
    "Four hours of steady work faced us, and then we went home.",
    "Printing, in the only sense with which we are at present concerned, differs from most of the arts.",
]
IDS = {"_": (0,), "^": (1,), "$": (2,), " ": (3,), ".": (10,), "a": (14,), "b": (15,), "ˈ": (120,), "c": (16, 17)}


@pytest.fixture(scope="module")
def engine(piper_voices: Path) -> Iterator[PiperEngine]:
    engine = family(Setup("auto", "auto", piper_voices)).engines()[0]
    yield engine
    engine.unload()


@pytest.fixture
def folder(piper_voices: Path, tmp_path: Path) -> Path:
    """A copy of the voice's files that may be damaged."""
    copy = tmp_path / "piper" / "copy"
    shutil.copytree(piper_voices / "piper" / JOE, copy)
    return copy


# Text and phonemes


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("Hello there, world.", [("Hello there,", ","), ("world.", ".")]),
        ("Is it so?", [("Is it so?", "?")]),
        ("No sign", [("No sign", ".")]),
        ('He said "stop!" and left', [('He said "stop!', "!"), ("and left", ".")]),
        ("It costs 3.14, or 1,000.", [("It costs 3.14,", ","), ("or 1,000.", ".")]),
        ("你好，世界。", [("你好，", ","), ("世界。", ".")]),
        ("... !!! ?", []),
        ("", []),
    ],
)
def test_a_sentence_is_cut_into_clauses(sentence: str, expected: list[tuple[str, str]]) -> None:
    assert list(clauses(sentence)) == [Clause(text, end) for text, end in expected]


@given(st.text(max_size=2000))
def test_no_clause_is_too_long(text: str) -> None:
    found = list(clauses(text))
    assert all(0 < len(clause.text) <= MAX_CLAUSE_CHARACTERS for clause in found)


def test_ids_are_as_the_model_was_trained() -> None:
    """A pad after the beginning and after each phoneme; a phoneme may have several ids; an unknown one is named."""
    encoded = encode("ˈab c?", ".", [0, 0, 0, 0, 1, 1], IDS)
    assert encoded.ids == (1, 0, 120, 0, 14, 0, 15, 0, 3, 0, 16, 17, 0, 10, 0, 2)
    assert [(each.text, each.first, each.after, each.word) for each in encoded.phonemes] == [
        ("ˈ", 2, 4, 0),
        ("a", 4, 6, 0),
        ("b", 6, 8, 0),
        ("c", 10, 13, 1),
    ]
    assert encoded.unknown == "?"


@pytest.mark.parametrize(
    ("ipa", "words", "expected"),
    [
        ("həlˈoʊ wˈɜːld", ["həlˈoʊ", "wˈɜːld"], "0000000" + "111111"),
        ("ʌvðə wˈɜːld", ["ʌv", "ðə", "wˈɜːld"], "00111" + "222222"),
        ("ðɪ ˈæpəl", ["ðə", "ˈæpəl"], "000" + "11111"),
        ("", [], ""),
    ],
)
def test_phonemes_belong_to_words(ipa: str, words: list[str], expected: str) -> None:
    assert "".join(map(str, words_of_phonemes(ipa, words))) == expected


@given(st.text("abˈ ", max_size=40), st.lists(st.text("abˈ", min_size=1, max_size=8), max_size=8))
def test_words_of_phonemes_are_in_order(ipa: str, words: list[str]) -> None:
    found = words_of_phonemes(ipa, words)
    assert len(found) == len(ipa)
    assert found == sorted(found)
    assert all(0 <= word < max(len(words), 1) for word in found)


# Files


def test_a_folder_is_a_voice_and_its_card_names_the_licence(engine: PiperEngine) -> None:
    assert (engine.model.name, engine.model.licence, engine.model.languages) == (f"piper/{JOE}", "CC0", ("en-US",))
    assert [voice.name for voice in engine.voices()] == ["joe"]
    assert engine.memory_bytes > 60_000_000


def test_speakers_of_one_file_are_voices(folder: Path) -> None:
    path = model_files.model(folder)
    source = path.with_name(f"{path.name}.json")
    settings = json.loads(source.read_text())
    source.write_text(json.dumps(settings | {"speaker_id_map": {"second": 1, "first": 0}}))
    voices = PiperEngine("piper/copy", Setup("auto", "auto", folder.parents[1])).voices()
    assert [voice.name for voice in voices] == ["first", "second"]


@pytest.mark.parametrize(
    ("file", "content", "sentence"),
    [
        (".onnx.json", None, "cannot be used"),
        (".onnx.json", b"{", "cannot be used"),
        (".onnx.json", b"[]", "cannot be used"),
        (".onnx.json", b"{}", "cannot be used"),
        (".onnx.json", b'{"phoneme_type": "text", "espeak": {"voice": "en"}}', "type text"),
        (".onnx", b"", "not built as a Piper voice"),
        (".onnx", b"\xff" * 4096, "no ONNX model"),
        (".onnx", None, "has 0"),
    ],
)
def test_damaged_files_are_named(folder: Path, file: str, content: bytes | None, sentence: str) -> None:
    path = folder / f"{JOE}{file}"
    path.unlink() if content is None else path.write_bytes(content)
    engine = PiperEngine("piper/copy", Setup("auto", "auto", folder.parents[1]))
    with pytest.raises(StartError, match=sentence):
        engine.load()
    assert not engine.loaded


def test_a_voice_at_the_hub_is_found_by_its_name() -> None:
    assert all(map(is_published_name, KNOWN))
    assert PiperSource("en_GB-alba-medium").names == (
        "en/en_GB/alba/medium/en_GB-alba-medium.onnx",
        "en/en_GB/alba/medium/en_GB-alba-medium.onnx.json",
        "en/en_GB/alba/medium/MODEL_CARD",
    )
    voices = family(Setup("auto", "auto", Path("no models")))
    found = voices.engine("piper/pl_PL-gosia-medium")
    assert found is not None
    assert (found.model.languages, found.model.licence, found.files.present) == (
        ("pl-PL",),
        "LicenseRef-unknown",
        False,
    )
    assert (
        voices.engine("piper/../secret") is voices.engine("piper/EN-x") is voices.engine("other/en_GB-alba-low") is None
    )


@pytest.mark.parametrize(
    ("style", "field"),
    [
        (Style(pitch_semitones=1), "style.pitch_semitones"),
        (Style(instructions="Whisper."), "style.instructions"),
        (Style(language="fr"), "style.language"),
    ],
)
def test_what_it_cannot_do_is_refused(engine: PiperEngine, style: Style, field: str) -> None:
    with pytest.raises(InvalidField) as caught:
        engine.open("joe", style, 1)
    assert caught.value.field == field
    with pytest.raises(NotFound):
        engine.open("jane", Style(), 1)


# Speech


@pytest.fixture(scope="module")
def whisper(packaged_whisper: Path) -> WhisperModel:
    return WhisperModel(str(packaged_whisper / "base"), device="cpu", compute_type="int8")


def test_what_it_says_is_understood(engine: PiperEngine, whisper: WhisperModel) -> None:
    recognised = []
    for text in TEXTS:
        with closing(engine.open("joe", Style(), 1)) as session:
            samples = np.concatenate([speech.samples for speech in session.speak(text)])
        at_16_khz = np.interp(np.arange(0, len(samples), 22_050 / 16_000), np.arange(len(samples)), samples)
        segments, _ = whisper.transcribe(at_16_khz.astype(np.float32), language="en")
        recognised.append(" ".join(segment.text for segment in segments))
    plain = jiwer.Compose(
        [jiwer.ToLowerCase(), jiwer.RemovePunctuation(), jiwer.Strip(), jiwer.ReduceToListOfListOfWords()]
    )
    assert jiwer.wer(TEXTS, recognised, reference_transform=plain, hypothesis_transform=plain) <= 0.1
