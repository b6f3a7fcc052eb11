"""Which of the words that were recognised in a recording are said in a clip, and by whom."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .clips import Clip


@dataclass(frozen=True)
class Word:
    """A word in a recording, as it is written. `confidence` is None where the engine has no score."""

    text: str
    begin_seconds: float
    end_seconds: float
    confidence: float | None = None
    speaker: str = ""


def words_of(answer: Mapping[str, Any]) -> list[Word]:
    """Of an answer of asr, as JSON with the contract's names."""
    return [
        Word(
            word.get("word", ""),
            _seconds(word.get("start_offset", "0s")),
            _seconds(word.get("end_offset", "0s")),
            word.get("confidence"),
            word.get("speaker", ""),
        )
        for utterance in answer.get("utterances", ())
        for word in utterance.get("words", ())
    ]


def with_words(clip: Clip, words: Sequence[Word]) -> Clip:
    """The clip with what is said in it: the words whose middle lies in it."""
    inside = [
        word for word in words if clip.begin_seconds <= (word.begin_seconds + word.end_seconds) / 2 < clip.end_seconds
    ]
    scores = [word.confidence for word in inside if word.confidence is not None]
    speakers = Counter(word.speaker for word in inside if word.speaker)
    return replace(
        clip,
        transcript=" ".join(word.text.strip() for word in inside),
        confidence=sum(scores) / len(scores) if scores else None,
        speaker=speakers.most_common(1)[0][0] if speakers else "",
        speaker_count=len(speakers),
    )


def _seconds(duration: str) -> float:
    return float(duration.removesuffix("s"))
