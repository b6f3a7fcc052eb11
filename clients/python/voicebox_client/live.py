"""Sound as it would come from a microphone: blocks of samples at the speed of speech."""

import time
import wave
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from .recognition_requests import RecognitionOptions
from .upload import BinaryFile

BLOCK_SECONDS = 0.1
DEFAULT_RATE_HZ = 16000
BYTES_PER_SAMPLE = 2
# As much as 0.1 s of 16 kHz samples.
BLOCK_BYTES = 3200


@dataclass(frozen=True)
class LiveAudio:
    """Blocks of s16le samples, and their format."""

    blocks: Iterator[bytes]
    options: RecognitionOptions


def samples(file: BinaryFile) -> LiveAudio:
    """Headerless samples from a file that has its own pace, such as a microphone's pipe."""
    return LiveAudio(iter(lambda: file.read(BLOCK_BYTES) or b"", b""), {})


def recording(path: Path, sample_rate_hz: int | None, sleep: Callable[[float], None]) -> LiveAudio:
    """A file of headerless samples when their rate is given, else a 16-bit WAV file. Raises click.ClickException,
    OSError.
    """
    if sample_rate_hz is not None:
        frames, rate_hz, channel_count = path.read_bytes(), sample_rate_hz, 1
    else:
        frames, rate_hz, channel_count = _wav_frames(path)
    block_bytes = int(BLOCK_SECONDS * rate_hz) * BYTES_PER_SAMPLE * channel_count
    blocks = (frames[at : at + block_bytes] for at in range(0, len(frames), block_bytes))
    return LiveAudio(
        paced(blocks, BLOCK_SECONDS, time.monotonic, sleep), {"sample_rate_hz": rate_hz, "channel_count": channel_count}
    )


def paced(
    blocks: Iterator[bytes], block_seconds: float, clock: Callable[[], float], sleep: Callable[[float], None]
) -> Iterator[bytes]:
    """Gives each block when its audio would have ended, counted from the start, so that errors do not add up."""
    began = clock()
    for index, block in enumerate(blocks, start=1):
        sleep(max(0.0, began + index * block_seconds - clock()))
        yield block


def _wav_frames(path: Path) -> tuple[bytes, int, int]:
    """The samples of a 16-bit WAV file, their rate and the number of channels."""
    try:
        with wave.open(str(path)) as file:
            if file.getsampwidth() == BYTES_PER_SAMPLE:
                return file.readframes(file.getnframes()), file.getframerate(), file.getnchannels()
    except (wave.Error, EOFError):
        pass
    raise click.ClickException(f"{path}: --live needs a 16-bit WAV file, or headerless samples with --rate.")
