"""What a watermark is: an inaudible signal that is added to speech, and found again in a recording of it."""

from dataclasses import dataclass
from typing import Protocol

from voicebox_models.engine import Loadable

from .engine import Samples


@dataclass(frozen=True)
class Detection:
    """How much of a recording is watermarked: `share` of its samples, 0 to 1; `message` are the bits that it carries,
    as 0 and 1. `is_detected` is the watermark's own judgement.
    """

    share: float
    is_detected: bool
    message: str


class WatermarkStream(Protocol):
    """Marks one stream. All that `push` and `finish` return, joined, has as many samples as all that was pushed."""

    def push(self, samples: Samples) -> Samples:
        """Take samples, shape (n,); returns those that are marked, maybe none."""

    def finish(self) -> Samples:
        """The rest; nothing may be pushed afterwards."""

    def drop(self) -> None:
        """Forget what is held back."""


class Watermark(Loadable, Protocol):
    """A model that marks and detects. Blocking and thread-safe, as an engine."""

    def open(self, sample_rate_hz: int) -> WatermarkStream:
        """Begin a stream at a rate."""

    def detect(self, samples: Samples, sample_rate_hz: int) -> Detection:
        """Look for the watermark in a recording, shape (n,)."""
