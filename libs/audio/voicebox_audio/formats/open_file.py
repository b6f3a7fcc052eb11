"""What the two readers, wav.py and libav.py, give: samples as they are decoded, and what is known of the file."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from voicebox_audio.pcm import Frames


@dataclass(frozen=True)
class DecodedBlock:
    """Decoded audio at the source's rate. The rate and the number of channels may change from piece to piece."""

    frames: Frames
    sample_rate_hz: int

    @property
    def channel_count(self) -> int:
        return int(self.frames.shape[1])


@dataclass(frozen=True)
class OpenFile:
    """A file that is being decoded. `promised_seconds` is how long its header says that it lasts, None when it does not
    say.

    `ended_whole` says, once all pieces were read, whether no packet was broken, and the container's own mark of its end
    was there, where it has one.
    """

    container: str
    codec: str
    promised_seconds: float | None
    pieces: Iterator[DecodedBlock]
    ended_whole: Callable[[], bool] = lambda: True
