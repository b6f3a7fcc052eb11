"""Reads WAV files: RIFF, RF64 and BW64 with PCM, float, A-law or mu-law samples.

FFmpeg's reader is not used for WAV: it waits for the first 64 KiB (two seconds of 16 kHz speech) to see whether they hide S/PDIF frames.
The header's layout is Microsoft's "Multimedia Programming Interface and Data Specifications 1.0", that of RF64 is EBU Tech 3306.
"""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from voicebox_sound.errors import AudioError, Reason
from voicebox_sound.intake import Intake
from voicebox_sound.pcm import SampleJoiner
from voicebox_sound.reading import Piece, Reading

_EXTENSIBLE = 0xFFFE
_EXTENSIBLE_GUID_END = bytes.fromhex("000000001000800000aa00389b71")
_MOST_FORMAT_BYTES = 4096
_PLACEHOLDER = 0x7FFF0000
"""A data size from here on is what writers put down when they do not know it: 0xFFFFFFFF, 0x7FFFFFFF, either less the header."""
_BLOCK_BYTES = 65536

_Convert = Callable[[bytes], NDArray[np.float32]]


@dataclass(frozen=True)
class _Format:
    codec: str
    channel_count: int
    sample_rate_hz: int
    frame_bytes: int
    convert: _Convert


def open_wav(intake: Intake) -> Reading:
    """Reads the header. AudioError AUDIO_UNREADABLE or AUDIO_FORMAT_REFUSED when it is none that is read."""
    form, riff_bytes, _ = struct.unpack("<4sI4s", intake.exactly(12))
    wav_format, wide_bytes, position = None, None, 12
    while len(header := intake.exactly(8)) == 8:
        name, size = struct.unpack("<4sI", header)
        position += 8
        if name == b"data":
            if wav_format is None:
                raise AudioError(Reason.AUDIO_UNREADABLE, "The WAV file has no format before its sound.")
            data_bytes = wide_bytes if form != b"RIFF" and wide_bytes is not None else _data_bytes(size, riff_bytes, position)
            return _reading(intake, wav_format, data_bytes)
        position += size + size % 2
        if name == b"fmt ":
            wav_format = _parse_format(intake.exactly(min(size, _MOST_FORMAT_BYTES)))
            intake.skip(size - min(size, _MOST_FORMAT_BYTES) + size % 2)
        elif name == b"ds64" and size >= 16:
            wide_bytes = struct.unpack("<8xQ", intake.exactly(16))[0]
            intake.skip(size - 16 + size % 2)
        else:
            intake.skip(size + size % 2)
    raise AudioError(Reason.AUDIO_UNREADABLE, "The WAV file ends before its sound begins.")


def _data_bytes(size: int, riff_bytes: int, position: int) -> int | None:
    """How long the sound is, None when the header was written before that was known: then it goes to the end of the file."""
    unpatched = size == 0 and (riff_bytes <= position - 8 or riff_bytes >= _PLACEHOLDER)
    return None if unpatched or size >= _PLACEHOLDER else size


def _parse_format(chunk: bytes) -> _Format:
    if len(chunk) < 16:
        raise AudioError(Reason.AUDIO_UNREADABLE, "The WAV file's format is cut off.")
    tag, channels, rate, _, frame_bytes, bits = struct.unpack_from("<HHIIHH", chunk)
    if tag == _EXTENSIBLE and chunk[26:40] == _EXTENSIBLE_GUID_END:
        tag = struct.unpack_from("<H", chunk, 24)[0]
    if (tag, bits) not in _CONVERSIONS:
        raise AudioError(Reason.AUDIO_FORMAT_REFUSED, f"WAV with the codec {tag:#06x} and {bits} bits is not read.")
    if channels == 0 or rate == 0 or frame_bytes != channels * bits // 8:
        raise AudioError(Reason.AUDIO_UNREADABLE, "The WAV file's format contradicts itself.")
    codec, convert = _CONVERSIONS[tag, bits]
    return _Format(codec, channels, rate, frame_bytes, convert)


def _reading(intake: Intake, wav_format: _Format, data_bytes: int | None) -> Reading:
    promised = None if data_bytes is None else data_bytes // wav_format.frame_bytes / wav_format.sample_rate_hz
    return Reading("wav", wav_format.codec, promised, _pieces(intake, wav_format, data_bytes))


def _pieces(intake: Intake, wav_format: _Format, data_bytes: int | None) -> Iterator[Piece]:
    joiner = SampleJoiner(wav_format.frame_bytes)
    left = data_bytes
    while (left is None or left > 0) and (data := intake.read(_BLOCK_BYTES if left is None else min(_BLOCK_BYTES, left))):
        left = None if left is None else left - len(data)
        if whole := joiner.push(data):
            frames = wav_format.convert(whole).reshape(-1, wav_format.channel_count)
            yield Piece(frames, wav_format.sample_rate_hz)


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
    return np.asarray(np.clip(np.frombuffer(data, "<f8"), -1, 1), np.float32)


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
