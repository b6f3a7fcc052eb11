"""The voices of the released models, by their README, the most natural first."""

from collections.abc import Sequence

from voicebox_tts.engine import Gender, Voice

SAMPLE_RATE_HZ = 24_000
GENDERS = dict.fromkeys(("tara", "leah", "jess", "mia", "zoe"), Gender.FEMALE) | dict.fromkeys(
    ("leo", "dan", "zac"), Gender.MALE
)
ENGLISH = ("tara", "leah", "jess", "leo", "dan", "mia", "zac", "zoe")


def voices(names: Sequence[str], languages: tuple[str, ...]) -> tuple[Voice, ...]:
    """The voices of a model."""
    return tuple(_voice(name, languages) for name in names)


def _voice(name: str, languages: tuple[str, ...]) -> Voice:
    return Voice(name, name.replace("_", " ").title(), languages, SAMPLE_RATE_HZ, GENDERS.get(name))
