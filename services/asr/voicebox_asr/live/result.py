"""Collects the results of a live stream."""

from collections.abc import Sequence
from dataclasses import replace

from voicebox_asr.engine import Decoding
from voicebox_asr.results.repetition import without_loops
from voicebox_asr.results.transcript import Transcript
from voicebox_asr.results.utterance import Utterance
from voicebox_asr.results.warnings import LowConfidenceWarnings, RecognitionWarning

from .recognizer import Final, LiveEvent
from .stream import StreamFinished


class LiveResult:
    """Cuts loops out of finals on their way. It holds the utterances only when they are recorded."""

    def __init__(self, decoding: Decoding, *, collect: bool) -> None:
        self._collect = collect
        self._low_confidence = LowConfidenceWarnings(decoding)
        self._warnings: list[RecognitionWarning] = []
        self._utterances: list[Utterance] = []

    def take(self, event: LiveEvent) -> LiveEvent:
        """The event as the caller is to see it."""
        if not isinstance(event, Final):
            return event
        (utterance,), loops = without_loops((event.utterance,))
        self._warnings += (*event.warnings, *loops)
        self._low_confidence.add(utterance)
        if self._collect and utterance.hypothesis.text:
            self._utterances.append(utterance)
        return replace(event, utterance=utterance)

    def transcript(self, done: StreamFinished, of_the_audio: Sequence[RecognitionWarning] = ()) -> Transcript:
        """The transcript, after the last event."""
        warnings = (*self._warnings, *self._low_confidence.warnings, *of_the_audio)
        return Transcript(self._utterances, done.language, done.audio_seconds, warnings=warnings)
