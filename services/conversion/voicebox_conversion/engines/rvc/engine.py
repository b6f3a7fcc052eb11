"""rvc: voices of RVC v2, which people own and train."""

from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from voicebox_kit.errors import InvalidField, Unsupported
from voicebox_models.engine import Model, NotInstalled, Setup
from voicebox_models.family import ManyModels, preference
from voicebox_models.files import DownloadedFiles
from voicebox_models.lifecycle import Lifecycle, require_folder

from voicebox_conversion.engine import Checkpoint, Options, Samples
from voicebox_conversion.engines.importing import confined
from voicebox_conversion.engines.speech import device

from .published import LICENCE, MODEL, REPOSITORY, ContentVec

if TYPE_CHECKING:  # imported when they are needed: torch takes 2 s and 200 MB
    from .loaded import LoadedRvc
    from .session import RvcSession
    from .voice import RvcVoice

NAME = "rvc"
RATE_HZ = 48_000
PREVIEW_SECONDS = 30.0
UNKNOWN_LICENCE = "LicenseRef-unknown"
EXPECTATION = (
    "The pitch of a voice that was not trained here is not known: pitch_semitones is then added to the speaker's own."
)


@preference(5)
def family(setup: Setup) -> "RvcFamily":
    """rvc with the encoders that are here; NotInstalled without its libraries."""
    if missing := [name for name in ("torch", "swift_f0") if find_spec(name) is None]:
        raise NotInstalled(f"The engine rvc is not installed: `make rvc` installs it, with {' and '.join(missing)}.")
    return RvcFamily(setup)


class RvcFamily(ManyModels["RvcEngine"]):
    """ContentVec, and folders of a person."""

    concurrency = 2
    drawback = "it cannot learn a profile's voice"

    def __init__(self, setup: Setup) -> None:
        super().__init__(NAME, (MODEL,), setup)
        self._device = device.resolve(NAME, setup.options.get(device.OPTION, setup.device))

    def recommended(self) -> Sequence["RvcEngine"]:
        """None: who owns no voice of RVC has no use for it."""
        return ()

    def _make(self, model: str) -> "RvcEngine":
        return RvcEngine(model, self._setup, self._device)


class RvcEngine(Lifecycle["LoadedRvc"]):
    """As voicebox_conversion.engine.Engine and ImportingEngine, with one encoder of speech."""

    name = NAME
    sample_rate_hz = RATE_HZ
    preview_seconds = PREVIEW_SECONDS
    expectations = (EXPECTATION,)

    def __init__(self, model: str, setup: Setup, runs_on: str) -> None:
        """`model` is `rvc/{model}`."""
        self._is_published = model == f"{NAME}/{MODEL}"
        super().__init__(DownloadedFiles(model, setup, ContentVec() if self._is_published else None, _weights_bytes))
        self._name, self.device = model, runs_on

    @property
    def model(self) -> Model:
        licence, source = (LICENCE, f"Hugging Face: {REPOSITORY}") if self._is_published else (UNKNOWN_LICENCE, "")
        return Model(self._name, self.files.revision, licence, (), source)

    def voice(self, file: Path) -> "RvcVoice":
        read: RvcVoice = import_module(".voice", __package__).read(file, self.device)
        return read

    def learn(self, samples: Samples) -> "RvcVoice":
        """Unsupported: a voice of RVC is trained."""
        raise Unsupported("TRAINING_NEEDED", "The engine rvc learns no voice at once: train or import one.")

    def from_checkpoint(self, checkpoint: Path, index: Path | None, file: Path) -> Checkpoint:
        """As ImportingEngine."""
        read = confined.read(confined.VOICE, checkpoint, index, file)
        return Checkpoint(int(read["rate_hz"]), {name: float(value) for name, value in read["metrics"].items()})

    def open(self, voice: object, options: Options) -> "RvcSession":
        if not isinstance(voice, import_module(".voice", __package__).RvcVoice):
            raise InvalidField("config.target", "The voice is not one of the engine rvc.", "VOICE_OF_ANOTHER_ENGINE")
        session: RvcSession = import_module(".session", __package__).RvcSession(self._opened(), voice, options)
        return session

    def shared(self) -> "LoadedRvc":
        """What all voices share, loaded now if it was not."""
        return self._opened()

    def _open_model(self) -> "LoadedRvc":
        folder = require_folder(self.files, self._name)
        tracker = import_module(".pitch", __package__).SwiftPitch()
        loaded: LoadedRvc = import_module(".loaded", __package__).load(folder, self.device, tracker)
        return loaded


def _weights_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("*.safetensors"))
