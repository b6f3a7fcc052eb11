"""Has a pickle read by a confined process, see child, and takes from it tensors and a few words."""

import json
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

WALL_SECONDS = 300.0
_MAX_LINE = 64 * 1024
_BLOCK = 1 << 20


def read(
    module: str, arguments: Sequence[str], pickle: Path, file: Path, max_bytes: int, also: Sequence[IO[bytes]] = ()
) -> Mapping[str, Any]:
    """Run `module` in a process whose standard input is the pickle; it inherits the files of `also`. The tensors are
    written to `file`; the answer is what else it says. ValueError, in words for people, for what cannot be used.
    """
    with (
        pickle.open("rb") as given,
        subprocess.Popen(
            (sys.executable, "-I", "-m", module, *arguments),
            stdin=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pass_fds=[each.fileno() for each in also],
        ) as child,
    ):
        ending = threading.Timer(WALL_SECONDS, child.kill)
        ending.start()
        try:
            assert child.stdout is not None
            line = child.stdout.readline(_MAX_LINE)
            _copy(child.stdout, file, max_bytes)
            answer = _answer(line, child.wait())
        finally:
            ending.cancel()
            child.kill()
    if why := answer.get("refused"):
        raise ValueError(str(why))
    return answer


def _answer(line: bytes, code: int) -> Mapping[str, Any]:
    if code or not line.endswith(b"\n"):
        return {"refused": "it cannot be read with the memory and the time that it may have"}
    answer: Mapping[str, Any] = json.loads(line)
    return answer


def _copy(source: IO[bytes], file: Path, max_bytes: int) -> None:
    size = 0
    with file.open("wb") as target:
        while block := source.read(_BLOCK):
            size += len(block)
            if size > max_bytes:
                raise ValueError(f"there are more than {max_bytes} bytes in it")
            target.write(block)
