"""What a file says about itself: that its speech is synthetic, and what made it."""

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field

DIGITAL_SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
"""IPTC's term for media that a trained model made, which C2PA uses, too."""

SOFTWARE = "voicebox"


@dataclass(frozen=True)
class Mark:
    """The entries of a file's metadata, by FFmpeg's names for them; none where nothing is said."""

    entries: Mapping[str, str] = field(default_factory=dict)


UNMARKED = Mark()


def synthetic(engine: str, model: str) -> Mark:
    """The mark of speech that a model made. It holds neither the text nor whose it is."""
    comment = f"AI-generated speech. Made by {SOFTWARE} with the engine {engine}, model {model}."
    return Mark({"comment": comment, "digital_source_type": DIGITAL_SOURCE_TYPE})


def riff_info(mark: Mark) -> bytes:
    """The LIST chunk of a WAV file that says the same, for behind its samples; empty without entries."""
    if not mark.entries:
        return b""
    comment = " ".join(mark.entries.values())
    body = b"INFO" + _info(b"ISFT", SOFTWARE) + _info(b"ICMT", comment)
    return struct.pack("<4sI", b"LIST", len(body)) + body


def _info(name: bytes, text: str) -> bytes:
    data = text.encode() + b"\0"
    return struct.pack("<4sI", name, len(data)) + data + bytes(len(data) % 2)
