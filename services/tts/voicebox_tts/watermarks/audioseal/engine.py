"""AudioSeal: an inaudible watermark in speech, which survives editing, and its detector."""

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from voicebox_models.engine import Model, NotInstalled, Setup
from voicebox_models.files import DownloadedFiles
from voicebox_models.lifecycle import Lifecycle, require_folder

from voicebox_tts.engine import Samples
from voicebox_tts.watermark import Detection

if TYPE_CHECKING:  # torch takes 2 s and 200 MB
    from .loaded import AudioSealStream, LoadedAudioSeal

NAME = "audioseal"
MODEL = f"{NAME}/streaming"
LICENCE = "MIT"
SOURCE = "huggingface.co/facebook/audioseal: generator_streaming.pth and detector_streaming.pth, as safetensors"


def watermark(setup: Setup) -> "AudioSeal":
    """The entry point; NotInstalled without torch."""
    if find_spec("torch") is None:
        raise NotInstalled("The watermark audioseal is not installed: `make audioseal` installs it, with torch.")
    return AudioSeal(setup)


class AudioSeal(Lifecycle["LoadedAudioSeal"]):
    """The causal form of AudioSeal, which needs nothing of what follows."""

    name = NAME
    device = "cpu"

    def __init__(self, setup: Setup) -> None:
        super().__init__(DownloadedFiles(MODEL, setup, None, _weights_bytes))

    @property
    def model(self) -> Model:
        return Model(MODEL, self.files.revision, LICENCE, (), SOURCE)

    def open(self, sample_rate_hz: int) -> "AudioSealStream":
        """Begin a stream at a rate."""
        stream: AudioSealStream = import_module(".loaded", __package__).AudioSealStream(self._opened(), sample_rate_hz)
        return stream

    def detect(self, samples: Samples, sample_rate_hz: int) -> Detection:
        """Look for the watermark in a recording, shape (n,)."""
        return self._opened().detect(samples, sample_rate_hz)

    def _open_model(self) -> "LoadedAudioSeal":
        folder = require_folder(self.files, MODEL)
        loaded: LoadedAudioSeal = import_module(".loaded", __package__).LoadedAudioSeal(folder)
        return loaded


def _weights_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("*.safetensors"))
