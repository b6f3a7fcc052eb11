"""Which Qwen3-TTS models there are, what is known of them before they are loaded, and what is wrong with damaged
ones.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from voicebox_kit.errors import Precondition, StartError
from voicebox_models.engine import NotInstalled, Progress, Report, Setup
from voicebox_models.files import Downloadable
from voicebox_models.hub import Hub
from voicebox_tts.engine import Capability, Gender
from voicebox_tts.engines.codec_models import device
from voicebox_tts.engines.codec_models.device import Gpu
from voicebox_tts.engines.qwen3 import family as families
from voicebox_tts.engines.qwen3.engine import Qwen3Engine
from voicebox_tts.engines.qwen3.family import Qwen3Family, family
from voicebox_tts.engines.qwen3.published import KNOWN

GB = 10**9


@pytest.fixture
def setup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Setup:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    return Setup("cpu", "auto", tmp_path / "models", hub=Hub(offline=True))


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Makes the machine look as if it had these GPUs."""
    return lambda *found: monkeypatch.setattr(device, "gpus", lambda: list(found))


def engine(models: Qwen3Family, name: str) -> Qwen3Engine:
    found = models.engine(name)
    assert found is not None
    return found


def fetch(engine: Qwen3Engine, report: Report) -> None:
    assert isinstance(engine.files, Downloadable)
    engine.files.download(report)


@pytest.fixture
def copied(tiny_qwen3: Path, setup: Setup) -> Path:
    """The tiny base model in the models folder, as `qwen3/mine`."""
    return Path(shutil.copytree(tiny_qwen3 / "base", setup.models_folder / "qwen3" / "mine"))


def test_the_well_known_models_are_listed_and_pinned(setup: Setup) -> None:
    engines = family(setup).engines()
    assert [each.model.name.removeprefix("qwen3/") for each in engines] == list(KNOWN)
    for each in engines:
        assert len(each.model.revision) == 40
        assert each.model.licence == "Apache-2.0"
        assert {"en", "zh"} <= set(each.model.languages)
        assert each.memory_bytes > 2 * GB
        assert not each.files.present
        assert not each.loaded


def test_what_a_well_known_model_can_is_known_without_its_files(setup: Setup) -> None:
    models = family(setup)
    can = {each.model.name.removeprefix("qwen3/"): each.capabilities for each in models.engines()}
    assert can["1.7b-base"] == can["0.6b-base"] == {Capability.CLONING, Capability.SEED, Capability.TEXT_NORMALIZATION}
    assert can["1.7b-custom-voice"] == {Capability.INSTRUCTIONS, Capability.SEED, Capability.TEXT_NORMALIZATION}
    assert can["0.6b-custom-voice"] == {Capability.SEED, Capability.TEXT_NORMALIZATION}
    assert can["1.7b-voice-design"] == {Capability.VOICE_DESIGN, Capability.SEED, Capability.TEXT_NORMALIZATION}
    voices = engine(models, "qwen3/1.7b-custom-voice").voices()
    assert len(voices) == 9
    sohee = next(voice for voice in voices if voice.name == "sohee")
    assert (sohee.gender, sohee.languages[0], len(sohee.languages)) == (Gender.FEMALE, "ko", 10)
    assert engine(models, "qwen3/1.7b-base").voices() == ()
    assert engine(models, "qwen3/1.7b-voice-design").default_voice == ""


def test_a_folder_in_the_models_folder_is_a_model(setup: Setup, copied: Path) -> None:
    models = family(setup)
    first = models.engines()[0]
    assert (first.model.name, first.files.present) == ("qwen3/mine", True)
    assert first.model.languages == ("zh", "en", "de", "ja", "fr")
    assert first.capabilities == {Capability.CLONING, Capability.SEED, Capability.TEXT_NORMALIZATION}
    assert first.memory_bytes == sum(path.stat().st_size for path in copied.rglob("*.safetensors"))
    assert models.engine("qwen3/mine") is first
    assert models.engine("qwen3/yours") is None
    assert models.engine("whisper/mine") is None


def test_the_speakers_of_a_model_of_somebodys_own_are_its_voices(setup: Setup, tiny_qwen3: Path) -> None:
    mine = family(replace(setup, named_folder=tiny_qwen3 / "custom-voice")).engines()[0]
    assert mine.model.name == "qwen3/custom-voice"
    assert [voice.name for voice in mine.voices()] == ["ryan", "vivian", "eric"]
    assert mine.default_voice == "ryan"
    assert {voice.languages[0] for voice in mine.voices()} == {"en", "zh"}
    assert not mine.loaded


def test_the_revision_of_a_folder_changes_with_its_files(setup: Setup, copied: Path) -> None:
    mine = engine(family(setup), "qwen3/mine")
    first = mine.model.revision
    assert first.startswith("local-")
    assert mine.model.revision == first
    weights = copied / "model.safetensors"
    os.utime(weights, ns=(0, 0))
    second = mine.model.revision
    weights.with_name("generation_config.json").write_text('{"temperature": 0.8}')
    assert len({first, second, mine.model.revision}) == 3


def test_the_manifest_of_a_download_reports_the_revision(setup: Setup, copied: Path) -> None:
    manifest = {
        "repository": "someone/mine",
        "revision": "f" * 40,
        "fetched_at": "2026-01-01T00:00:00+00:00",
        "files": [],
    }
    (copied / "voicebox.json").write_text(json.dumps(manifest))
    assert engine(family(setup), "qwen3/mine").model.revision == "f" * 40


def test_the_named_folder_comes_first(setup: Setup, copied: Path, tiny_qwen3: Path) -> None:
    first, second, *_ = family(replace(setup, named_folder=tiny_qwen3 / "voice-design")).engines()
    assert (first.model.name, second.model.name) == ("qwen3/voice-design", "qwen3/mine")


def test_any_repository_of_the_hub_has_an_engine_that_is_not_listed(setup: Setup) -> None:
    models = family(setup)
    found = engine(models, "qwen3/someone/qwen3-tts-for-seals")
    assert not found.files.present
    assert (found.model.revision, found.capabilities) == ("", frozenset())
    assert found is models.engine("qwen3/someone/qwen3-tts-for-seals")
    assert found not in models.engines()


def test_what_lies_in_the_cache_of_the_hub_is_present(setup: Setup, tmp_path: Path, tiny_qwen3: Path) -> None:
    commit = KNOWN["0.6b-base"].revision
    cached = tmp_path / "cache" / "models--Qwen--Qwen3-TTS-12Hz-0.6B-Base" / "snapshots" / commit
    shutil.copytree(tiny_qwen3 / "base", cached)
    first = family(setup).engines()[0]
    assert (first.model.name, first.model.revision, first.files.present) == ("qwen3/0.6b-base", commit, True)
    (cached / "speech_tokenizer" / "model.safetensors").unlink()
    assert not first.files.present


def test_a_model_that_is_not_here_is_not_downloaded_by_loading_it(setup: Setup) -> None:
    with pytest.raises(StartError, match="download"):
        engine(family(setup), "qwen3/1.7b-base").load()


def test_what_is_on_no_hub_cannot_be_downloaded(setup: Setup, copied: Path) -> None:
    mine = engine(family(setup), "qwen3/mine")
    shutil.rmtree(copied)
    with pytest.raises(Precondition, match="was removed"):
        fetch(mine, lambda progress: None)


def test_downloading_what_is_here_does_nothing(setup: Setup, copied: Path) -> None:
    reported: list[Progress] = []
    fetch(engine(family(setup), "qwen3/mine"), reported.append)
    assert reported == []


def test_without_its_libraries_it_is_not_installed(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(families, "find_spec", lambda name: None if name == "torch" else object())
    with pytest.raises(NotInstalled, match=r"`make qwen3` installs it, with .*torch"):
        family(setup)


@pytest.mark.parametrize("name", ["cuda:7", "gpu", "cuda:", "cpu:0"])
def test_a_device_that_is_not_there_is_named(setup: Setup, gpus: Callable[..., None], name: str) -> None:
    gpus(Gpu(80 * GB, True))
    with pytest.raises(StartError, match=name):
        family(replace(setup, device=name))


def test_options_that_mean_nothing_are_an_error_at_the_start(setup: Setup) -> None:
    with pytest.raises(StartError, match="frames of chunks"):
        family(replace(setup, options={"chunk_frames": "many"}))
    with pytest.raises(StartError, match="int8"):
        family(replace(setup, compute_type="int8"))


def test_without_a_gpu_it_says_what_is_against_it_and_recommends_nothing(
    setup: Setup, gpus: Callable[..., None]
) -> None:
    gpus()
    models = family(replace(setup, device="auto"))
    assert models.drawback == "there is no GPU for it"
    assert models.recommended() == ()
    assert models.engines()[0].device == "cpu"


@pytest.mark.parametrize(("gigabytes", "size"), [(80, "1.7b"), (24, "1.7b"), (8, "0.6b")])
def test_with_a_gpu_its_memory_decides(setup: Setup, gpus: Callable[..., None], gigabytes: int, size: str) -> None:
    gpus(Gpu(4 * GB, True), Gpu(gigabytes * GB, True))
    models = family(replace(setup, device="cuda:1"))
    assert models.drawback == ""
    recommended = [(engine.model.name, engine.device) for engine in models.recommended()]
    assert recommended == [(f"qwen3/{size}-base", "cuda:1"), (f"qwen3/{size}-custom-voice", "cuda:1")]


def test_numbers_are_those_that_the_device_counts_with_best(gpus: Callable[..., None]) -> None:
    gpus(Gpu(80 * GB, True), Gpu(16 * GB, False))
    chosen = {
        (name, type_): device.resolve_device("qwen3", name, type_).compute_type
        for name in ("cpu", "auto", "cuda:1")
        for type_ in ("auto", "float16")
    }
    assert [chosen[name, "auto"] for name in ("cpu", "auto", "cuda:1")] == ["float32", "bfloat16", "float32"]
    assert {chosen[name, "float16"] for name in ("cpu", "auto", "cuda:1")} == {"float16"}


def test_neither_the_family_nor_its_models_facts_import_torch(tiny_qwen3: Path) -> None:
    """A service that speaks with flite is not to wait 2 s for torch."""
    script = f"""
import sys
from pathlib import Path
from voicebox_models.engine import Setup
from voicebox_tts.engines.qwen3.family import family
models = family(Setup("cpu", "auto", Path("nowhere"), named_folder=Path({str(tiny_qwen3 / "custom-voice")!r})))
assert models.engines()[0].voices() and models.engines()[0].model.languages
assert "torch" not in sys.modules and "tokenizers" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", script], check=True)


def remove(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def written(name: str, content: bytes) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_bytes(content)


def pickled(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def cut_short(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])


def sharded(folder: Path) -> None:
    index = {"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    (folder / "model.safetensors").rename(folder / "model-00001-of-00002.safetensors")


BROKEN = {
    "no weights": (remove("model.safetensors"), "has no model.safetensors"),
    "a pickle": (pickled, "Pickles are never read"),
    "a pickle under another name": (written("model.safetensors", b"\x80\x04\x95pickle"), "not a safetensors file"),
    "a shard that is missing": (sharded, "has no model-00002-of-00002"),
    "weights cut short": (cut_short, "fetch it again"),
    "no codec": (remove("speech_tokenizer/model.safetensors"), "has no speech_tokenizer/model.safetensors"),
    "no tokenizer": (remove("vocab.json"), "has no vocab.json"),
    "a configuration that is none": (written("config.json", b"{"), "cannot be read"),
    "another model's configuration": (
        written("config.json", b'{"model_type": "llama"}'),
        "not that of a Qwen3-TTS model",
    ),
    "a tokenizer that is none": (written("merges.txt", b"one two\n"), "tokenizer"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_model_is_a_start_error_that_says_what_is_wrong(setup: Setup, copied: Path, name: str) -> None:
    spoil, sentence = BROKEN[name]
    spoil(copied)
    mine = engine(family(setup), "qwen3/mine")
    assert mine.files.present
    with pytest.raises(StartError, match=sentence):
        mine.load()
    assert not mine.loaded
    assert mine.capabilities is not None
