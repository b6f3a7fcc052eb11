"""What the two readers, wav.py and libav.py, give: mono samples as they are decoded, and what is known of the file."""

from collections.abc import Iterator
from dataclasses import dataclass

from voicebox_sound.pcm import Samples


@dataclass(frozen=True)
class Piece:
    """Decoded sound, mixed down to mono at the source's rate. The rate and the channels may change from piece to piece."""

    samples: Samples
    sample_rate_hz: int
    channel_count: int


@dataclass(frozen=True)
class Reading:
    """A file that is being decoded. `promised_seconds` is how long its header says that it lasts, None when it does not say."""

    container: str
    codec: str
    promised_seconds: float | None
    pieces: Iterator[Piece]
