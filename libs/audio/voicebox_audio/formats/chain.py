"""Reads files that were written one after the other into one, as `cat` joins them, as if they were one recording.

Ogg calls this chaining (RFC 3533, 4). Browsers, radio stations and recorders that start anew make such files; they may
be of several kinds. MP3 and AAC behind their like need nothing of the kind: FFmpeg reads on by itself.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

from voicebox_audio.errors import AudioError, AudioReason
from voicebox_audio.formats.aiff import with_length
from voicebox_audio.formats.mpeg import open_mpeg

from .ffmpeg import open_libav
from .flac import open_flac
from .input import EncodedInput, Readable
from .links import ANY, MATROSKA, Mp4Link, OggLink, SearchedLink, WavPackLink
from .open_file import DecodedBlock, OpenFile
from .preamble import find_audio
from .sniff import SNIFF_BYTES, sniff
from .walks import TransportWalk, Walk, Watched, avi, caf
from .wav import open_wav

_CHAINED: dict[str, Callable[[EncodedInput], OpenFile]] = {
    "wav": open_wav,
    "flac": open_flac,
    "ogg": lambda encoded: _open_ogg(OggLink(encoded)),
    "mp4": lambda encoded: _open_mp4(Mp4Link(encoded)),
    "webm": lambda encoded: _open_link(SearchedLink(encoded, MATROSKA), "webm"),
    "mp3": lambda encoded: open_mpeg(encoded, "mp3"),
    "aac": lambda encoded: open_mpeg(encoded, "aac"),
    "wavpack": lambda encoded: _open_link(WavPackLink(encoded), "wavpack"),
    "avi": lambda encoded: _open_watched(encoded, "avi", avi()),
    "caf": lambda encoded: _open_watched(encoded, "caf", caf()),
    "mpegts": lambda encoded: _open_watched(encoded, "mpegts", TransportWalk()),
    "aiff": lambda encoded: _open_link(SearchedLink(with_length(encoded), ANY), "aiff"),
}
_SLACK_SECONDS = 1e-6


class Chain:
    """The file that the input holds, and those that follow it.

    Opening it raises AudioError when the first cannot be read. `cut_short` is True once one of them ended before its
    header says, or a part of it or a later one cannot be read.
    """

    def __init__(self, encoded: EncodedInput) -> None:
        self._encoded = encoded
        container = find_audio(encoded)
        self.cut_short = False
        self.first = _open(encoded, container)

    def pieces(self) -> Iterator[DecodedBlock]:
        """The audio of all files. AudioError when nothing in the first one can be decoded."""
        yield from self._pieces_of(self.first)
        while container := sniff(self._encoded.start(SNIFF_BYTES)):
            try:
                yield from self._pieces_of(_open(self._encoded, container))
            except AudioError:
                self.cut_short = True
                return

    def _pieces_of(self, reading: OpenFile) -> Iterator[DecodedBlock]:
        seconds = 0.0
        for piece in reading.pieces:
            seconds += len(piece.frames) / piece.sample_rate_hz
            yield piece
        promised = reading.promised_seconds
        if not reading.ended_whole() or (promised is not None and seconds < promised - _SLACK_SECONDS):
            self.cut_short = True


def _open(encoded: EncodedInput, container: str) -> OpenFile:
    return _CHAINED[container](encoded) if container in _CHAINED else _open_link(SearchedLink(encoded, ANY), container)


def _open_ogg(link: OggLink) -> OpenFile:
    reading = _open_link(link, "ogg")
    return replace(reading, ended_whole=lambda: link.is_whole and reading.ended_whole())


def _open_mp4(link: Mp4Link) -> OpenFile:
    try:
        return _open_link(link, "mp4")
    except AudioError as error:
        if link.has_index or error.reason != AudioReason.AUDIO_UNREADABLE:
            raise
        sentence = "The MP4 file has no index (moov): it was cut off, or its recorder did not finish it."
        raise AudioError(AudioReason.AUDIO_UNREADABLE, f"{sentence} Without it the audio cannot be read.") from error


def _open_watched(encoded: EncodedInput, container: str, walk: Walk) -> OpenFile:
    reading = _open_link(Watched(SearchedLink(encoded, ANY), walk), container)
    return replace(reading, ended_whole=lambda: walk.is_whole and reading.ended_whole())


def _open_link(link: Readable, container: str) -> OpenFile:
    reading = open_libav(link, container)
    return replace(reading, pieces=_read_all(reading, link))


def _read_all(reading: OpenFile, link: Readable) -> Iterator[DecodedBlock]:
    """A file's audio; then what FFmpeg did not want of its bytes is passed over."""
    yield from reading.pieces
    while link.read(65_536):
        pass
