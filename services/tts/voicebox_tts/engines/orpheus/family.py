"""Orpheus TTS: lively English voices that laugh and sigh, streamed while they are computed."""

from collections.abc import Sequence
from importlib.util import find_spec

from voicebox_models.engine import NotInstalled, Setup
from voicebox_models.family import ManyModels, preference

from voicebox_tts.engines.codec_models.device import Device, resolve_device
from voicebox_tts.engines.codec_models.scheduler.chunk_sizes import ChunkSizes

from .engine import NAME, OrpheusEngine
from .published import KNOWN, Published

PACKAGES = ("torch", "safetensors", "tokenizers")


@preference(8)
def family(setup: Setup) -> "OrpheusFamily":
    """Every Orpheus model; NotInstalled without its libraries, StartError without the device that the setup names."""
    if missing := [name for name in PACKAGES if find_spec(name) is None]:
        raise NotInstalled(
            f"The engine orpheus is not installed: `make orpheus` installs it, with {', '.join(missing)}."
        )
    ChunkSizes.read(setup.options.get("chunk_frames", ""))
    return OrpheusFamily(setup, resolve_device(NAME, setup.device, setup.compute_type))


class OrpheusFamily(ManyModels[OrpheusEngine]):
    """The models in the models folder, the well known one, and any other of the hub by its name."""

    concurrency = 32
    whole_hub = True
    takes_adapters = True

    def __init__(self, setup: Setup, device: Device) -> None:
        super().__init__(NAME, KNOWN, setup)
        self._device = device
        # A second of speech takes 82 steps of 3.3 billion weights.
        self.drawback = "there is no GPU for it" if device.kind == "cpu" else ""

    def recommended(self) -> Sequence[OrpheusEngine]:
        """None: the hub asks for a person's consent first."""
        return ()

    def _make(self, model: str) -> OrpheusEngine:
        name = model.removeprefix(f"{NAME}/")
        published = KNOWN.get(name) or (Published(name) if "/" in name else None)
        return OrpheusEngine(model, published, self._setup, self._device, self.engine)
