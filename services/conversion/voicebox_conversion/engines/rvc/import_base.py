"""Makes a base model of a published checkpoint, such as `f0G40k.pth` of RVC v2: `python -m
voicebox_conversion.engines.rvc.import_base CHECKPOINT RATE_HZ`.
"""

import os
import sys
from pathlib import Path

from voicebox_kit.errors import VoiceboxError
from voicebox_models.settings import models_folder

from voicebox_conversion.engines.importing import confined

from .trainer import BASES


def main(checkpoint: Path, rate_hz: str, folder: Path) -> str:
    """Write the file, and answer why not, empty when it was written."""
    written = folder / f".{rate_hz}.safetensors"
    folder.mkdir(parents=True, exist_ok=True)
    try:
        confined.read(confined.BASE, checkpoint, None, written)
    except (VoiceboxError, OSError) as error:
        written.unlink(missing_ok=True)
        return error.sentence if isinstance(error, VoiceboxError) else str(error)
    written.replace(folder / f"{rate_hz}.safetensors")
    return ""


if __name__ == "__main__":
    if len(sys.argv) != 3 or not sys.argv[2].isdecimal():
        sys.exit(__doc__)
    sys.exit(main(Path(sys.argv[1]), sys.argv[2], models_folder(os.environ) / BASES) or None)
