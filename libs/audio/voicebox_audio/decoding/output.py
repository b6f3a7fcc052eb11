"""The way out of a child: decoded audio is checked against the limits, resampled and sent."""

import json
import socket

import numpy as np

from voicebox_audio.downmix import Downmixer
from voicebox_audio.errors import AudioError, AudioReason
from voicebox_audio.formats.open_file import DecodedBlock, OpenFile
from voicebox_audio.formats.range_meter import RangeMeter
from voicebox_audio.pcm import Frames, Samples
from voicebox_audio.resample import Resampler

from . import messages
from .limits import Limits

_BLOCK_SAMPLES = messages.MAX_PAYLOAD_BYTES // 4


def send(channel: socket.socket, kind: bytes, **fields: object) -> None:
    """Sends a frame of JSON."""
    channel.sendall(messages.frame(kind, json.dumps(fields).encode()))


class SampleSender:
    """Takes one file's audio and sends it in blocks at `sample_rate_hz`, None for the file's own rate.

    It sends the mean of the channels, or each by itself when `separate`.
    """

    def __init__(
        self, channel: socket.socket, sample_rate_hz: int | None, limits: Limits, *, separate: bool = False
    ) -> None:
        self._channel = channel
        self._sample_rate_hz = sample_rate_hz
        self._limits = limits
        self._separate = separate
        self._downmixer = Downmixer()
        self._channel_count: int | None = None
        self._resampler: Resampler | None = None
        self._held: list[Samples | Frames] = []
        self._held_samples = 0
        self._samples = 0
        self._earlier_seconds = 0.0
        self._sent_samples = 0
        self._range = RangeMeter()

    @property
    def _seconds(self) -> float:
        """How long the audio is so far. Samples are counted: adding up seconds would make 2.9999999999 s of a whole 3 s
        file.
        """
        return self._earlier_seconds + (self._samples / self._resampler.from_hz if self._resampler else 0.0)

    def push(self, reading: OpenFile, piece: DecodedBlock) -> None:
        """Takes decoded audio; sends it when a block is full. AudioError when it breaks a limit."""
        _check_form(piece, self._limits)
        if self._channel_count not in (None, piece.channel_count):
            raise AudioError(
                AudioReason.AUDIO_FORMAT_REFUSED,
                f"The audio goes from {self._channel_count} to {piece.channel_count} channels: they cannot be "
                "distinguished.",
            )
        resampler = self._resampler_for(reading, piece)
        self._samples += len(piece.frames)
        if self._seconds > self._limits.max_seconds:
            raise AudioError(
                AudioReason.AUDIO_TOO_LONG,
                f"The audio is longer than the {self._limits.max_seconds:g} s that are allowed.",
            )
        self._range.push(piece.frames)
        samples = piece.frames if self._separate else self._downmixer.push(piece.frames)
        self._held.append(samples)
        self._held_samples += samples.size
        if self._held_samples >= _BLOCK_SAMPLES:
            self._pass(resampler)

    def flush(self) -> None:
        """Sends all that is decoded, but for what the resampler holds back."""
        if self._resampler is not None and self._held:
            self._pass(self._resampler)

    def finish(self, *, cut_short: bool) -> None:
        """Sends the rest, and whether the file ended before its header says. AudioError AUDIO_EMPTY when there was no
        audio.
        """
        self.flush()
        if self._resampler is not None:
            self._write(self._resampler.finish())
        if not self._sent_samples:
            raise AudioError(AudioReason.AUDIO_EMPTY, "The audio holds no sound.")
        send(self._channel, messages.END, duration_seconds=self._seconds, cut_short=cut_short, **self._range.result)

    def _resampler_for(self, reading: OpenFile, piece: DecodedBlock) -> Resampler:
        if self._resampler is not None and self._resampler.from_hz == piece.sample_rate_hz:
            return self._resampler
        if self._resampler is None:
            _send_source(self._channel, reading, piece)
            self._channel_count = piece.channel_count if self._separate else None
            self._resampler = Resampler(
                piece.sample_rate_hz, self._sample_rate_hz or piece.sample_rate_hz, self._channel_count
            )
            return self._resampler
        self.flush()
        self._write(self._resampler.finish())
        self._earlier_seconds, self._samples = self._seconds, 0
        self._resampler = Resampler(piece.sample_rate_hz, self._resampler.to_hz, self._channel_count)
        return self._resampler

    def _pass(self, resampler: Resampler) -> None:
        samples = np.concatenate(self._held)
        self._held, self._held_samples = [], 0
        # A float WAV may hold anything, and one NaN would silence a resampler for ever.
        self._write(resampler.push(np.clip(np.nan_to_num(samples, nan=0.0), -1, 1)))

    def _write(self, samples: Samples | Frames) -> None:
        step = _BLOCK_SAMPLES // (self._channel_count or 1)
        for start in range(0, len(samples), step):
            self._channel.sendall(messages.frame(messages.AUDIO, samples[start : start + step].astype("<f4").tobytes()))
        self._sent_samples += samples.size


def _check_form(piece: DecodedBlock, limits: Limits) -> None:
    if not limits.min_rate_hz <= piece.sample_rate_hz <= limits.max_rate_hz:
        raise AudioError(
            AudioReason.AUDIO_FORMAT_REFUSED,
            f"The audio's sample rate is {piece.sample_rate_hz} Hz; {limits.min_rate_hz} to {limits.max_rate_hz} Hz "
            "are read.",
        )
    if piece.channel_count > limits.max_channels:
        raise AudioError(
            AudioReason.AUDIO_FORMAT_REFUSED,
            f"The audio has {piece.channel_count} channels; at most {limits.max_channels} are read.",
        )


def _send_source(channel: socket.socket, reading: OpenFile, piece: DecodedBlock) -> None:
    send(
        channel,
        messages.SOURCE,
        container=reading.container,
        codec=reading.codec,
        sample_rate_hz=piece.sample_rate_hz,
        channel_count=piece.channel_count,
    )
