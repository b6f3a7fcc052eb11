"""The models folder: what lies in it is listed, and what was fetched can be checked."""

import pytest
from voicebox_models import store
from voicebox_models.store import ModelManifest, StoredFile

pytestmark = pytest.mark.unit


@pytest.fixture
def model(tmp_path):
    """A fetched model of one file."""
    folder = tmp_path / "whisper" / "tiny"
    folder.mkdir(parents=True)
    (folder / "model.bin").write_bytes(b"weights")
    file = StoredFile("model.bin", 7, store.sha256(folder / "model.bin"))
    store.write_manifest(folder, ModelManifest("org/tiny", "c0ffee", "2026-01-01T00:00:00+00:00", (file,)))
    return folder


def test_fetched_models_and_those_that_a_person_put_there_are_listed(tmp_path, model):
    for name in ("whisper/org/big", "whisper/.tiny.c0ffee.part", "whisper/empty", "whisper/bad name", "other/one"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("whisper/org/big", "whisper/.tiny.c0ffee.part", "whisper/bad name", "other/one"):
        (tmp_path / name / "model.bin").write_bytes(b"")
    assert store.folders(tmp_path, "whisper") == {
        "whisper/bad-name": tmp_path / "whisper/bad name",
        "whisper/org/big": tmp_path / "whisper/org/big",
        "whisper/tiny": model,
    }
    assert store.folders(tmp_path, "none") == {}


def test_a_named_folder_comes_before_one_of_the_same_name(tmp_path, model):
    elsewhere = tmp_path / "elsewhere" / "tiny"
    assert store.folders(tmp_path, "whisper", elsewhere) == {"whisper/tiny": elsewhere}


@pytest.mark.parametrize(
    "name",
    ["whisper", "whisper/", "/etc/passwd", "whisper/..", "whisper/../x", "a/b/c/d", "whisper/.hidden", "a b/c", ""],
)
def test_a_name_that_could_leave_the_folder_is_none(name):
    assert not store.is_name(name)


def test_a_manifest_is_read_as_it_was_written_and_a_broken_one_is_none(model):
    manifest = store.manifest(model)
    assert manifest is not None
    assert (manifest.repository, manifest.revision, manifest.files[0].size_bytes) == ("org/tiny", "c0ffee", 7)
    for broken in ("", "[]", "{}", '{"files": [{"x": 1}]}', "null"):
        (model / store.MANIFEST).write_text(broken)
        assert store.manifest(model) is None
    assert "not fetched by voicebox" in store.verify(model)[0]


def test_damage_is_found_in_every_form(model):
    assert store.verify(model) == []
    (model / "model.bin").write_bytes(b"weighty")
    assert "SHA-256" in store.verify(model)[0]
    (model / "model.bin").write_bytes(b"weight")
    assert "6 bytes, not 7" in store.verify(model)[0]
    (model / "model.bin").unlink()
    assert "missing" in store.verify(model)[0]


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("Mein Modell", "Mein-Modell"),
        ("größe 2é", "groe-2e"),
        ("  a  b ", "a-b"),
        ("tiny.en", "tiny.en"),
        ("Łódź (v2)", "odz-v2"),
        ("-x", "x"),
    ],
)
def test_a_folder_with_spaces_and_accents_is_a_model(tmp_path, folder, name):
    (tmp_path / "whisper" / folder).mkdir(parents=True)
    (tmp_path / "whisper" / folder / "config.json").touch()
    assert store.folders(tmp_path, "whisper") == {f"whisper/{name}": tmp_path / "whisper" / folder}
    assert store.folders(tmp_path / "none", "whisper", tmp_path / "whisper" / folder) == {
        f"whisper/{name}": tmp_path / "whisper" / folder
    }
    assert store.is_name(f"whisper/{name}")


def test_a_folder_without_latin_letters_is_a_model_by_a_name_that_stays(tmp_path):
    (tmp_path / "whisper" / "模型").mkdir(parents=True)
    (tmp_path / "whisper" / "模型" / "config.json").touch()
    (name,) = store.folders(tmp_path, "whisper")
    assert store.is_name(name)
    assert list(store.folders(tmp_path, "whisper")) == [name]
