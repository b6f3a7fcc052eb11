"""Collects the results of a live stream."""

from collections.abc import Sequence
from dataclasses import replace

from voicebox_asr.engine import Options
from voicebox_asr.results.repetition import without_loops
from voicebox_asr.results.transcript import Transcript
from voicebox_asr.results.unsure_languages import UnsureLanguages
from voicebox_asr.results.utterance import Utterance
from voicebox_asr.results.warnings import LowConfidenceWarnings, RecognitionWarning

from .recognizer import Final, LiveEvent
from .stream import StreamFinished


class LiveResult:
    """Cuts loops out of finals on their way. It holds the utterances only when they are recorded."""

    def __init__(self, options: Options, *, collect: bool) -> None:
        self._collect = collect
        self._multilingual = options.multilingual
        self._low_confidence = LowConfidenceWarnings(options.decoding)
        self._languages = UnsureLanguages()
        self._warnings: list[RecognitionWarning] = []
        self._utterances: list[Utterance] = []

    def take(self, event: LiveEvent) -> LiveEvent:
        """The event as the caller is to see it."""
        if not isinstance(event, Final):
            return event
        (utterance,), loops = without_loops((event.utterance,))
        self._warnings += (*event.warnings, *loops)
        self._low_confidence.add(utterance)
        if utterance.hypothesis.text and not self._multilingual:
            self._languages.add(utterance)
        if self._collect and utterance.hypothesis.text:
            self._utterances.append(utterance)
        return replace(event, utterance=utterance)

    def transcript(self, done: StreamFinished, of_the_audio: Sequence[RecognitionWarning] = ()) -> Transcript:
        """The transcript, after the last event."""
        warnings = (*self._warnings, *self._low_confidence.warnings, *self._languages.warnings, *of_the_audio)
        return Transcript(self._utterances, done.language, done.audio_seconds, warnings=warnings)
