"""Kokoro: many neural voices in seven languages, and blends of them, on a processor."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from voicebox_kit.errors import InvalidField, NotFound
from voicebox_kit.languages import covers
from voicebox_models.devices import cpu_only, usable_cores
from voicebox_models.engine import Model, NotInstalled, Setup
from voicebox_models.family import ManyModels, preference
from voicebox_models.files import DownloadedFiles
from voicebox_models.lifecycle import Lifecycle, require_folder

from voicebox_tts.engine import Capability, Description, Style, Voice, VoicePrompt
from voicebox_tts.normalization.characters import pictures

from . import model_files
from .blend import RULES, parse
from .model_files import GENDERS, LANGUAGES
from .published import LICENCE, MODEL, REPOSITORY, KokoroSource

if TYPE_CHECKING:  # imported when they are needed
    from .loaded import LoadedKokoro
    from .session import KokoroSession

NAME = "kokoro"
RATE_HZ = 24_000
DEFAULT_VOICE = "af_heart"
UNKNOWN_LICENCE = "LicenseRef-unknown"


@preference(23)
def family(setup: Setup) -> "KokoroFamily":
    """Every model of Kokoro; NotInstalled without its libraries, StartError for a device that it does not know."""
    if missing := [name for name in ("onnx", "onnxruntime", "hibari") if find_spec(name) is None]:
        raise NotInstalled(
            f"The engine kokoro is not installed: `make kokoro` installs it, with {' and '.join(missing)}."
        )
    cpu_only(NAME, setup.device)
    return KokoroFamily(setup)


class KokoroFamily(ManyModels["KokoroEngine"]):
    """The published model, and folders of a person."""

    concurrency = 4

    def __init__(self, setup: Setup) -> None:
        super().__init__(NAME, (MODEL,), setup)

    def recommended(self) -> Sequence["KokoroEngine"]:
        """None: a laptop's core just keeps up with one stream."""
        return ()

    def _make(self, model: str) -> "KokoroEngine":
        return KokoroEngine(model, self._setup)


class KokoroEngine(Lifecycle["LoadedKokoro"]):
    """One model with all its voices."""

    name = NAME
    device = "cpu"
    blend_rules = RULES
    capabilities = frozenset(
        {Capability.WORD_TIMINGS, Capability.PHONEME_TIMINGS, Capability.SPEED, Capability.SEED, Capability.PHONEMES}
    )

    def __init__(self, model: str, setup: Setup) -> None:
        """`model` is `kokoro/{model}`."""
        self._is_published = model == f"{NAME}/{MODEL}"
        source = KokoroSource() if self._is_published else None
        super().__init__(DownloadedFiles(model, setup, source, model_files.size_bytes))
        self._name = model

    @property
    def model(self) -> Model:
        languages = tuple(dict.fromkeys(voice.languages[0] for voice in self.voices())) or ("und",)
        licence, source = (LICENCE, f"Hugging Face: {REPOSITORY}") if self._is_published else (UNKNOWN_LICENCE, "")
        return Model(self._name, self.files.revision, licence, languages, source)

    @property
    def default_voice(self) -> str:
        voices = self.voices()
        return voices[0].name if voices else ""

    def voices(self) -> Sequence[Voice]:
        """Those whose files are here, the default first."""
        return [_voice(name) for name in sorted(self._files(), key=lambda name: (name != DEFAULT_VOICE, name))]

    def blended(self, name: str) -> Voice | None:
        """A blend of voices of one language, as in `af_heart*0.6+af_bella*0.4`."""
        weights = parse(name, self._files())
        if weights is None:
            return None
        genders = {_voice(each).gender for each in weights}
        first = _voice(next(iter(weights)))
        return Voice(name, name, first.languages, RATE_HZ, genders.pop() if len(genders) == 1 else None)

    def unspoken(self, text: str) -> str:
        """Pictures and the like, which have no phonemes."""
        return pictures(text)

    def open(self, voice: str | VoicePrompt | Description, style: Style, seed: int) -> "KokoroSession":
        """Begin a stream; NotFound("voice"), or InvalidField("style.…") for what Kokoro cannot do. It draws no random
        numbers: each seed gives the same.
        """
        weights = parse(voice, self._files()) if isinstance(voice, str) else None
        if weights is None:
            raise NotFound("voice", f"{NAME}/{voice}")
        language = LANGUAGES[next(iter(weights))[0]]
        _refuse(style, language)
        loaded = self._opened()
        session: KokoroSession = import_module(".session", __package__).KokoroSession(
            loaded, loaded.style(weights), language, style.speed
        )
        return session

    def _open_model(self) -> "LoadedKokoro":
        folder = require_folder(self.files, self._name)
        loaded: LoadedKokoro = import_module(".loaded", __package__).LoadedKokoro(folder, usable_cores())
        return loaded

    def _files(self) -> Mapping[str, Path]:
        folder = self.files.folder
        return model_files.voices(folder) if folder else {}


def _voice(name: str) -> Voice:
    display_name = name.partition("_")[2].title()
    return Voice(name, display_name, (LANGUAGES[name[0]],), RATE_HZ, GENDERS[name[1]])


def _refuse(style: Style, language: str) -> None:
    """InvalidField for what Kokoro does not support."""
    if style.instructions:
        raise InvalidField("style.instructions", "kokoro follows no instructions.", "UNSUPPORTED_BY_ENGINE")
    if style.pitch_semitones:
        raise InvalidField("style.pitch_semitones", "A voice of kokoro keeps its own pitch.", "UNSUPPORTED_BY_ENGINE")
    if style.language and not covers(style.language, language):
        sentence = f"That voice of kokoro does not speak {style.language}."
        raise InvalidField("style.language", sentence, "LANGUAGE_NOT_SPOKEN")
