"""Makes the vocoder's file of the published checkpoint: `python -m voicebox_conversion.engines.knnvc.import_vocoder
CHECKPOINT FOLDER`, where FOLDER is that of WavLM.
"""

import sys
from pathlib import Path

from voicebox_kit.errors import VoiceboxError

from voicebox_conversion.engines.importing import confined

from .engine import VOCODER_FILE


def main(checkpoint: Path, folder: Path) -> str:
    """Write the file, and answer why not, empty when it was written."""
    try:
        confined.read(confined.VOCODER, checkpoint, None, folder / f".{VOCODER_FILE}")
    except (VoiceboxError, OSError) as error:
        (folder / f".{VOCODER_FILE}").unlink(missing_ok=True)
        return error.sentence if isinstance(error, VoiceboxError) else str(error)
    (folder / f".{VOCODER_FILE}").replace(folder / VOCODER_FILE)
    return ""


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])) or None)
