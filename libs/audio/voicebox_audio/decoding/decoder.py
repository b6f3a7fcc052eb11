"""The one safe decoder: an untrusted audio file becomes samples, in a confined process.

    async with open_decoder() as decoder:
        clip = await decoder.decode(data, sample_rate_hz=16000, limits=Limits())

Each file is decoded by a worker of its own (worker.py), forked from a warm process (fork_server_process.py), with
bounded memory and time (confinement.py). The formats that it reads stand in the README; all else is refused. Files that
were joined into one are read to the end of the last. A file that ends too early gives what is there, and
`SourceFile.cut_short` is True.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from voicebox_audio.errors import AudioError, AudioReason
from voicebox_audio.pcm import Frames, Samples

from . import messages
from .fork_server import ForkServer
from .limits import Limits
from .worker_process import Worker, WorkerDied

_MAX_RATE_HZ = 192_000
_MAX_PEAK = 1.5
"""Lossy codecs overshoot full scale by a little, and so do float mixes, which clipping does not harm."""
_MAX_OVER_RATIO = 0.01
_SLACK_SECONDS = 0.1
"""How much longer than allowed the audio may be by our own count: resampling rounds up, once at every change of the
file's rate.
"""


@dataclass(frozen=True)
class SourceFile:
    """A file's properties before it was decoded.

    `container` is one of those that sniff.py knows, or mpegts, ac3 or eac3; `codec` is FFmpeg's name, such as pcm_s16le
    or opus. Rate and channel count are those of its first sound. `cut_short` says that its header promised more than
    was there, or that a packet behind its first sound or a file joined to it cannot be read; a header that was
    written before the length was known promises nothing.

    `peak` is the highest absolute value of a sample, 1 being full scale, `over_ratio` the share of samples beyond it,
    and `not_numbers` counts those that are infinite or NaN.
    """

    container: str
    codec: str
    sample_rate_hz: int
    channel_count: int
    duration_seconds: float = 0.0
    cut_short: bool = False
    peak: float = 0.0
    over_ratio: float = 0.0
    not_numbers: int = 0

    @property
    def is_over_full_scale(self) -> bool:
        """Whether clipping has changed the audio audibly: float samples that were never scaled to [-1, 1], or mixed far
        too loud.
        """
        return self.peak > _MAX_PEAK or self.over_ratio > _MAX_OVER_RATIO


@dataclass(frozen=True)
class DecodedFile:
    """A decoded file: mono samples, shape (n,), in [-1, 1], at `sample_rate_hz`; (n, channels) when `separate`."""

    samples: Samples | Frames = field(repr=False)
    sample_rate_hz: int
    source: SourceFile


class Decoder:
    """Decodes files, each in its own process. Any number at a time: the caller limits it."""

    def __init__(self, fork_server: ForkServer) -> None:
        self._fork_server = fork_server

    async def decode(
        self, data: bytes, sample_rate_hz: int | None, limits: Limits, *, separate: bool = False
    ) -> DecodedFile:
        """Decodes a whole file to `sample_rate_hz`, None for its own rate; its channels' mean, or each by itself when
        `separate`.

        AudioError says what is wrong with it.
        """
        blocks = _once(data)
        stream = self.stream(blocks, sample_rate_hz, limits, separate=separate)
        try:
            async with asyncio.timeout(limits.wall_seconds), contextlib.aclosing(blocks), contextlib.aclosing(stream):
                samples = np.concatenate([piece async for piece in stream])
        except TimeoutError as error:
            raise AudioError(
                AudioReason.AUDIO_TOO_SLOW, f"Decoding the audio takes longer than {limits.wall_seconds:g} s."
            ) from error
        assert stream.source is not None
        return DecodedFile(samples, sample_rate_hz or stream.source.sample_rate_hz, stream.source)

    def stream(
        self, blocks: AsyncIterator[bytes], sample_rate_hz: int | None, limits: Limits, *, separate: bool = False
    ) -> "DecodedStream":
        """Decodes a file that is still arriving: audio comes out as bytes go in, and bytes are taken as audio is read.

        Close it (`contextlib.aclosing`) when it is not read to its end; that ends its process at once.
        What `blocks` raises is raised to the reader.
        """
        if sample_rate_hz is not None and not 1 <= sample_rate_hz <= _MAX_RATE_HZ:
            raise ValueError(f"sound cannot be resampled to {sample_rate_hz} Hz")
        return DecodedStream(self._fork_server, blocks, sample_rate_hz, limits, separate=separate)


@contextlib.asynccontextmanager
async def open_decoder() -> AsyncIterator[Decoder]:
    """A decoder whose process is warm. DecoderUnavailable when that cannot be started."""
    fork_server = ForkServer()
    try:
        await fork_server.start()
        yield Decoder(fork_server)
    finally:
        fork_server.close()


async def _once(data: bytes) -> AsyncGenerator[bytes]:
    yield data


class DecodedStream:
    """Mono float32 arrays, shape (n,), n <= 16,384, as they are decoded. AudioError comes from reading it.

    When `separate`, they have shape (n, channels) and n * channels <= 16,384; a file whose number of channels changes
    is refused.

    `source` is None before the first array; its `duration_seconds` and what follows that are set after the last.
    """

    def __init__(
        self,
        fork_server: ForkServer,
        blocks: AsyncIterator[bytes],
        sample_rate_hz: int | None,
        limits: Limits,
        *,
        separate: bool = False,
    ) -> None:
        self.source: SourceFile | None = None
        self._fork_server = fork_server
        self._blocks = blocks
        self._requested_rate_hz = sample_rate_hz
        self._limits = limits
        self._separate = separate
        self._pieces = self._decode()

    @property
    def sample_rate_hz(self) -> int | None:
        """The rate of the arrays: as requested, or the file's own, which is None before the first array."""
        return self._requested_rate_hz or (self.source.sample_rate_hz if self.source else None)

    def __aiter__(self) -> "DecodedStream":
        return self

    async def __anext__(self) -> Samples | Frames:
        return await anext(self._pieces)

    async def aclose(self) -> None:
        """Stops decoding and ends the process at once."""
        await self._pieces.aclose()

    async def _decode(self) -> AsyncGenerator[Samples | Frames]:
        worker = await self._fork_server.worker()
        feeding = asyncio.create_task(self._feed(worker))
        try:
            async with contextlib.aclosing(self._receive(worker)) as pieces:
                async for samples in pieces:
                    yield samples
        except WorkerDied as death:
            if feeding.done() and (cause := feeding.exception()):
                raise cause from None
            raise AudioError(
                AudioReason.AUDIO_UNREADABLE,
                "Decoding the audio broke off: it is damaged, or takes more memory or time than is allowed.",
            ) from death
        finally:
            worker.kill()
            feeding.cancel()
            try:
                await asyncio.gather(feeding, return_exceptions=True)
            finally:
                worker.close()

    async def _feed(self, worker: Worker) -> None:
        """Sends the job and the bytes. When the bytes' source fails, the worker is killed, and the reader gets an
        error.
        """
        job = {"sample_rate_hz": self._requested_rate_hz, "separate": self._separate, "limits": asdict(self._limits)}
        try:
            alive = await worker.send(messages.frame(messages.JOB, json.dumps(job).encode()))
            while alive and (block := await anext(self._blocks, None)) is not None:
                alive = await worker.send(block)
            worker.send_end()
        except BaseException:
            worker.kill()
            raise

    async def _receive(self, worker: Worker) -> AsyncGenerator[Samples | Frames]:
        """The audio that the worker sends. It is counted here too, since a worker that a file took over counts
        nothing.
        """
        left_seconds = self._limits.max_seconds + _SLACK_SECONDS
        while True:
            kind, payload = await worker.frame()
            if kind == messages.AUDIO and self.source is not None and len(payload) % (4 * self._channel_count) == 0:
                samples = np.frombuffer(payload, "<f4")
                if self._separate:
                    samples = samples.reshape(-1, self._channel_count)
                left_seconds -= len(samples) / (self._requested_rate_hz or self.source.sample_rate_hz)
                if left_seconds < 0:
                    raise WorkerDied
                yield samples
            elif self._handle(kind, payload):
                return

    @property
    def _channel_count(self) -> int:
        """How many channels the arrays have."""
        return self.source.channel_count if self._separate and self.source else 1

    def _handle(self, kind: bytes, payload: bytearray) -> bool:
        """Handles a message that is not audio; True when it is the last. Raises AudioError for an error."""
        try:
            message = json.loads(payload)
            if kind == messages.ERROR:
                error = AudioError(AudioReason(message["reason"]), str(message["sentence"]))
            elif kind == messages.SOURCE and self.source is None:
                self.source = _source(message)
                if not 1 <= self.source.channel_count <= self._limits.max_channels:
                    raise WorkerDied
                return False
            elif kind == messages.END and self.source is not None:
                self.source = _ended(self.source, message)
                return True
            else:
                raise WorkerDied
        except (ValueError, TypeError, KeyError) as confused:
            raise WorkerDied from confused
        raise error


def _ended(source: SourceFile, message: dict[str, Any]) -> SourceFile:
    return replace(
        source,
        duration_seconds=float(message["duration_seconds"]),
        cut_short=bool(message["cut_short"]),
        peak=float(message["peak"]),
        over_ratio=float(message["over_ratio"]),
        not_numbers=int(message["not_numbers"]),
    )


def _source(message: dict[str, Any]) -> SourceFile:
    return SourceFile(
        container=str(message["container"]),
        codec=str(message["codec"]),
        sample_rate_hz=max(int(message["sample_rate_hz"]), 1),
        channel_count=int(message["channel_count"]),
    )
