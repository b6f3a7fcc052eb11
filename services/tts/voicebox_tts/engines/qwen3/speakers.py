"""The speakers of the released custom-voice models, from their model cards."""

from collections.abc import Iterable
from dataclasses import dataclass

from voicebox_tts.engine import Gender, Voice

SAMPLE_RATE_HZ = 24_000
"""Of all 12 Hz models."""


@dataclass(frozen=True)
class ReleasedSpeaker:
    """Who a voice belongs to; `language` is the native one, in BCP 47. Each speaks all languages of the model."""

    display_name: str
    gender: Gender
    language: str


RELEASED = {
    "ryan": ReleasedSpeaker("Ryan (dynamic, with strong rhythm)", Gender.MALE, "en"),
    "aiden": ReleasedSpeaker("Aiden (sunny, American)", Gender.MALE, "en"),
    "vivian": ReleasedSpeaker("Vivian (bright, slightly edgy)", Gender.FEMALE, "zh"),
    "serena": ReleasedSpeaker("Serena (warm, gentle)", Gender.FEMALE, "zh"),
    "uncle_fu": ReleasedSpeaker("Uncle Fu (seasoned, low and mellow)", Gender.MALE, "zh"),
    "dylan": ReleasedSpeaker("Dylan (youthful, of Beijing)", Gender.MALE, "zh"),
    "eric": ReleasedSpeaker("Eric (lively, of Chengdu)", Gender.MALE, "zh"),
    "ono_anna": ReleasedSpeaker("Ono Anna (playful, light)", Gender.FEMALE, "ja"),
    "sohee": ReleasedSpeaker("Sohee (warm, rich in emotion)", Gender.FEMALE, "ko"),
}
"""The first one that a model has is its default voice."""


def voices(names: Iterable[str], languages: tuple[str, ...]) -> tuple[Voice, ...]:
    """The voices of a model with these speakers, in their native language first; speakers of models that are not
    released come last.
    """
    own = list(names)
    ordered = [name for name in RELEASED if name in own] + [name for name in own if name not in RELEASED]
    return tuple(_voice(name, languages) for name in ordered)


def _voice(name: str, languages: tuple[str, ...]) -> Voice:
    speaker = RELEASED.get(name)
    if speaker is None:
        return Voice(name, name.replace("_", " ").title(), languages, SAMPLE_RATE_HZ)
    others = tuple(language for language in languages if language != speaker.language)
    return Voice(name, speaker.display_name, (speaker.language, *others), SAMPLE_RATE_HZ, speaker.gender)
