"""Has a checkpoint read by a confined process, and takes from it tensors and a few words."""

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from voicebox_kit.errors import InvalidField
from voicebox_models.pickles import process

VOICE, BASE, VOCODER = "voice", "base", "vocoder"
"""What a checkpoint may hold: a voice of RVC, a model to begin a training with, the vocoder of kNN-VC."""
MAX_BYTES = 512 * 1024 * 1024
"""Of a checkpoint, of an index, and of what becomes of them."""
_CHILD = "voicebox_conversion.engines.importing.child"


def read(kind: str, checkpoint: Path, index: Path | None, file: Path) -> Mapping[str, Any]:
    """Write the tensors of a checkpoint to `file`, and answer what else there is to know. InvalidField("archive") for
    what cannot be used.
    """
    for each in (checkpoint, *((index,) if index else ())):
        if each.stat().st_size > MAX_BYTES:
            raise _refused(f"a file has more than {MAX_BYTES} bytes")
    try:
        with ExitStack() as stack:
            vectors = [stack.enter_context(index.open("rb"))] if index else []
            number = vectors[0].fileno() if vectors else -1
            return process.read(_CHILD, (kind, str(number), str(MAX_BYTES)), checkpoint, file, MAX_BYTES, vectors)
    except ValueError as error:
        raise _refused(str(error)) from error


def _refused(why: str) -> InvalidField:
    return InvalidField("archive", f"The checkpoint cannot be used: {why}.", "CHECKPOINT_REFUSED")
