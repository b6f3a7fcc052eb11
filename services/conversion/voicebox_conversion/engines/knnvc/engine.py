"""knnvc: any voice from a minute of it, without training, by WavLM, nearest neighbours and HiFi-GAN."""

from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from voicebox_kit.errors import InvalidField, Precondition
from voicebox_models.engine import Model, NotInstalled, Setup
from voicebox_models.family import ManyModels, preference
from voicebox_models.files import DownloadedFiles
from voicebox_models.lifecycle import Lifecycle, require_folder
from voicebox_models.progress import Report

from voicebox_conversion.engine import Options, Samples
from voicebox_conversion.engines.speech import device

from .published import LICENCE, MODEL, REPOSITORY, VOCODER, WavLm

if TYPE_CHECKING:  # imported when they are needed: torch takes 2 s and 200 MB
    from .loaded import LoadedKnnVc
    from .session import KnnVcSession
    from .voice import KnnVcVoice

NAME = "knnvc"
RATE_HZ = 16_000
VOCODER_FILE = "hifigan.safetensors"
UNKNOWN_LICENCE = "LicenseRef-unknown"
EXPECTATION = "The engine knnvc answers at 16 kHz: sounds above 8 kHz are lost. The pitch is the target's own."


@preference(20)
def family(setup: Setup) -> "KnnVcFamily":
    """knnvc with the models that are here; NotInstalled without torch."""
    if find_spec("torch") is None:
        raise NotInstalled("The engine knnvc is not installed: `make knnvc` installs it, with torch.")
    return KnnVcFamily(setup)


class KnnVcFamily(ManyModels["KnnVcEngine"]):
    """WavLM-Large with the published vocoder, and folders of a person."""

    concurrency = 2

    def __init__(self, setup: Setup) -> None:
        super().__init__(NAME, (MODEL,), setup)
        self._device = device.resolve(NAME, setup.options.get(device.OPTION, setup.device))
        self.drawback = "there is no GPU for it" if self._device == "cpu" else ""

    def recommended(self) -> Sequence["KnnVcEngine"]:
        """None: a part of it must be fetched by a person."""
        return ()

    def _make(self, model: str) -> "KnnVcEngine":
        return KnnVcEngine(model, self._setup, self._device)


class _FilesWithVocoder(DownloadedFiles):
    """Files of which the hub has all but the vocoder, which is a pickle where it is published."""

    @property
    def present(self) -> bool:
        folder = self.folder
        return folder is not None and (folder / VOCODER_FILE).is_file()

    @property
    def instructions(self) -> str:
        """How to get the vocoder, once the rest is here."""
        if self.folder is None or self.present:
            return ""
        return (
            f"Download {VOCODER}, then: python -m voicebox_conversion.engines.knnvc.import_vocoder "
            f"prematch_g_02500000.pt {self.folder}"
        )

    def download(self, report: Report) -> None:
        """What the hub has; then Precondition("VOCODER_NEEDED") until the vocoder is there."""
        if self.folder is None:
            super().download(report)
        if not self.present:
            raise Precondition("VOCODER_NEEDED", f"models/{self._model}", self.instructions)


class KnnVcEngine(Lifecycle["LoadedKnnVc"]):
    """As voicebox_conversion.engine.Engine."""

    name = NAME
    sample_rate_hz = RATE_HZ
    preview_seconds = 0.0
    expectations = (EXPECTATION,)

    def __init__(self, model: str, setup: Setup, runs_on: str) -> None:
        """`model` is `knnvc/{model}`."""
        self._is_published = model == f"{NAME}/{MODEL}"
        super().__init__(_FilesWithVocoder(model, setup, WavLm() if self._is_published else None, _weights_bytes))
        self._name, self.device = model, runs_on

    @property
    def model(self) -> Model:
        licence, source = (LICENCE, f"Hugging Face: {REPOSITORY}") if self._is_published else (UNKNOWN_LICENCE, "")
        return Model(self._name, self.files.revision, licence, (), source)

    def voice(self, file: Path) -> "KnnVcVoice":
        read: KnnVcVoice = import_module(".voice", __package__).read(file, self.device)
        return read

    def learn(self, samples: Samples) -> "KnnVcVoice":
        return self._opened().learned(samples)

    def open(self, voice: object, options: Options) -> "KnnVcSession":
        if not isinstance(voice, import_module(".voice", __package__).KnnVcVoice):
            raise InvalidField("config.target", "The voice is not one of the engine knnvc.", "VOICE_OF_ANOTHER_ENGINE")
        session: KnnVcSession = import_module(".session", __package__).KnnVcSession(self._opened(), voice, options)
        return session

    def _open_model(self) -> "LoadedKnnVc":
        folder = require_folder(self.files, self._name)
        loaded: LoadedKnnVc = import_module(".loaded", __package__).load(folder, self.device)
        return loaded


def _weights_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("*.safetensors"))
