"""An engine that beeps each letter and digit: the least that a text-to-speech engine of voicebox is."""

from collections.abc import Generator

import numpy as np
from voicebox_kit.errors import InvalidField, NotFound
from voicebox_models.engine import InstalledFiles, Model, Setup
from voicebox_models.family import SingleModel
from voicebox_tts.engine import Capability, Description, Speech, Style, Voice, VoicePrompt

RATE_HZ, BEEP_SAMPLES = 16_000, 800
VOICE = Voice("sine", "Sine", ("en",), RATE_HZ)


class BeepSession:
    """One stream."""

    sample_rate_hz = RATE_HZ

    def speak(self, sentence: str) -> Generator[Speech, None, None]:
        for letter in filter(str.isalnum, sentence):
            pitch_hz = 300 + 10 * (ord(letter) % 60)
            tone = 0.5 * np.sin(2 * np.pi * pitch_hz / RATE_HZ * np.arange(BEEP_SAMPLES))
            yield Speech(tone.astype(np.float32))

    def close(self) -> None:
        """There is nothing to free."""


class BeepEngine:
    """One model, one voice."""

    name, device, memory_bytes = "beep", "cpu", 0
    model = Model("beep/sine", "1", "Apache-2.0", VOICE.languages)
    capabilities = frozenset({Capability.SEED})  # the same samples with every seed
    default_voice = VOICE.name
    files, loaded = InstalledFiles(), False

    def load(self) -> None:
        self.loaded = True

    def unload(self) -> None:
        self.loaded = False

    def voices(self) -> list[Voice]:
        return [VOICE]

    def open(self, voice: str | VoicePrompt | Description, style: Style, seed: int) -> BeepSession:
        if voice != VOICE.name:
            raise NotFound("voice", f"beep/{voice}")
        if style.language and style.language.lower().partition("-")[0] != "en":
            raise InvalidField("style.language", f"beep does not speak {style.language}.", "LANGUAGE_NOT_SPOKEN")
        plain = Style()
        for field in ("speed", "pitch_semitones", "instructions"):
            if getattr(style, field) != getattr(plain, field):
                raise InvalidField(f"style.{field}", f"beep cannot honour style.{field}.", "UNSUPPORTED_BY_ENGINE")
        return BeepSession()


def family(setup: Setup) -> SingleModel[BeepEngine]:
    """The entry point."""
    return SingleModel(BeepEngine())
