"""Writes FLAC, Ogg Opus, MP3 and AAC with FFmpeg's libraries, into a pipe that cannot be rewound."""

from dataclasses import dataclass, field
from typing import Literal

import av
import numpy as np
from av.audio.frame import AudioFrame

from voicebox_audio.pcm import Samples, to_s16le

from .encodings import Encoding
from .marks import UNMARKED, Mark


@dataclass(frozen=True)
class _Form:
    muxer: str
    codec: Literal["flac", "libopus", "libmp3lame", "aac"]
    sample_format: Literal["s16", "flt", "fltp"]
    muxer_options: dict[str, str] = field(default_factory=dict)


_FORMS = {
    # Without the option FFmpeg puts 8 KiB of nothing before the first sample.
    Encoding.FLAC: _Form("flac", "flac", "s16", {"metadata_header_padding": "0"}),
    # A page ends after 200 ms instead of 1 s, since only whole pages are sent.
    Encoding.OGG_OPUS: _Form("ogg", "libopus", "flt", {"page_duration": "200000"}),
    # The Xing header holds the length, which a stream does not know.
    Encoding.MP3: _Form("mp3", "libmp3lame", "fltp", {"write_xing": "0"}),
    Encoding.AAC: _Form("adts", "aac", "fltp"),
}
_OPUS_BITS_PER_SECOND = 48_000


class LibavEncoder:
    """An Encoder (see encode.py) for FLAC, Ogg Opus, MP3 and AAC."""

    def __init__(self, encoding: Encoding, sample_rate_hz: int, mark: Mark = UNMARKED) -> None:
        form = _FORMS[encoding]
        options = {"flush_packets": "1", **form.muxer_options}
        if encoding is Encoding.MP3:
            options["id3v2_version"] = "3" if mark.entries else "0"
        self._sample_rate_hz = sample_rate_hz
        self._sample_format = form.sample_format
        self._pushed_samples = 0
        self._begins_with_audio, self._has_audio = encoding is Encoding.MP3, False
        self._pipe = _Pipe()
        self._container = av.open(self._pipe, "w", format=form.muxer, options=options)
        self._container.metadata.update(mark.entries)
        self._stream = self._container.add_stream(form.codec, rate=sample_rate_hz)
        self._stream.layout = "mono"
        self._stream.format = form.sample_format
        if encoding is not Encoding.FLAC:
            self._stream.bit_rate = (
                _OPUS_BITS_PER_SECOND if encoding is Encoding.OGG_OPUS else _bits_per_second(sample_rate_hz)
            )
        self._container.start_encoding()

    def push(self, samples: Samples) -> bytes:
        """Takes samples, shape (n,); returns the bytes that are ready, maybe none.

        An ID3 tag waits for the audio behind it, so that what is measured as the first audio is audio.
        """
        if samples.size:
            packets = self._stream.encode(self._frame(samples))
            self._container.mux(packets)
            self._has_audio |= bool(packets)
            self._pushed_samples += samples.size
        return self._pipe.take() if self._has_audio or not self._begins_with_audio else b""

    def finish(self) -> bytes:
        """Returns the rest. Nothing may be pushed afterwards."""
        if self._pushed_samples:
            self._container.mux(self._stream.encode(None))
        self._container.close()
        return self._pipe.take()

    def _frame(self, samples: Samples) -> AudioFrame:
        values = np.frombuffer(to_s16le(samples), "<i2") if self._sample_format == "s16" else np.clip(samples, -1, 1)
        frame = AudioFrame.from_ndarray(values[np.newaxis], format=self._sample_format, layout="mono")
        frame.sample_rate = self._sample_rate_hz
        frame.pts = self._pushed_samples
        return frame


def _bits_per_second(sample_rate_hz: int) -> int:
    """MP3's and AAC's. 64 kbit/s is the most that MPEG-2.5 (8 to 12 kHz) has, and enough for mono speech up to 24 kHz.

    Above that more is needed.
    """
    return 64_000 if sample_rate_hz <= 24_000 else 96_000


class _Pipe:
    """A file for the muxer to write to, which cannot seek."""

    def __init__(self) -> None:
        self._written = bytearray()

    def write(self, data: bytes) -> int:
        self._written += data
        return len(data)

    def take(self) -> bytes:
        taken = bytes(self._written)
        self._written.clear()
        return taken
