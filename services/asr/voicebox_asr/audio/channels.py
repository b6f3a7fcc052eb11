"""Reads the channels of a file, each with a reader of its own."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from voicebox_audio.pcm import Frames

from voicebox_asr.engine import Notice, Noticing, Passage, Reader, Samples


@dataclass(frozen=True)
class ChannelPassage:
    """A passage of a channel, counted from 1; 0 for all of them mixed."""

    channel: int
    passage: Passage


class ChannelReader:
    """One file: mixed samples, shape (n,), or its channels side by side, shape (n, channels).

    Readers are opened when channels are first seen.
    """

    def __init__(self, open_reader: Callable[[], Reader]) -> None:
        self._open_reader = open_reader
        self._readers: dict[int, Reader] = {}

    @property
    def speech_seconds(self) -> float:
        """How much of the sound was taken for speech, in all channels together."""
        return sum(reader.speech_seconds for reader in self._readers.values())

    @property
    def notices(self) -> tuple[Notice, ...]:
        """What the readers of all channels tell, in the order of its places."""
        found = [
            notice for reader in self._readers.values() if isinstance(reader, Noticing) for notice in reader.notices
        ]
        return tuple(sorted(found, key=lambda notice: notice.start_seconds or 0.0))

    def hear(self, sound: Samples | Frames) -> Iterator[ChannelPassage | None]:
        """Take the next samples; yields as a Reader does."""
        for channel, samples in by_channel(sound).items():
            yield from _of(channel, self._reader(channel).hear(samples))

    def finish(self) -> Iterator[ChannelPassage | None]:
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


def by_channel(sound: Samples | Frames) -> Mapping[int, Samples]:
    """Each channel's samples, shape (n,), counted from 1; those of a mix are channel 0."""
    return {0: sound} if sound.ndim == 1 else {index + 1: sound[:, index] for index in range(sound.shape[1])}


def _of(channel: int, passages: Iterator[Passage | None]) -> Iterator[ChannelPassage | None]:
    for passage in passages:
        yield ChannelPassage(channel, passage) if passage else None
