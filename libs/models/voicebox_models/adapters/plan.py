"""How an adapter is trained: the options of every trainer of adapters."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from voicebox_kit.errors import InvalidField

SENTENCE = "The quick brown fox jumps over the lazy dog."


@dataclass(frozen=True)
class Plan:
    """The options by their names, with their defaults."""

    steps: int = 1000
    batch_size: int = 4
    checkpoint_every: int = 100
    keep: int = 3
    """How many checkpoints are kept: the newest, and the best besides."""
    rank: int = 16
    alpha: int = 32
    learning_rate: float = 1e-4
    seed: int = 0
    checkpoint: int = 0
    """The step of the checkpoint to publish; 0 for the best."""
    sentence: str = SENTENCE
    """What a voice speaks at each checkpoint."""
    max_wer: float = 0.4
    """The word error rate, on clips that are held out, above which a recogniser does not pass."""
    language: str = ""
    """Of all clips, in BCP 47."""

    def rate(self, step: int) -> float:
        """The learning rate of a step, counted from 0: it falls evenly, to nearly nothing at the end."""
        return self.learning_rate * (1 - step / self.steps)


LIMITS: Mapping[str, tuple[float, float]] = {
    "steps": (1, 100_000),
    "batch_size": (1, 64),
    "checkpoint_every": (1, 100_000),
    "keep": (1, 20),
    "rank": (1, 256),
    "alpha": (1, 1024),
    "learning_rate": (1e-7, 1.0),
    "seed": (0, 2**31 - 1),
    "checkpoint": (0, 100_000),
    "max_wer": (0.0, 100.0),
}
MAX_TEXT = {"sentence": 500, "language": 35}


def read(options: Mapping[str, str], field: str = "options") -> Plan:
    """The plan that these options make. InvalidField for one that is unknown or out of its range."""
    values: dict[str, int | float | str] = {}
    for name, text in options.items():
        if name in MAX_TEXT:
            if not text.strip() or len(text) > MAX_TEXT[name]:
                raise InvalidField(f"{field}.{name}", f"{field}.{name} must have 1 to {MAX_TEXT[name]} characters.")
            values[name] = text
        elif name in LIMITS:
            values[name] = _number(name, text, field)
        else:
            known = ", ".join(sorted({*LIMITS, *MAX_TEXT}))
            raise InvalidField(f"{field}.{name[:64]}", f"There is no option {name[:64]!r}; there are {known}.")
    return Plan(**values)  # type: ignore[arg-type]  # each has the type of its default


def _number(name: str, text: str, field: str) -> int | float:
    lowest, highest = LIMITS[name]
    kind: Callable[[str], int | float] = type(getattr(Plan(), name))
    try:
        value = kind(text)
    except ValueError:
        value = highest + 1
    if not lowest <= value <= highest:
        raise InvalidField(f"{field}.{name}", f"{field}.{name} must be a number from {lowest:g} to {highest:g}.")
    return value
