"""Converts SNAC's published weights, a pickle, to safetensors, in a confined process.

    python -m voicebox_tts.engines.orpheus.snac.conversion FOLDER

does so in a folder that a person brought.
"""

import os
import sys
from pathlib import Path

from voicebox_kit.durable import sync_path
from voicebox_kit.errors import Precondition
from voicebox_models.pickles import process

from voicebox_tts.engines.codec_models.parts import WEIGHTS

from .config import PICKLE

MAX_BYTES = 512 * 1024 * 1024
"""The released weights have 79 MB."""
_CHILD = "voicebox_tts.engines.orpheus.snac.conversion_child"


def convert(folder: Path) -> Path:
    """Write the weights of the codec in `folder` as safetensors beside the pickle, which is removed, and give their
    file. Precondition("MODEL_UNSUITABLE") when it holds no weights of SNAC.
    """
    pickle, written = folder / PICKLE, folder / f".{WEIGHTS}"
    try:
        process.read(_CHILD, (str(MAX_BYTES),), pickle, written, MAX_BYTES)
    except ValueError as error:
        written.unlink(missing_ok=True)
        raise Precondition("MODEL_UNSUITABLE", str(pickle), f"{PICKLE} cannot be used: {error}.") from error
    sync_path(written)
    os.replace(written, folder / WEIGHTS)
    pickle.unlink()
    sync_path(folder)
    return folder / WEIGHTS


if __name__ == "__main__":
    convert(Path(sys.argv[1]))
