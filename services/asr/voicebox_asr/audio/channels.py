"""Reads the channels of a file, each with its own reader."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from voicebox_audio.pcm import Frames

from voicebox_asr.engine import Reader, RecognitionWarning, Samples, Segment, SupportsWarnings


@dataclass(frozen=True)
class ChannelSegment:
    """A segment of a channel, counted from 1; 0 for all of them mixed."""

    channel: int
    segment: Segment


class ChannelReader:
    """One file: mixed samples, shape (n,), or its channels side by side, shape (n, channels).

    Readers are opened when channels are first seen.
    """

    def __init__(self, open_reader: Callable[[], Reader]) -> None:
        self._open_reader = open_reader
        self._readers: dict[int, Reader] = {}

    @property
    def speech_seconds(self) -> float:
        """How much of the audio was speech, in all channels together."""
        return sum(reader.speech_seconds for reader in self._readers.values())

    @property
    def warnings(self) -> tuple[RecognitionWarning, ...]:
        """The warnings of all channels, by time."""
        found = [
            warning
            for reader in self._readers.values()
            if isinstance(reader, SupportsWarnings)
            for warning in reader.warnings
        ]
        return tuple(sorted(found, key=lambda warning: warning.start_seconds or 0.0))

    def process(self, audio: Samples | Frames) -> Iterator[ChannelSegment | None]:
        """Take the next samples; yields as a Reader does."""
        for channel, samples in by_channel(audio).items():
            yield from _of(channel, self._reader(channel).process(samples))

    def finish(self) -> Iterator[ChannelSegment | None]:
        """The file ends; yields as a Reader does."""
        for channel, reader in self._readers.items():
            yield from _of(channel, reader.finish())

    def interrupt(self) -> None:
        """As in Reader."""
        for reader in list(self._readers.values()):
            reader.interrupt()

    def close(self) -> None:
        """As in Reader."""
        for reader in self._readers.values():
            reader.close()

    def _reader(self, channel: int) -> Reader:
        if channel not in self._readers:
            self._readers[channel] = self._open_reader()
        return self._readers[channel]


def by_channel(audio: Samples | Frames) -> Mapping[int, Samples]:
    """Each channel's samples, shape (n,), counted from 1; those of a mix are channel 0."""
    return {0: audio} if audio.ndim == 1 else {index + 1: audio[:, index] for index in range(audio.shape[1])}


def _of(channel: int, segments: Iterator[Segment | None]) -> Iterator[ChannelSegment | None]:
    for segment in segments:
        yield ChannelSegment(channel, segment) if segment else None
