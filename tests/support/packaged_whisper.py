"""Makes a folder of the Whisper models that wheels carry, `base` and `tiny.en`. Usage: packaged_whisper.py FOLDER"""

import sys
from pathlib import Path

from voicebox_asr.engines.whisper.published import KNOWN


def main(folder: Path) -> None:
    """Make `base` and `tiny.en` in `folder`, verified. Files that need no change are links."""
    for name in ("base", "tiny.en"):
        packaged = KNOWN[name].packaged
        if packaged is None or not packaged.present:
            raise SystemExit(f"The packages of Whisper {name} are not installed: make .venv/dev.stamp")
        (folder / name).mkdir(parents=True)
        for file in packaged.files:
            file.place(folder / name)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
