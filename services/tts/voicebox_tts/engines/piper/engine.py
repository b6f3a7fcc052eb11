"""Piper: neural voices for a laptop's processor, from a folder or the hub; espeak-ng's process finds their phonemes."""

from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from voicebox_kit.errors import InvalidField, NotFound, StartError
from voicebox_kit.languages import covers
from voicebox_models.devices import cpu_only, usable_cores
from voicebox_models.engine import Model, NotInstalled, Setup
from voicebox_models.family import ManyModels, preference
from voicebox_models.files import DownloadedFiles
from voicebox_models.lifecycle import Lifecycle, require_folder

from voicebox_tts.engine import Capability, Description, Style, Voice, VoicePrompt
from voicebox_tts.normalization.characters import pictures

from . import model_files
from .published import KNOWN, PiperSource, is_published_name

if TYPE_CHECKING:  # imported when they are needed
    from .loaded import LoadedPiper
    from .session import PiperSession

NAME = "piper"


@preference(24)
def family(setup: Setup) -> "PiperFamily":
    """Every Piper voice; NotInstalled without its libraries, StartError for a device that it does not know."""
    if missing := [name for name in ("onnx", "onnxruntime") if find_spec(name) is None]:
        raise NotInstalled(
            f"The engine piper is not installed: `make piper` installs it, with {' and '.join(missing)}."
        )
    cpu_only(NAME, setup.device)
    return PiperFamily(setup)


class PiperFamily(ManyModels["PiperEngine"]):
    """The voices in the models folder, and those at the hub by their names."""

    def __init__(self, setup: Setup) -> None:
        super().__init__(NAME, KNOWN, setup)

    def engine(self, model: str) -> "PiperEngine | None":
        """One of `engines`, or a voice at the hub, as in `piper/en_US-lessac-medium`."""
        if is_published_name(model.removeprefix(f"{NAME}/")) and model.startswith(f"{NAME}/"):
            return self._made(model)
        return super().engine(model)

    def recommended(self) -> Sequence["PiperEngine"]:
        """None: which one is right depends on the language."""
        return ()

    def _make(self, model: str) -> "PiperEngine":
        return PiperEngine(model, self._setup)


class PiperEngine(Lifecycle["LoadedPiper"]):
    """One voice, of one speaker or many."""

    name = NAME
    device = "cpu"
    capabilities = frozenset(
        {Capability.WORD_TIMINGS, Capability.PHONEME_TIMINGS, Capability.SPEED, Capability.SEED, Capability.PHONEMES}
    )

    def __init__(self, model: str, setup: Setup) -> None:
        """`model` is `piper/{voice}`."""
        name = model.removeprefix(f"{NAME}/")
        source = PiperSource(name) if is_published_name(name) else None
        super().__init__(DownloadedFiles(model, setup, source, model_files.size_bytes))
        self._name = model

    @property
    def model(self) -> Model:
        """The licence is that of the model card."""
        folder = self.files.folder
        licence = model_files.licence(folder) if folder else model_files.UNKNOWN_LICENCE
        return Model(self._name, self.files.revision, licence, self._languages())

    @property
    def default_voice(self) -> str:
        voices = self.voices()
        return voices[0].name if voices else ""

    def voices(self) -> Sequence[Voice]:
        """The speakers of the voice; none while its files are not here."""
        config = self._config()
        if config is None:
            return ()
        names = sorted(config.speakers, key=config.speakers.__getitem__) or [config.dataset]
        return [
            Voice(name, name.replace("_", " ").title(), (config.language,), config.sample_rate_hz) for name in names
        ]

    def unspoken(self, text: str) -> str:
        """Pictures and the like, which have no phonemes."""
        return pictures(text)

    def open(self, voice: str | VoicePrompt | Description, style: Style, seed: int) -> "PiperSession":
        """Begin a stream; NotFound("voice"), or InvalidField("style.…") for what Piper cannot do."""
        known = self.voices()
        if not isinstance(voice, str) or voice not in {each.name for each in known}:
            raise NotFound("voice", f"{NAME}/{voice}")
        self._refuse(style)
        loaded = self._opened()
        session: PiperSession = import_module(".session", __package__).PiperSession(
            loaded, loaded.config.speakers.get(voice, 0), style.speed, seed
        )
        return session

    def _refuse(self, style: Style) -> None:
        """InvalidField for what Piper does not support."""
        if style.instructions:
            raise InvalidField("style.instructions", "piper follows no instructions.", "UNSUPPORTED_BY_ENGINE")
        if style.pitch_semitones:
            raise InvalidField("style.pitch_semitones", "A Piper voice keeps its own pitch.", "UNSUPPORTED_BY_ENGINE")
        if style.language and not any(covers(style.language, own) for own in self._languages()):
            raise InvalidField(
                "style.language", f"{self._name} does not speak {style.language}.", "LANGUAGE_NOT_SPOKEN"
            )

    def _open_model(self) -> "LoadedPiper":
        folder = require_folder(self.files, self._name)
        loaded: LoadedPiper = import_module(".loaded", __package__).LoadedPiper(folder, usable_cores())
        return loaded

    def _languages(self) -> tuple[str, ...]:
        config = self._config()
        if config:
            return (config.language,)
        locale = self._name.removeprefix(f"{NAME}/").partition("-")[0]
        return (locale.replace("_", "-"),) if is_published_name(self._name.removeprefix(f"{NAME}/")) else ("und",)

    def _config(self) -> model_files.Config | None:
        """The configuration, where the files are here and can be used."""
        folder = self.files.folder
        if folder is None:
            return None
        return _read(folder)


def _read(folder: Path) -> model_files.Config | None:
    try:
        return model_files.config(model_files.model(folder))
    except StartError:  # loading the model says why
        return None
