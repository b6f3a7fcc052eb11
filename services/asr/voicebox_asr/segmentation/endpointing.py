"""Decides where utterances begin and end, from frames of speech and silence."""

from collections import deque
from dataclasses import dataclass

PADDING_SECONDS = 0.3
"""Audio used before the first and after the last frame of speech: weak consonants are not marked as speech."""

ONSET_SECONDS = 0.3
"""The window in which speech must show before an utterance begins."""

ONSET_SHARE = 0.5
"""This share of that window must be speech: a click is not an utterance."""

STRAY_FRAMES = 1
"""So many frames of the final silence may be speech: a click does not prolong an utterance."""

PATIENT_SHARE = 0.75
"""After this share of the longest utterance, ever shorter pauses end it, so that it is rarely cut within a word."""

SHORTEST_PAUSE_SECONDS = 0.1


@dataclass(frozen=True)
class Endpointing:
    """When an utterance ends."""

    end_silence_seconds: float = 0.5
    max_utterance_seconds: float = 30.0


@dataclass(frozen=True)
class Begin:
    """Speech began at frame `speech_from`; audio counts from frame `audio_from` on, a little before."""

    speech_from: int
    audio_from: int


@dataclass(frozen=True)
class End:
    """Speech ended before frame `speech_until`; audio counts up to `audio_until`. `forced` without a silence."""

    speech_until: int
    audio_until: int
    forced: bool


class Endpointer:
    """One stream's endpoints. Its clock is the number of frames that it was given."""

    def __init__(self, endpointing: Endpointing, frame_seconds: float) -> None:
        self._padding = round(PADDING_SECONDS / frame_seconds)
        self._end_silence = max(1, round(endpointing.end_silence_seconds / frame_seconds))
        self._shortest_pause = max(1, round(SHORTEST_PAUSE_SECONDS / frame_seconds))
        self._longest = max(1, round(endpointing.max_utterance_seconds / frame_seconds))
        self._onset: deque[bool] = deque(maxlen=round(ONSET_SECONDS / frame_seconds))
        self._tail: deque[bool] = deque(maxlen=self._end_silence)
        self._begin: Begin | None = None
        self._speech_until = 0
        self._free_from = 0
        self.frames = 0

    @property
    def lookback_frames(self) -> int:
        """How many of the last frames a Begin may reach back to."""
        return self._padding + (self._onset.maxlen or 0)

    @property
    def in_speech(self) -> bool:
        """Whether an utterance is going on."""
        return self._begin is not None

    @property
    def speech_until(self) -> int:
        """The frame after the last one of speech, in the running or the last utterance."""
        return self._speech_until

    def push(self, is_speech: bool) -> Begin | End | None:
        """Take the next frame; says whether an utterance began or ended with it."""
        self.frames += 1
        if self._begin is None:
            return self._seek_begin(is_speech)
        self._tail.append(is_speech)
        if is_speech:
            self._speech_until = self.frames
        if self._is_silent():
            return self._end(forced=False)
        return self.force_end() if self.frames - self._begin.audio_from >= self._longest else None

    def force_end(self) -> End | None:
        """End the running utterance here, if there is one."""
        return self._end(forced=True) if self._begin else None

    def _seek_begin(self, is_speech: bool) -> Begin | None:
        self._onset.append(is_speech)
        if sum(self._onset) < ONSET_SHARE * (self._onset.maxlen or 0):
            return None
        speech_from = self.frames - len(self._onset) + self._onset.index(True)
        self._begin = Begin(speech_from, max(self._free_from, speech_from - self._padding))
        self._speech_until = self.frames
        self._tail.clear()
        return self._begin

    def _is_silent(self) -> bool:
        needed = self._needed_silence()
        if len(self._tail) < needed:
            return False
        recent = list(self._tail)[-needed:]
        return not recent[-1] and sum(recent) <= STRAY_FRAMES

    def _needed_silence(self) -> int:
        assert self._begin
        age = (self.frames - self._begin.audio_from) / self._longest
        if age <= PATIENT_SHARE:
            return self._end_silence
        haste = (age - PATIENT_SHARE) / (1.0 - PATIENT_SHARE)
        return max(
            1, min(self._end_silence, round(self._end_silence + haste * (self._shortest_pause - self._end_silence)))
        )

    def _end(self, *, forced: bool) -> End:
        until = self.frames if forced else min(self.frames, self._speech_until + self._padding)
        self._begin = None
        self._onset.clear()
        self._free_from = until
        return End(self._speech_until, until, forced)
