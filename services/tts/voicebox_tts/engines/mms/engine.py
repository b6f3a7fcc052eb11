"""MMS: a neural voice in each of over 1,100 languages, whose weights allow no commercial use."""

from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from voicebox_kit.errors import InvalidField, NotFound, Precondition, StartError
from voicebox_kit.languages import covers, own
from voicebox_models.devices import cpu_only
from voicebox_models.engine import Model, NotInstalled, Setup
from voicebox_models.family import ManyModels, preference
from voicebox_models.files import DownloadedFiles
from voicebox_models.lifecycle import Lifecycle, require_folder
from voicebox_models.progress import Report

from voicebox_tts.engine import Capability, Description, Style, Voice, VoicePrompt
from voicebox_tts.normalization.characters import pictures

from .published import KNOWN, LICENCE, MmsSource, is_code

if TYPE_CHECKING:  # imported when they are needed: torch takes 2 s and 200 MB
    from .loaded import LoadedMms
    from .session import MmsSession

NAME, VOICE = "mms", "voice"
RATE_HZ = 16_000


@preference(5)
def family(setup: Setup) -> "MmsFamily":
    """Every MMS voice; NotInstalled without its libraries, StartError for a device that it does not know."""
    if missing := [name for name in ("torch", "transformers") if find_spec(name) is None]:
        raise NotInstalled(f"The engine mms is not installed: `make mms` installs it, with {' and '.join(missing)}.")
    cpu_only(NAME, setup.device)
    return MmsFamily(setup)


class MmsFamily(ManyModels["MmsEngine"]):
    """The voices in the models folder, and those at the hub by their codes."""

    def __init__(self, setup: Setup) -> None:
        super().__init__(NAME, KNOWN, setup)

    def engine(self, model: str) -> "MmsEngine | None":
        """One of `engines`, or a voice at the hub, as in `mms/swh`."""
        if model.startswith(f"{NAME}/") and is_code(model.removeprefix(f"{NAME}/")):
            return self._made(model)
        return super().engine(model)

    def recommended(self) -> Sequence["MmsEngine"]:
        """None: its licence must be accepted first."""
        return ()

    def _make(self, model: str) -> "MmsEngine":
        return MmsEngine(model, self._setup)


class _LicensedFiles(DownloadedFiles):
    """Files that are fetched once a person accepted their licence."""

    def __init__(self, model: str, setup: Setup, source: MmsSource | None) -> None:
        super().__init__(model, setup, source, _weights_bytes)
        self._is_accepted = LICENCE in setup.accepted_licences

    def download(self, report: Report) -> None:
        """Precondition("LICENCE_NOT_ACCEPTED") until it is accepted."""
        if not self._is_accepted:
            raise Precondition("LICENCE_NOT_ACCEPTED", f"models/{self._model}", not_accepted(self._model))
        super().download(report)


class MmsEngine(Lifecycle["LoadedMms"]):
    """One voice of one language."""

    name = NAME
    device = "cpu"
    default_voice = VOICE
    capabilities = frozenset({Capability.WORD_TIMINGS, Capability.SPEED, Capability.SEED})

    def __init__(self, model: str, setup: Setup) -> None:
        """`model` is `mms/{code}`."""
        self._code = model.removeprefix(f"{NAME}/")
        super().__init__(_LicensedFiles(model, setup, MmsSource(self._code) if is_code(self._code) else None))
        self._name, self._is_accepted = model, LICENCE in setup.accepted_licences

    @property
    def model(self) -> Model:
        return Model(self._name, self.files.revision, LICENCE, (self._language,))

    def voices(self) -> Sequence[Voice]:
        """One."""
        return [Voice(VOICE, f"MMS {self._language}", (self._language,), RATE_HZ)]

    def unspoken(self, text: str) -> str:
        """Pictures and the like, which have no letters."""
        return pictures(text)

    def open(self, voice: str | VoicePrompt | Description, style: Style, seed: int) -> "MmsSession":
        """Begin a stream; NotFound("voice"), or InvalidField("style.…") for what MMS cannot do."""
        if voice != VOICE:
            raise NotFound("voice", f"{NAME}/{voice}")
        self._refuse(style)
        session: MmsSession = import_module(".session", __package__).MmsSession(self._opened(), style.speed, seed)
        return session

    def _refuse(self, style: Style) -> None:
        """InvalidField for what MMS does not support."""
        if style.instructions:
            raise InvalidField("style.instructions", "mms follows no instructions.", "UNSUPPORTED_BY_ENGINE")
        if style.pitch_semitones:
            raise InvalidField("style.pitch_semitones", "A voice of mms keeps its own pitch.", "UNSUPPORTED_BY_ENGINE")
        if style.language and not covers(style.language, self._language):
            raise InvalidField(
                "style.language", f"{self._name} does not speak {style.language}.", "LANGUAGE_NOT_SPOKEN"
            )

    def _open_model(self) -> "LoadedMms":
        if not self._is_accepted:
            raise StartError(not_accepted(self._name))
        loaded: LoadedMms = import_module(".loaded", __package__).LoadedMms(require_folder(self.files, self._name))
        return loaded

    @property
    def _language(self) -> str:
        return own(self._code[:3]) if is_code(self._code) else "und"


def not_accepted(model: str) -> str:
    """The sentence that says what to do."""
    return (
        f"models/{model} is under {LICENCE}, which allows no commercial use: "
        f"VOICEBOX_ACCEPTED_LICENCES={LICENCE} says that you accept it."
    )


def _weights_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("*.safetensors"))
