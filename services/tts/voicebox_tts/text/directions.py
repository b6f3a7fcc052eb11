"""A text with directions on how it is spoken: passages, pauses, marks and turns, in order."""

from dataclasses import dataclass, replace

from voicebox_tts.engine import GivenPhonemes
from voicebox_tts.job import NO_OVERRIDE, VoiceOverride

from .given import written


@dataclass(frozen=True)
class Passage:
    """A stretch of text that is spoken in one way; its end is the end of a sentence."""

    text: str
    override: VoiceOverride = NO_OVERRIDE


@dataclass(frozen=True)
class Pause:
    """A silence of this length, beside the pauses that a voice makes by itself."""

    seconds: float


@dataclass(frozen=True)
class Mark:
    """A place in the text whose time is reported."""

    name: str


@dataclass(frozen=True)
class Turn:
    """A turn of a dialogue begins, of this number, which is spoken in one way."""

    number: int
    override: VoiceOverride = NO_OVERRIDE


@dataclass(frozen=True)
class Section:
    """So many characters of a text without a pause, spoken in one way after a silence."""

    characters: int
    override: VoiceOverride
    pause_seconds: float


Direction = Passage | Pause | Mark | Turn


@dataclass(frozen=True)
class Directed:
    """A text with its directions. `warnings` are sentences for people on what of them is not followed; `given` is what
    the placeholders in its passages stand for.
    """

    directions: tuple[Direction, ...]
    warnings: tuple[str, ...] = ()
    given: tuple[GivenPhonemes, ...] = ()

    @property
    def text(self) -> str:
        """What is spoken, for the history."""
        text = " ".join(each.text for each in self.directions if isinstance(each, Passage))
        return written(text, self.given)

    @property
    def overrides(self) -> tuple[VoiceOverride, ...]:
        """The ways in which it is spoken: each once, in order."""
        return tuple(dict.fromkeys(each.override for each in self.directions if isinstance(each, Passage | Turn)))

    @property
    def sections(self) -> tuple[Section, ...]:
        """The text in its sections: joined by spaces, as in `text`."""
        found, pause_seconds, is_new = list[Section](), 0.0, True
        for each in self.directions:
            if isinstance(each, Pause):
                pause_seconds += each.seconds
            elif isinstance(each, Turn):
                is_new = True
            elif isinstance(each, Passage):
                if is_new or pause_seconds or found[-1].override != each.override:
                    found.append(Section(len(written(each.text, self.given)), each.override, pause_seconds))
                else:
                    found[-1] = replace(
                        found[-1], characters=found[-1].characters + 1 + len(written(each.text, self.given))
                    )
                pause_seconds, is_new = 0.0, False
        return tuple(found)
