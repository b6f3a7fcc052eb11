"""Qwen3-TTS: ten languages, its own speakers, cloned and described voices, streamed while they are computed."""

from collections.abc import Sequence
from importlib.util import find_spec

from voicebox_models.engine import NotInstalled, Setup
from voicebox_models.family import ManyModels, preference

from voicebox_tts.engines.codec_models.device import Device, resolve_device
from voicebox_tts.engines.codec_models.scheduler.chunk_sizes import ChunkSizes

from .engine import NAME, Qwen3Engine
from .published import KNOWN, Published

PACKAGES = ("torch", "safetensors", "tokenizers")

LARGE_GPU_BYTES = 10 * 10**9
"""The models of 1.7 billion weights take 4.5 GB, and 20 streams 3 GB more; smaller GPUs are for those of 0.6
billion.
"""


@preference(40)
def family(setup: Setup) -> "Qwen3Family":
    """Every Qwen3-TTS model of 12 Hz; NotInstalled without its libraries, StartError without the device that the setup
    names.
    """
    if missing := [name for name in PACKAGES if find_spec(name) is None]:
        raise NotInstalled(f"The engine qwen3 is not installed: `make qwen3` installs it, with {', '.join(missing)}.")
    ChunkSizes.read(setup.options.get("chunk_frames", ""))
    return Qwen3Family(setup, resolve_device(NAME, setup.device, setup.compute_type))


class Qwen3Family(ManyModels[Qwen3Engine]):
    """The models in the models folder and in the hub's cache, well known ones, and any other of the hub by its name."""

    concurrency = 64
    whole_hub = True
    takes_adapters = True

    def __init__(self, setup: Setup, device: Device) -> None:
        super().__init__(NAME, KNOWN, setup)
        self._device = device
        # On two cores the small models have a real-time factor of seven.
        self.drawback = "there is no GPU for it" if device.kind == "cpu" else ""

    def recommended(self) -> Sequence[Qwen3Engine]:
        """The best that the GPU has memory for, which clones voices, and the one of the same size with built-in voices;
        none without a GPU.
        """
        if self._device.kind == "cpu":
            return ()
        size = "1.7b" if self._device.memory_bytes >= LARGE_GPU_BYTES else "0.6b"
        return self._made(f"{NAME}/{size}-base"), self._made(f"{NAME}/{size}-custom-voice")

    def _make(self, model: str) -> Qwen3Engine:
        name = model.removeprefix(f"{NAME}/")
        published = KNOWN.get(name) or (Published(name) if "/" in name else None)
        return Qwen3Engine(model, published, self._setup, self._device, self.engine)
