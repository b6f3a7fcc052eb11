"""What is piped into the command."""

import codecs
import sys
from collections.abc import Iterator
from typing import cast

from .upload import BinaryFile

READ_BYTES = 4096


def stdin() -> BinaryFile:
    """Standard input without Python's buffer: bytes come as soon as they are there, and a thread that still waits for
    them when the command ends holds no lock that the interpreter needs.
    """
    return cast("BinaryFile", getattr(sys.stdin.buffer, "raw", sys.stdin.buffer))


def text_as_it_comes() -> Iterator[str]:
    """Text while it is being written; what is not valid UTF-8 becomes U+FFFD, since half of it may be spoken
    already.
    """
    file = stdin()
    pieces = iter(lambda: file.read(READ_BYTES) or b"", b"")
    return filter(None, codecs.iterdecode(pieces, "utf-8", errors="replace"))
