"""Reads WAV files: RIFF, RIFX (big-endian), RF64 and BW64 with PCM, float, A-law or mu-law samples.

FFmpeg's reader is not used for WAV: it waits for the first 64 KiB (two seconds of 16 kHz speech) to see whether they
hide S/PDIF frames. The header's layout is Microsoft's "Multimedia Programming Interface and Data Specifications 1.0",
that of RF64 is EBU Tech 3306.
"""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from voicebox_audio.errors import AudioError, AudioReason
from voicebox_audio.formats.mpeg import open_mpeg
from voicebox_audio.pcm import SampleJoiner

from .ffmpeg import open_libav
from .input import EncodedInput
from .links import ANY, SearchedLink
from .open_file import DecodedBlock, OpenFile
from .sniff import SNIFF_BYTES, sniff

_EXTENSIBLE = 0xFFFE
_EXTENSIBLE_GUID_END = bytes.fromhex("000000001000800000aa00389b71")
_MAX_FORMAT_BYTES = 4096
_FORMAT = struct.Struct("<HHIIHH")
_PLACEHOLDER = 0x7FFF0000
"""A data size from here on is what writers put down when they do not know it: 0xFFFFFFFF, 0x7FFFFFFF, either less the
header.
"""
_WIDE_PLACEHOLDER = 2**64 - 1
_UNKNOWN_SIZE = 0xFFFFFFFF
_BLOCK_BYTES = 65536
_SAMPLE_TAGS = {1, 3, 6, 7}
"""PCM, float, A-law, mu-law."""
_COMPRESSED_TAGS = {0x02, 0x11, 0x31, 0x50, 0x55, 0x160, 0x161, 0x162, 0x163, 0x2000}
"""MS and IMA ADPCM, GSM 6.10, MPEG audio, the four of WMA, AC-3. FFmpeg takes some other tags for codecs that they are
not.
"""
_AAC_TAGS = {0xFF, 0x706D, 0x1600, 0xA106}
"""What writers put down for AAC. It is read where it comes as ADTS: frames without a length cannot be separated."""
_NAMES = dict.fromkeys(_AAC_TAGS, "AAC without ADTS headers")
_FLOAT32_MAX = float(np.finfo(np.float32).max)
_TAGS = (b"TAG", b"APETAGEX", b"LYRICSBEGIN")
_LATER_CHUNKS = set(
    b"LIST|list|id3 |ID3 |bext|cue |smpl|inst|fact|PEAK|iXML|axml|chna|cart|JUNK|junk|PAD "
    b"|FLLR|DISP|plst|labl|note|ltxt|acid|strc|afsp|"
    b"umid|levl|link|minf|elm1|regn|_PMX|XMP |aXML|ovwf|SAUR|LGWV|AFAn".split(b"|")
)
"""Chunks that are known to stand behind the audio. Others count as such where the file's announced length has room for
them.
"""

_Convert = Callable[[bytes], NDArray[np.float32]]
_CHUNKS = _LATER_CHUNKS | {b"data", b"fmt "}
"""Names of chunks: one of them stands where a writer left out the padding of the chunk before."""


@dataclass(frozen=True)
class _Format:
    codec: str
    channel_count: int
    sample_rate_hz: int
    frame_bytes: int
    convert: _Convert


@dataclass(frozen=True)
class _Extent:
    """How many bytes of audio the header announces, None when it was written before that was known, and how many behind
    them.
    """

    data_bytes: int | None
    later_bytes: int
    order: str = "<"
    """How struct calls the order of the bytes."""


def open_wav(encoded: EncodedInput) -> OpenFile:
    """Reads the header. AudioError AUDIO_UNREADABLE or AUDIO_FORMAT_REFUSED when it is none that is read."""
    head = encoded.exactly(12)
    order = ">" if head.startswith(b"RIFX") else "<"
    form, riff_bytes, _ = struct.unpack(f"{order}4sI4s", head)
    format_chunk, wide_bytes, position = b"", None, 12
    while len(header := encoded.exactly(8)) == 8:
        name, size = struct.unpack(f"{order}4sI", header)
        position += 8
        if name == b"data":
            if not format_chunk:
                raise AudioError(AudioReason.AUDIO_UNREADABLE, "The WAV file has no format before its sound.")
            extent = (
                _wide_extent(wide_bytes)
                if form != b"RIFF" and wide_bytes is not None
                else _extent(size, riff_bytes, position)
            )
            return _open_samples(encoded, format_chunk, replace(extent, order=order))
        if name == b"fmt ":
            format_chunk = _little_endian(encoded.exactly(min(size, _MAX_FORMAT_BYTES)), order)
            encoded.skip(size - len(format_chunk))
        elif name == b"ds64" and size >= 16:
            wide_bytes = struct.unpack("<8xQ", encoded.exactly(16))[0]
            encoded.skip(size - 16)
        else:
            encoded.skip(size)
        padding = size % 2 and encoded.start(4) not in _CHUNKS  # some writers leave it out
        encoded.skip(padding)
        position += size + padding
    raise AudioError(AudioReason.AUDIO_UNREADABLE, "The WAV file ends before its sound begins.")


def _extent(size: int, riff_bytes: int, position: int) -> _Extent:
    if size >= _PLACEHOLDER or (size == 0 and (riff_bytes <= position - 8 or riff_bytes >= _PLACEHOLDER)):
        return _Extent(None, 0)
    return _Extent(size, max(riff_bytes + 8 - position - size, 0))


def _wide_extent(data_bytes: int) -> _Extent:
    return _Extent(None if data_bytes in (0, _WIDE_PLACEHOLDER) else data_bytes, 0)


def _open_samples(encoded: EncodedInput, format_chunk: bytes, extent: _Extent) -> OpenFile:
    """Reads samples here, and leaves compressed ones (ADPCM, GSM, MPEG, WMA) to FFmpeg."""
    if len(format_chunk) < 16:
        raise AudioError(AudioReason.AUDIO_UNREADABLE, "The WAV file's format is cut off.")
    tag = _tag(format_chunk)
    if tag in _SAMPLE_TAGS:
        wav_format = _parse_format(tag, format_chunk)
        return _reading(encoded, wav_format if extent.order == "<" else _swapped(wav_format), extent)
    if tag in _AAC_TAGS and sniff(encoded.start(SNIFF_BYTES)) == "aac":
        return replace(open_mpeg(encoded, "aac"), container="wav")
    if tag not in _COMPRESSED_TAGS:
        raise AudioError(
            AudioReason.AUDIO_FORMAT_REFUSED, f"WAV with {_NAMES.get(tag, 'the codec')} ({tag:#06x}) is not read."
        )
    encoded.unread(_plain_header(format_chunk, extent.data_bytes))
    return open_libav(SearchedLink(encoded, ANY), "wav")


def _little_endian(format_chunk: bytes, order: str) -> bytes:
    """The format as RIFF has it; only its first six numbers count in RIFX."""
    if order == "<" or len(format_chunk) < _FORMAT.size:
        return format_chunk
    return _FORMAT.pack(*struct.unpack_from(f"{order}HHIIHH", format_chunk))


def _swapped(wav_format: _Format) -> _Format:
    """The same for samples whose bytes stand in the opposite order."""
    width = wav_format.frame_bytes // wav_format.channel_count

    def convert(data: bytes) -> NDArray[np.float32]:
        return wav_format.convert(np.frombuffer(data, np.uint8).reshape(-1, width)[:, ::-1].tobytes())

    return replace(wav_format, codec=wav_format.codec.replace("le", "be"), convert=convert)


def _plain_header(format_chunk: bytes, data_bytes: int | None) -> bytes:
    """A header of nothing but the format: what else stood before the audio was passed over."""
    size = struct.pack("<I", _UNKNOWN_SIZE if data_bytes is None else data_bytes)
    head = b"WAVEfmt " + struct.pack("<I", len(format_chunk)) + format_chunk + b"\0" * (len(format_chunk) % 2)
    return b"RIFF" + struct.pack("<I", _UNKNOWN_SIZE) + head + b"data" + size


def _tag(format_chunk: bytes) -> int:
    tag: int = struct.unpack_from("<H", format_chunk)[0]
    if tag == _EXTENSIBLE and format_chunk[26:40] == _EXTENSIBLE_GUID_END:
        tag = struct.unpack_from("<H", format_chunk, 24)[0]
    return tag


def _parse_format(tag: int, format_chunk: bytes) -> _Format:
    _, channels, rate, _, frame_bytes, bits = struct.unpack_from("<HHIIHH", format_chunk)
    if channels == 0 or rate == 0 or (frame_bytes and frame_bytes % channels):
        raise AudioError(AudioReason.AUDIO_UNREADABLE, "The fields of the WAV file's format chunk do not agree.")
    stored_bits = (
        8 * frame_bytes // channels or bits
    )  # 20 bits are stored in 24; some writers leave the frame's size out
    if stored_bits < bits:
        raise AudioError(AudioReason.AUDIO_UNREADABLE, "The fields of the WAV file's format chunk do not agree.")
    if (tag, stored_bits) not in _CONVERSIONS:
        raise AudioError(
            AudioReason.AUDIO_FORMAT_REFUSED, f"WAV with the codec {tag:#06x} and {bits} bits is not read."
        )
    codec, convert = _CONVERSIONS[tag, stored_bits]
    return _Format(codec, channels, rate, channels * stored_bits // 8, convert)


def _reading(encoded: EncodedInput, wav_format: _Format, extent: _Extent) -> OpenFile:
    size = extent.data_bytes
    promised = None if size is None else size // wav_format.frame_bytes / wav_format.sample_rate_hz
    return OpenFile("wav", wav_format.codec, promised, _pieces(encoded, wav_format, extent))


def _pieces(encoded: EncodedInput, wav_format: _Format, extent: _Extent) -> Iterator[DecodedBlock]:
    joiner = SampleJoiner(wav_format.frame_bytes)
    for data in _audio_bytes(encoded, extent):
        if whole := joiner.push(data):
            frames = wav_format.convert(whole).reshape(-1, wav_format.channel_count)
            yield DecodedBlock(frames, wav_format.sample_rate_hz)


def _audio_bytes(encoded: EncodedInput, extent: _Extent) -> Iterator[bytes]:
    """The bytes of the audio: those that are announced, and those behind them that are no chunk, which a stale header
    did not count.
    """
    left = extent.data_bytes
    while True:
        if left == 0:
            if not _audio_continues(encoded, extent):
                return
            left = None
        data = encoded.read(_BLOCK_BYTES if left is None else min(_BLOCK_BYTES, left))
        if not data:
            return
        left = None if left is None else left - len(data)
        yield data


def _audio_continues(encoded: EncodedInput, extent: _Extent) -> bool:
    """Passes over the chunks behind the audio. True when something else follows that is no file either."""
    later_bytes = extent.later_bytes
    padding = extent.data_bytes is not None and extent.data_bytes % 2
    while header := encoded.start(SNIFF_BYTES + padding):
        if padding and header[0]:
            padding = 0  # left out by the writer
        header = header[padding:]
        if not header or sniff(header) or header.startswith(_TAGS):
            encoded.skip(padding)
            return False
        size = int(struct.unpack_from(f"{extent.order}I", header.ljust(8, b"\0"), 4)[0])
        if not _is_chunk(header[:4], size, later_bytes):
            return bool(later_bytes) or any(header)  # zeros behind a file whose lengths agree are padding
        later_bytes -= 8 + size + size % 2
        encoded.skip(padding + 8 + size + size % 2)
        padding = 0
    return False


def _is_chunk(name: bytes, size: int, later_bytes: int) -> bool:
    return name in _LATER_CHUNKS or (name.isascii() and name.decode().isprintable() and size + 8 <= later_bytes)


def _from_u8(data: bytes) -> NDArray[np.float32]:
    return np.frombuffer(data, np.uint8).astype(np.float32) / np.float32(2**7) - np.float32(1)


def _from_s16(data: bytes) -> NDArray[np.float32]:
    return np.frombuffer(data, "<i2").astype(np.float32) / np.float32(2**15)


def _from_s24(data: bytes) -> NDArray[np.float32]:
    wide = np.zeros((len(data) // 3, 4), np.uint8)
    wide[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
    return wide.view("<i4")[:, 0].astype(np.float32) / np.float32(2**31)


def _from_s32(data: bytes) -> NDArray[np.float32]:
    return np.frombuffer(data, "<i4").astype(np.float32) / np.float32(2**31)


def _from_f32(data: bytes) -> NDArray[np.float32]:
    return np.frombuffer(data, "<f4").astype(np.float32)


def _from_f64(data: bytes) -> NDArray[np.float32]:
    return np.asarray(np.clip(np.frombuffer(data, "<f8"), -_FLOAT32_MAX, _FLOAT32_MAX), np.float32)


def _from_alaw(data: bytes) -> NDArray[np.float32]:
    return _alaw_table()[np.frombuffer(data, np.uint8)]


def _from_mulaw(data: bytes) -> NDArray[np.float32]:
    return _mulaw_table()[np.frombuffer(data, np.uint8)]


@cache
def _alaw_table() -> NDArray[np.float32]:
    """ITU-T G.711 A-law, 13 bits: even bits are inverted, then sign, 3 bits of segment, 4 of step."""
    code = np.arange(256) ^ 0x55
    segment, step = code >> 4 & 7, code & 15
    magnitude = np.where(segment == 0, 2 * step + 1, (2 * step + 33) << np.maximum(segment - 1, 0))
    return np.asarray(np.where(code & 0x80, magnitude, -magnitude) / 4096, np.float32)


@cache
def _mulaw_table() -> NDArray[np.float32]:
    """ITU-T G.711 mu-law, 14 bits: all bits are inverted, then sign, 3 bits of segment, 4 of step."""
    code = np.arange(256) ^ 0xFF
    magnitude = ((2 * (code & 15) + 33) << (code >> 4 & 7)) - 33
    return np.asarray(np.where(code & 0x80, -magnitude, magnitude) / 8192, np.float32)


_CONVERSIONS: dict[tuple[int, int], tuple[str, _Convert]] = {
    (1, 8): ("pcm_u8", _from_u8),
    (1, 16): ("pcm_s16le", _from_s16),
    (1, 24): ("pcm_s24le", _from_s24),
    (1, 32): ("pcm_s32le", _from_s32),
    (3, 32): ("pcm_f32le", _from_f32),
    (3, 64): ("pcm_f64le", _from_f64),
    (6, 8): ("pcm_alaw", _from_alaw),
    (7, 8): ("pcm_mulaw", _from_mulaw),
}
"""How samples are written, by format tag and bits: the codec's name and what makes float32 of them."""
