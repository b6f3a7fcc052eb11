"""Kokoro's folder is made of packages, whole or not at all."""

from pathlib import Path

import pytest
from voicebox_kit.errors import StartError
from voicebox_tts.engines.kokoro import from_packages, model_files

from tests.support.packaged_kokoro import tarball


def test_it_has_all_voices(tmp_path: Path) -> None:
    home = from_packages.make(tmp_path, tarball())
    assert home == tmp_path / "kokoro" / "82m"
    assert len(list((home / "voices").iterdir())) == 54
    assert len(model_files.voices(home)) == 41
    assert model_files.style(home / "voices" / "af_heart.bin").shape == (510, 256)
    (home / "mine").touch()
    assert from_packages.make(tmp_path, tarball()) == home
    assert (home / "mine").exists()


def test_another_package_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    other = tmp_path / "kokoro-js.tgz"
    other.write_bytes(b"another")
    with pytest.raises(StartError, match="is not the known package"):
        from_packages.make(tmp_path / "models", other)
    assert not (tmp_path / "models").exists()
