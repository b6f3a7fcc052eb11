"""world: changes pitch and the colour of a voice by signal processing. It needs no weights, and comes near a voice
without reaching it.
"""

from pathlib import Path

from voicebox_kit.errors import InvalidField
from voicebox_models.devices import cpu_only
from voicebox_models.engine import InstalledFiles, Model, Setup
from voicebox_models.family import SingleModel, preference

from voicebox_conversion.engine import Options, Samples

from . import voice
from .session import WorldSession
from .vocoder import SAMPLE_RATE_HZ
from .voice import Learner, WorldVoice

NAME = "world"
PREVIEW_SECONDS = 30.0
EXPECTATION = (
    "The engine world changes pitch and timbre by signal processing: the likeness is approximate, and words may suffer."
)


@preference(10)
def family(setup: Setup) -> SingleModel["WorldEngine"]:
    """world, on the processor."""
    return SingleModel(WorldEngine(setup.device), concurrency=4)


class WorldEngine:
    """As voicebox_conversion.engine.Engine. There is nothing to load."""

    name = NAME
    model = Model("world/vocoder", "1", "MIT AND BSD-3-Clause", ())
    sample_rate_hz = SAMPLE_RATE_HZ
    preview_seconds = PREVIEW_SECONDS
    expectations = (EXPECTATION,)
    memory_bytes = 0

    def __init__(self, device: str) -> None:
        self.files = InstalledFiles("1")
        self.device = cpu_only(NAME, device)
        self._loaded = False

    @property
    def loaded(self) -> bool:
        return self._loaded

    def load(self) -> None:
        self._loaded = True

    def unload(self) -> None:
        self._loaded = False

    def voice(self, file: Path) -> WorldVoice:
        return voice.read(file)

    def learn(self, samples: Samples) -> WorldVoice:
        learner = Learner()
        learner.add(samples)
        return learner.voice()

    def open(self, voice: object, options: Options) -> WorldSession:
        if not isinstance(voice, WorldVoice):
            raise InvalidField("config.target", "The voice is not one of the engine world.", "VOICE_OF_ANOTHER_ENGINE")
        self.load()
        return WorldSession(voice.target, options)
