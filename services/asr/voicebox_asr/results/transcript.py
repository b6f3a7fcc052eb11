"""The result of a file or of a live stream."""

from collections.abc import Sequence
from dataclasses import dataclass

from .utterance import Utterance
from .warnings import RecognitionWarning


@dataclass(frozen=True)
class Transcript:
    """All utterances, in order, and how long recognition took; the wait for a permit is left out.

    `language` is the one that was spoken longest; `language_probability` is None where it was not detected. Live
    streams measure neither `speech_seconds` nor `recognition_seconds`: they are 0.
    """

    utterances: Sequence[Utterance]
    language: str
    audio_seconds: float
    language_probability: float | None = None
    speech_seconds: float = 0.0
    recognition_seconds: float = 0.0
    warnings: Sequence[RecognitionWarning] = ()

    @property
    def text(self) -> str:
        """The text of all utterances."""
        return " ".join(utterance.hypothesis.text for utterance in self.utterances)

    @property
    def speaker_count(self) -> int:
        """How many speakers diarization found; 0 without it."""
        return len({utterance.speaker for utterance in self.utterances if utterance.speaker})
