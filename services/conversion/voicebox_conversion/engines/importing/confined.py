"""Has a checkpoint read by a confined process, and takes from it tensors and a few words."""

import json
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from voicebox_kit.errors import InvalidField

VOICE, BASE, VOCODER = "voice", "base", "vocoder"
"""What a checkpoint may hold: a voice of RVC, a model to begin a training with, the vocoder of kNN-VC."""
MAX_BYTES = 512 * 1024 * 1024
"""Of a checkpoint, of an index, and of what becomes of them."""
WALL_SECONDS = 300.0
_MAX_LINE = 64 * 1024
_BLOCK = 1 << 20
_COMMAND = (sys.executable, "-I", "-m", "voicebox_conversion.engines.importing.child")


def read(kind: str, checkpoint: Path, index: Path | None, file: Path) -> Mapping[str, Any]:
    """Write the tensors of a checkpoint to `file`, and answer what else there is to know. InvalidField("archive") for
    what cannot be used.
    """
    for each in (checkpoint, *((index,) if index else ())):
        if each.stat().st_size > MAX_BYTES:
            raise _refused(f"a file has more than {MAX_BYTES} bytes")
    if index is None:
        answer = _run(kind, checkpoint, None, file)
    else:
        with index.open("rb") as vectors:
            answer = _run(kind, checkpoint, vectors, file)
    if why := answer.get("refused"):
        raise _refused(str(why))
    return answer


def _run(kind: str, checkpoint: Path, index: IO[bytes] | None, file: Path) -> Mapping[str, Any]:
    number = index.fileno() if index else -1
    with (
        checkpoint.open("rb") as given,
        subprocess.Popen(
            (*_COMMAND, kind, str(number), str(MAX_BYTES)),
            stdin=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pass_fds=(number,) if index else (),
        ) as child,
    ):
        ending = threading.Timer(WALL_SECONDS, child.kill)
        ending.start()
        try:
            assert child.stdout is not None
            line = child.stdout.readline(_MAX_LINE)
            _copy(child.stdout, file)
            return _answer(line, child.wait())
        finally:
            ending.cancel()
            child.kill()


def _answer(line: bytes, code: int) -> Mapping[str, Any]:
    if code or not line.endswith(b"\n"):
        return {"refused": "it cannot be read with the memory and the time that it may have"}
    answer: Mapping[str, Any] = json.loads(line)
    return answer


def _copy(source: IO[bytes], file: Path) -> None:
    size = 0
    with file.open("wb") as target:
        while block := source.read(_BLOCK):
            size += len(block)
            if size > MAX_BYTES:
                raise _refused(f"there are more than {MAX_BYTES} bytes in it")
            target.write(block)


def _refused(why: str) -> InvalidField:
    return InvalidField("archive", f"The checkpoint cannot be used: {why}.", "CHECKPOINT_REFUSED")
