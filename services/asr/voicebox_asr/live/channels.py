"""Recognises the channels of a live stream, each with a recogniser of its own."""

from collections.abc import Callable, Iterator

from voicebox_audio.pcm import Frames

from voicebox_asr.audio.channels import by_channel
from voicebox_asr.engine import SAMPLE_RATE_HZ, Samples

from .recognizer import Event, LiveRecognizer

PIECE_SAMPLES = SAMPLE_RATE_HZ // 10
"""How finely the sound is looked at, and how long a channel waits for its turn: so late may an event be."""


class LiveChannels:
    """One stream: mixed samples, shape (n,), or its channels side by side, shape (n, channels)."""

    def __init__(
        self, open_channel: Callable[[int], LiveRecognizer], heard: Callable[[int], None], *, separate: bool
    ) -> None:
        """Opens the first channel at once, the others when they are first seen. `heard` is told how many samples of
        each channel were.
        """
        self._open_channel = open_channel
        self._heard = heard
        first = 1 if separate else 0
        self._channels = {first: open_channel(first)}
        self._samples = 0

    @property
    def seconds(self) -> float:
        """How much sound was heard."""
        return self._samples / SAMPLE_RATE_HZ

    @property
    def interims_dropped(self) -> int:
        """As in LiveRecognizer, of all channels."""
        return sum(channel.interims_dropped for channel in self._channels.values())

    def hear(self, sound: Samples | Frames) -> Iterator[Event]:
        """Take the next sound; yields the events that it brings, each as soon as it is known."""
        for start in range(0, len(sound), PIECE_SAMPLES):
            piece = sound[start : start + PIECE_SAMPLES]
            for channel, samples in by_channel(piece).items():
                yield from self._channel(channel).hear(samples)
            self._samples += len(piece)
            self._heard(len(piece))

    def end_utterance(self) -> Iterator[Event]:
        """End the running utterances now."""
        for channel in self._channels.values():
            yield from channel.end_utterance()

    def finish(self) -> Iterator[Event]:
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
