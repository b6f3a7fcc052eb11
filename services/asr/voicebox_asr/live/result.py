"""What a live stream brought, for those who ask at its end."""

from collections.abc import Sequence
from dataclasses import replace

from voicebox_asr.engine import Decoding
from voicebox_asr.results.repetition import without_loops
from voicebox_asr.results.transcript import Transcript
from voicebox_asr.results.utterance import Utterance
from voicebox_asr.results.warnings import Doubts, Notice

from .recognizer import Event, Final
from .stream import Done


class LiveResult:
    """Finals are cut of their loops on their way. All of them are held only when they are to be kept."""

    def __init__(self, decoding: Decoding, *, keeps: bool) -> None:
        self._keeps = keeps
        self._doubts = Doubts(decoding)
        self._notices: list[Notice] = []
        self._utterances: list[Utterance] = []

    def take(self, event: Event) -> Event:
        """The event as the caller is to see it."""
        if not isinstance(event, Final):
            return event
        (utterance,), loops = without_loops((event.utterance,))
        self._notices += (*event.notices, *loops)
        self._doubts.add(utterance)
        if self._keeps and utterance.heard.text:
            self._utterances.append(utterance)
        return replace(event, utterance=utterance)

    def transcript(self, done: Done, of_the_sound: Sequence[Notice] = ()) -> Transcript:
        """All of it, after the last event."""
        notices = (*self._notices, *self._doubts.notices, *of_the_sound)
        return Transcript(self._utterances, done.language, done.audio_seconds, notices=notices)
