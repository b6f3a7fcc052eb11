"""The confined process that reads a pickle: an engine's module calls `answer` after everything is imported.

It answers on its standard output with a line of JSON, and then with safetensors. Engines unpickle nothing but tensors
and plain values (`weights_only`); should that ever fail, there is no file to open, no process to start and no network
here.
"""

import json
import os
from collections.abc import Callable, Mapping
from typing import IO, Any

from voicebox_audio.decoding.confinement import address_space_bytes, confine_permanently, confine_to
from voicebox_audio.decoding.limits import Limits

CPU_SECONDS = 120
MEMORY_BYTES = 1 << 30

Answer = tuple[Mapping[str, Any], bytes]
"""What is said, and the tensors as safetensors."""


def answer(read: Callable[[IO[bytes]], Answer], max_bytes: int) -> None:
    """Confine this process for good, and answer once with what `read` makes of standard input; a ValueError of it says
    why not, in words for people.
    """
    confine_permanently()
    limits = Limits(max_bytes=3 * max_bytes, memory_bytes=MEMORY_BYTES, cpu_seconds=CPU_SECONDS)
    confine_to(limits, address_space_bytes())
    said: Mapping[str, Any]
    try:
        with open(0, "rb", closefd=False) as file:
            said, content = read(file)
    except MemoryError:
        said, content = {"refused": "it needs more memory than it may have"}, b""
    except ValueError as error:
        said, content = {"refused": str(error)[:300]}, b""
    except Exception:  # whatever a hostile file brings about
        said, content = {"refused": "it cannot be read as weights alone"}, b""
    _write(json.dumps(said).encode() + b"\n" + content)


def _write(data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(1, rest[: 1 << 20]) :]
