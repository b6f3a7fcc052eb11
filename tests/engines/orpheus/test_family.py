"""The family of Orpheus: what is known without files, and the download of a model and its codec."""

import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from voicebox_kit.errors import NotFound, Precondition, StartError
from voicebox_models import store
from voicebox_models.engine import NotInstalled, Setup
from voicebox_models.files import Downloadable
from voicebox_models.progress import Progress, Report
from voicebox_models.store import ModelManifest, StoredFile
from voicebox_tts.engine import Capability, Gender, Style
from voicebox_tts.engines.orpheus import family as families
from voicebox_tts.engines.orpheus.engine import OrpheusEngine
from voicebox_tts.engines.orpheus.family import family


@dataclass
class FakeHub:
    """Sends the files of folders, by their repositories."""

    repositories: dict[str, Path]
    fetched: list[str] = field(default_factory=list)
    away: set[str] = field(default_factory=set)

    def fetch(
        self,
        repository: str,
        revision: str,
        patterns: Sequence[str],
        target: Path,
        report: Report,
        *,
        required: Sequence[str],
        pickles: Sequence[str] = (),
    ) -> ModelManifest:
        if repository in self.away:
            raise NotFound("repository", repository)
        assert set(required) <= set(patterns)
        assert set(pickles) <= set(required)
        target.mkdir(parents=True)
        names = [name for name in patterns if (self.repositories[repository] / name).is_file()]
        for name in names:
            shutil.copy(self.repositories[repository] / name, target / name)
        files = tuple(StoredFile(each, (target / each).stat().st_size, store.sha256(target / each)) for each in names)
        manifest = ModelManifest(repository, "c0ffee", "2026-01-01", files)
        store.write_manifest(target, manifest)
        report(Progress(10, 10))
        self.fetched.append(repository)
        return manifest


@pytest.fixture
def hub(tiny_orpheus: Path) -> FakeHub:
    return FakeHub(
        {
            "canopylabs/orpheus-3b-0.1-ft": tiny_orpheus / "base",
            "hubertsiuzdak/snac_24khz": tiny_orpheus / "published-snac",
        }
    )


def engine_of(setup: Setup, model: str = "orpheus/3b") -> OrpheusEngine:
    engine = family(setup).engine(model)
    assert engine is not None
    return engine


def fetched(tmp_path: Path, hub: FakeHub) -> tuple[OrpheusEngine, list[Progress]]:
    engine, reported = engine_of(Setup("cpu", "auto", tmp_path, hub=hub)), list[Progress]()
    assert isinstance(engine.files, Downloadable)
    engine.files.download(reported.append)
    return engine, reported


def test_the_well_known_model_is_described_without_its_files(tmp_path: Path) -> None:
    engine = engine_of(Setup("cpu", "auto", tmp_path))
    voices = {voice.name: voice for voice in engine.voices()}
    assert list(voices) == ["tara", "leah", "jess", "leo", "dan", "mia", "zac", "zoe"]
    assert voices["leo"].gender is Gender.MALE
    assert voices["tara"].languages == ("en",)
    assert engine.model.licence == "LicenseRef-Llama-3.2-Community"
    assert engine.model.source == "canopylabs/orpheus-3b-0.1-ft"
    assert engine.capabilities == {Capability.SEED, Capability.TEXT_NORMALIZATION}
    assert not engine.files.present
    assert engine.files.size_bytes > 6 * 10**9


def test_a_download_is_the_model_and_its_codec_converted(tmp_path: Path, hub: FakeHub) -> None:
    engine, reported = fetched(tmp_path, hub)
    assert hub.fetched == ["canopylabs/orpheus-3b-0.1-ft", "hubertsiuzdak/snac_24khz"]
    assert reported[-1] == Progress(20, 20)
    folder = tmp_path / "orpheus" / "3b"
    assert not list(folder.rglob("*.bin"))
    assert not list((tmp_path / "orpheus").glob(".*"))
    assert store.verify(folder) == []
    manifest = store.manifest(folder)
    assert manifest is not None
    assert manifest.revision == "c0ffee"
    assert {"model.safetensors", "snac/model.safetensors"} <= {file.name for file in manifest.files}
    assert engine.model.licence == "LicenseRef-Llama-3.2-Community"
    engine.load()
    session = engine.open("tara", Style(), 1)
    assert sum(len(speech.samples) for speech in session.speak("Hello."))
    engine.unload()


def test_a_download_that_broke_off_goes_on(tmp_path: Path, hub: FakeHub) -> None:
    hub.away.add("hubertsiuzdak/snac_24khz")
    with pytest.raises(NotFound):
        fetched(tmp_path, hub)
    assert not (tmp_path / "orpheus" / "3b").exists()
    hub.away.clear()
    engine, _ = fetched(tmp_path, hub)
    assert hub.fetched == ["canopylabs/orpheus-3b-0.1-ft", "hubertsiuzdak/snac_24khz"]
    assert engine.files.present


def test_a_codec_that_is_none_is_refused_and_nothing_is_there(tmp_path: Path, hub: FakeHub) -> None:
    damaged = tmp_path / "damaged"
    shutil.copytree(hub.repositories["hubertsiuzdak/snac_24khz"], damaged)
    (damaged / "pytorch_model.bin").write_bytes(b"\x80\x04N.")
    hub.repositories["hubertsiuzdak/snac_24khz"] = damaged
    with pytest.raises(Precondition) as refused:
        fetched(tmp_path, hub)
    assert refused.value.reason == "MODEL_UNSUITABLE"
    assert not (tmp_path / "orpheus" / "3b").exists()


def test_any_repository_of_the_hub_has_an_engine_of_an_unknown_licence(tmp_path: Path) -> None:
    setup = Setup("cpu", "auto", tmp_path)
    engine = engine_of(setup, "orpheus/somebody/theirs")
    assert engine.model.licence == "LicenseRef-unknown"
    assert engine not in family(setup).engines()
    with pytest.raises(StartError, match="download the model first"):
        engine.load()


def test_without_a_gpu_it_says_what_is_against_it_and_recommends_nothing(tmp_path: Path) -> None:
    made = family(Setup("cpu", "auto", tmp_path))
    assert made.drawback == "there is no GPU for it"
    assert made.recommended() == ()


def test_without_its_libraries_it_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(families, "PACKAGES", ("no_such_library",))
    with pytest.raises(NotInstalled, match="`make orpheus` installs it, with no_such_library"):
        family(Setup("cpu", "auto", tmp_path))


@pytest.mark.parametrize("device", ["tpu", "cuda:17"])
def test_a_device_that_is_not_there_is_named(tmp_path: Path, device: str) -> None:
    with pytest.raises(StartError, match=device):
        family(Setup(device, "auto", tmp_path))


def test_neither_the_family_nor_its_models_facts_import_torch(tiny_orpheus: Path) -> None:
    """A service that speaks with flite is not to wait 2 s for torch."""
    script = f"""
import sys
from pathlib import Path
from voicebox_models.engine import Setup
from voicebox_tts.engines.orpheus.family import family
models = family(Setup("cpu", "auto", Path("nowhere"), named_folder=Path({str(tiny_orpheus / "base")!r})))
assert models.engines()[0].voices() and models.engines()[0].model.languages
assert "torch" not in sys.modules and "tokenizers" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", script], check=True)
