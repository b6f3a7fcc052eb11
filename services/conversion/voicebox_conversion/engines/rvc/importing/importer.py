"""Has a checkpoint read by a confined process, and takes from it tensors and a few words."""

import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, Any

from voicebox_kit.errors import InvalidField

from voicebox_conversion.engine import Checkpoint
from voicebox_conversion.engines.rvc.voice import MAX_FILE_BYTES

WALL_SECONDS = 300.0
_MAX_LINE = 64 * 1024
_BLOCK = 1 << 20
_COMMAND = (sys.executable, "-I", "-m", "voicebox_conversion.engines.rvc.importing.child")


def imported(checkpoint: Path, index: Path | None, file: Path) -> Checkpoint:
    """Write the voice of a checkpoint to `file`. InvalidField("archive") for what is none."""
    for each in (checkpoint, *((index,) if index else ())):
        if each.stat().st_size > MAX_FILE_BYTES:
            raise _refused(f"a file has more than {MAX_FILE_BYTES} bytes")
    if index is None:
        answer = _run(checkpoint, None, file)
    else:
        with index.open("rb") as vectors:
            answer = _run(checkpoint, vectors, file)
    if refused := answer.get("refused"):
        raise _refused(str(refused))
    return Checkpoint(int(answer["rate_hz"]), {name: float(value) for name, value in answer["metrics"].items()})


def _run(checkpoint: Path, index: IO[bytes] | None, file: Path) -> dict[str, Any]:
    number = index.fileno() if index else -1
    words = (*_COMMAND, str(number), str(MAX_FILE_BYTES))
    with (
        checkpoint.open("rb") as given,
        subprocess.Popen(
            words,
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


def _answer(line: bytes, code: int) -> dict[str, Any]:
    if code or not line.endswith(b"\n"):
        return {"refused": "it cannot be read with the memory and the time that it may have"}
    answer: dict[str, Any] = json.loads(line)
    return answer


def _copy(source: IO[bytes], file: Path) -> None:
    size = 0
    with file.open("wb") as target:
        while block := source.read(_BLOCK):
            size += len(block)
            if size > MAX_FILE_BYTES:
                raise _refused(f"the voice has more than {MAX_FILE_BYTES} bytes")
            target.write(block)


def _refused(why: str) -> InvalidField:
    return InvalidField("archive", f"The checkpoint is no voice model of RVC v2: {why}.", "CHECKPOINT_REFUSED")
