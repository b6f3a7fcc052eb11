"""Recognises the channels of a live stream, each with its own recogniser."""

from collections.abc import Callable, Iterator

from voicebox_audio.pcm import Frames

from voicebox_asr.audio.channels import by_channel
from voicebox_asr.engine import SAMPLE_RATE_HZ, Samples

from .recognizer import LiveEvent, LiveRecognizer

PIECE_SAMPLES = SAMPLE_RATE_HZ // 10
"""Audio is processed in pieces of 0.1 s; an event is late by at most that."""


class LiveChannels:
    """One stream: mixed samples, shape (n,), or its channels side by side, shape (n, channels)."""

    def __init__(
        self, open_channel: Callable[[int], LiveRecognizer], consumed: Callable[[int], None], *, separate: bool
    ) -> None:
        """Opens the first channel now, others when they appear. `consumed` is called with each count of samples."""
        self._open_channel = open_channel
        self._consumed = consumed
        first = 1 if separate else 0
        self._channels = {first: open_channel(first)}
        self._samples = 0

    @property
    def seconds(self) -> float:
        """How much audio was recognised."""
        return self._samples / SAMPLE_RATE_HZ

    @property
    def interims_dropped(self) -> int:
        """As in LiveRecognizer, of all channels."""
        return sum(channel.interims_dropped for channel in self._channels.values())

    def process(self, audio: Samples | Frames) -> Iterator[LiveEvent]:
        """Take the next audio; yields each event as soon as it is known."""
        for start in range(0, len(audio), PIECE_SAMPLES):
            piece = audio[start : start + PIECE_SAMPLES]
            for channel, samples in by_channel(piece).items():
                yield from self._channel(channel).process(samples)
            self._samples += len(piece)
            self._consumed(len(piece))

    def end_utterance(self) -> Iterator[LiveEvent]:
        """End the running utterances now."""
        for channel in self._channels.values():
            yield from channel.end_utterance()

    def finish(self) -> Iterator[LiveEvent]:
        """The stream ends."""
        for channel in self._channels.values():
            yield from channel.finish()

    def interrupt(self) -> None:
        """As in Session."""
        for channel in list(self._channels.values()):
            channel.interrupt()

    def close(self) -> None:
        """As in Session."""
        for channel in self._channels.values():
            channel.close()

    def _channel(self, channel: int) -> LiveRecognizer:
        if channel not in self._channels:
            self._channels[channel] = self._open_channel(channel)
        return self._channels[channel]
