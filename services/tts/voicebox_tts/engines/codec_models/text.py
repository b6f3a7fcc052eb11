"""Cuts a text into clean pieces for the model, none of which is too long for it."""

from collections.abc import Iterator

from voicebox_tts.normalization.characters import without_pictures
from voicebox_tts.text.sentences import clean, has_something_to_say, sentences

from .runaway import usual_seconds

MAX_SECONDS = 25.0
"""Of speech in a piece, at a usual pace. Models drift on long ones, and a stream's memory is bounded."""


def pieces(text: str, max_seconds: float = MAX_SECONDS) -> list[str]:
    """The pieces of a text, each of at most `max_seconds`; none where there is no letter or digit. The text is the same
    but for spaces.
    """
    bounded = (
        piece for sentence in sentences(without_pictures(text)) for piece in _bounded(clean(sentence), max_seconds)
    )
    return [piece for piece in bounded if has_something_to_say(piece)]


def _bounded(sentence: str, max_seconds: float) -> Iterator[str]:
    """Cut at the last space, or just so, where it would take longer than `max_seconds`."""
    while (limit := _affordable(sentence, max_seconds)) < len(sentence):
        cut = sentence.rfind(" ", limit // 2, limit) + 1 or limit
        yield sentence[:cut].strip()
        sentence = sentence[cut:].strip()
    yield sentence


def _affordable(text: str, max_seconds: float) -> int:
    """How many characters from the start take `max_seconds`."""
    seconds = 0.0
    for index, character in enumerate(text):
        seconds += usual_seconds(character)
        if seconds > max_seconds:
            return index
    return len(text)
