"""MMS: its licence, what its model is given, and that it speaks as transformers' own model does."""

import json
import shutil
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import VitsModel
from voicebox_kit.errors import InvalidField, NotFound, Precondition, StartError
from voicebox_models.engine import Downloadable, Setup
from voicebox_models.settings import accepted_licences
from voicebox_tts.engine import Samples, Style
from voicebox_tts.engines.mms.engine import MmsEngine, family
from voicebox_tts.engines.mms.loaded import LoadedMms
from voicebox_tts.engines.mms.published import KNOWN, LICENCE, MmsSource, is_code
from voicebox_tts.engines.mms.tokenizer import Tokenizer

SENTENCE = "Four hours of steady work faced us."


@pytest.fixture
def setup(tiny_mms: Path) -> Setup:
    return Setup("auto", "auto", tiny_mms, accepted_licences=frozenset({LICENCE}))


@pytest.fixture
def engine(setup: Setup) -> MmsEngine:
    found = family(setup).engine("mms/eng")
    assert found
    return found


def spoken(engine: MmsEngine, text: str, seed: int = 1) -> tuple[Samples, list[str], set[str]]:
    with closing(engine.open("voice", Style(), seed)) as session:
        speeches = list(session.speak(text))
    words = [word.text for speech in speeches for word in speech.words]
    return np.concatenate([s.samples for s in speeches]), words, {w for s in speeches for w in s.warnings}


# The licence


def test_nothing_is_fetched_or_loaded_before_the_licence_is_accepted(setup: Setup, tmp_path: Path) -> None:
    engine = family(replace(setup, accepted_licences=frozenset())).engine("mms/eng")
    absent = family(Setup("auto", "auto", tmp_path)).engine("mms/deu")
    assert engine
    assert absent
    with pytest.raises(StartError, match=r"VOICEBOX_ACCEPTED_LICENCES=CC-BY-NC-4\.0"):
        engine.load()
    assert isinstance(absent.files, Downloadable)
    with pytest.raises(Precondition, match="no commercial use") as caught:
        absent.files.download(lambda progress: pytest.fail(f"It is being fetched: {progress}"))
    assert (caught.value.reason, absent.model.licence) == ("LICENCE_NOT_ACCEPTED", "CC-BY-NC-4.0")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("", set()), (LICENCE, {LICENCE}), (" CC-BY-NC-4.0 , OpenRAIL ", {LICENCE, "OpenRAIL"}), (",,", set())],
)
def test_accepted_licences_are_read(text: str, expected: set[str]) -> None:
    assert accepted_licences({"VOICEBOX_ACCEPTED_LICENCES": text}) == expected


def test_an_accepted_one_is_fetched(setup: Setup, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fetched: list[Path] = []
    monkeypatch.setattr(MmsSource, "fetch", lambda self, hub, target, report: fetched.append(target))
    engine = family(replace(setup, models_folder=tmp_path)).engine("mms/swh")
    assert engine
    assert isinstance(engine.files, Downloadable)
    engine.files.download(lambda progress: None)
    assert fetched == [tmp_path / "mms" / "swh"]


def test_any_language_is_found_by_its_code(setup: Setup) -> None:
    voices = family(setup)
    assert all(map(is_code, KNOWN))
    languages = {code: voices.engine(f"mms/{code}") for code in ("swh", "deu", "abi", "azj-script_cyrillic")}
    assert {code: each.model.languages for code, each in languages.items() if each} == {
        "swh": ("sw",),
        "deu": ("de",),
        "abi": ("abi",),
        "azj-script_cyrillic": ("az",),
    }
    assert voices.engine("mms/English") is voices.engine("mms/../eng") is voices.engine("piper/eng") is None


# What the model is given


def test_letters_of_words_with_blanks_between_them() -> None:
    letters = Tokenizer({"_": 0, " ": 1, "a": 2, "b": 3}, has_blanks=True).encode(["Ab", "cß", "a!"])
    assert letters.ids == (0, 2, 0, 3, 0, 1, 0, 2, 0)
    assert [(unit.text, unit.first, unit.after, unit.word) for unit in letters.units] == [
        ("a", 1, 3, 0),
        ("b", 3, 5, 0),
        ("a", 7, 9, 2),
    ]
    assert letters.unknown == "cß"


def test_another_script_is_romanised() -> None:
    tokenizer = Tokenizer({"_": 0, "n": 1, "i": 2}, has_blanks=False, romanize={"你": "ni"}.__getitem__)
    assert tokenizer.encode(["你"]).ids == (1, 2)


def test_a_letter_that_the_voice_does_not_know_is_a_warning(setup: Setup) -> None:
    engine = family(setup).engine("mms/swh")
    assert engine
    _, words, warnings = spoken(engine, "Cat and dog")
    assert words == ["Cat", "and", "dog"]
    assert warnings == {"The voice has no sound for c: left out."}


# Speech


def test_it_speaks_as_the_official_model_does(tiny_mms: Path) -> None:
    """The same noise gives the same samples, and the durations add up to them."""
    for code in ("eng", "swh"):
        loaded = LoadedMms(tiny_mms / "mms" / code)
        ids = loaded.tokenizer.encode(["hat", "bag"]).ids
        samples, lengths = loaded.speak(ids, 1.0, 5)
        official = VitsModel.from_pretrained(tiny_mms / "mms" / code).eval()
        torch.manual_seed(5)
        with torch.inference_mode():
            expected = official(input_ids=torch.tensor([ids])).waveform[0].numpy()
        np.testing.assert_allclose(samples, np.clip(expected, -1, 1), rtol=0, atol=1e-5)
        assert lengths.sum() == pytest.approx(len(samples))


def test_it_leaves_the_random_numbers_of_others_alone(engine: MmsEngine) -> None:
    spoken(engine, "One.")
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    first = torch.rand(2)
    spoken(engine, "Two.")
    assert torch.equal(torch.cat([first, torch.rand(2)]), expected)


@pytest.mark.parametrize(
    ("style", "field"),
    [
        (Style(pitch_semitones=1), "style.pitch_semitones"),
        (Style(instructions="Whisper."), "style.instructions"),
        (Style(language="fr"), "style.language"),
    ],
)
def test_what_it_cannot_do_is_refused(engine: MmsEngine, style: Style, field: str) -> None:
    with pytest.raises(InvalidField) as caught:
        engine.open("voice", style, 1)
    assert caught.value.field == field
    with pytest.raises(NotFound):
        engine.open("jane", Style(), 1)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("vocab.json", b"{", "tokenizer"),
        ("vocab.json", b"[]", "tokenizer"),
        ("vocab.json", json.dumps({"a": 1000}).encode(), "not its model's"),
        ("tokenizer_config.json", b'{"phonemize": true}', "speaks phonemes"),
        ("tokenizer_config.json", None, "tokenizer"),
        ("model.safetensors", b"\xff" * 64, "cannot be used"),
        ("model.safetensors", None, "cannot be used"),
    ],
)
def test_damaged_files_are_named(setup: Setup, tmp_path: Path, name: str, content: bytes | None, sentence: str) -> None:
    folder = tmp_path / "mms" / "eng"
    shutil.copytree(setup.models_folder / "mms" / "eng", folder)
    path = folder / name
    path.unlink() if content is None else path.write_bytes(content)
    engine = family(replace(setup, models_folder=tmp_path)).engine("mms/eng")
    assert engine
    with pytest.raises(StartError, match=sentence):
        engine.load()
