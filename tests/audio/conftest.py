"""Sound and files that the tests of voicebox_audio share."""

import io
import struct
from collections.abc import AsyncIterator, Callable

import numpy as np
import pytest
import pytest_asyncio
from numpy.typing import NDArray
from voicebox_audio.decoding.decoder import Decoder, open_decoder

from tests.support.shared_fork_server import SharedForkServer

Samples = NDArray[np.float32]


@pytest.fixture(autouse=True)
def decoder_is_warm(shared_fork_server: SharedForkServer) -> None:
    """These tests end fork servers of their own, and none that others use."""
    shared_fork_server.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def decoder() -> AsyncIterator[Decoder]:
    """One for a whole module, whose tests therefore share a loop (`pytest.mark.asyncio(loop_scope="module")`)."""
    async with open_decoder() as decoder:
        yield decoder


@pytest.fixture(scope="session")
def sine() -> Callable[..., Samples]:
    """sine(sample_rate_hz, seconds, frequency_hz=440) at half of full scale."""

    def sine(sample_rate_hz: int, seconds: float, frequency_hz: float = 440.0) -> Samples:
        times = np.arange(round(sample_rate_hz * seconds)) / sample_rate_hz
        return (0.5 * np.sin(2 * np.pi * frequency_hz * times)).astype(np.float32)

    return sine


@pytest.fixture(scope="session")
def frequency() -> Callable[[Samples, int], float]:
    """The strongest frequency, in Hz."""

    def frequency(samples: Samples, sample_rate_hz: int) -> float:
        spectrum = np.abs(np.fft.rfft(samples * np.hanning(samples.size)))
        return float(np.argmax(spectrum) * sample_rate_hz / samples.size)

    return frequency


@pytest.fixture(scope="session")
def riff() -> Callable[..., bytes]:
    """riff(body, ...): a WAV file around the bytes of its audio, with any header."""

    def riff(
        body: bytes,
        sample_rate_hz: int = 16_000,
        channels: int = 1,
        bits: int = 16,
        tag: int = 1,
        data_bytes: int | None = None,
        riff_bytes: int | None = None,
        before: bytes = b"",
        extensible: bool = False,
    ) -> bytes:
        frame_bytes = channels * bits // 8
        fmt = struct.pack(
            "<HHIIHH",
            0xFFFE if extensible else tag,
            channels,
            sample_rate_hz,
            sample_rate_hz * frame_bytes & 0xFFFFFFFF,
            frame_bytes,
            bits,
        )
        if extensible:
            fmt += struct.pack("<HHIH", 22, bits, 0, tag) + bytes.fromhex("000000001000800000aa00389b71")
        chunks = b"WAVEfmt " + struct.pack("<I", len(fmt)) + fmt + before
        chunks += b"data" + struct.pack("<I", len(body) if data_bytes is None else data_bytes)
        return (
            b"RIFF" + struct.pack("<I", len(chunks) + len(body) if riff_bytes is None else riff_bytes) + chunks + body
        )

    return riff


@pytest.fixture(scope="session")
def mux() -> Callable[..., bytes]:
    """mux(muxer, codec, samples, rate, **options): a file written by FFmpeg. `video=True` adds a black picture
    track.
    """

    def mux(
        muxer: str,
        codec: str,
        samples: Samples | None,
        sample_rate_hz: int = 48_000,
        video: bool = False,
        **options: str,
    ) -> bytes:
        import av

        file = io.BytesIO()
        with av.open(file, "w", format=muxer, options=options) as container:
            picture = container.add_stream("mpeg4", rate=25) if video else None
            if picture is not None:
                picture.width = picture.height = 64
                picture.pix_fmt = "yuv420p"
            stream = container.add_stream(codec, rate=sample_rate_hz) if samples is not None else None
            if stream is not None:
                stream.layout = "mono"
                stream.bit_rate = 64_000
            if picture is not None:
                for _ in range(25):
                    container.mux(picture.encode(av.VideoFrame(64, 64, "yuv420p")))
                container.mux(picture.encode(None))
            if stream is not None and samples is not None:
                frame = av.AudioFrame.from_ndarray(
                    np.rint(samples[np.newaxis] * 32767).astype(np.int16), format="s16", layout="mono"
                )
                frame.sample_rate = sample_rate_hz
                container.mux(stream.encode(frame))
                container.mux([packet for packet in stream.encode(None) if packet.size or muxer == "flac"])
        return file.getvalue()

    return mux
