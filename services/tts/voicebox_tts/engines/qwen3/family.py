"""Qwen3-TTS: ten languages, its own speakers, cloned and described voices, spoken while they are computed."""

import threading
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from voicebox_models import store
from voicebox_models.engine import NotInstalled, Setup

from .device import Device, resolved
from .engine import NAME, Qwen3Engine
from .published import KNOWN, Published
from .scheduler.chunk_sizes import Schedule

PACKAGES = ("torch", "safetensors", "tokenizers")

LARGE_GPU_BYTES = 10 * 10**9
"""The models of 1.7 billion weights take 4.5 GB, and 20 streams 3 GB more; smaller GPUs are for those of 0.6
billion.
"""


def family(setup: Setup) -> "Qwen3Family":
    """Every Qwen3-TTS model of 12 Hz; NotInstalled without its libraries, StartError without the device that the setup
    names.
    """
    if missing := [name for name in PACKAGES if find_spec(name) is None]:
        raise NotInstalled(f"The engine qwen3 is not installed: `make qwen3` installs it, with {', '.join(missing)}.")
    Schedule.read(setup.options.get("chunk_frames", ""))
    return Qwen3Family(setup, resolved(setup.device, setup.compute_type))


class Qwen3Family:
    """The models in the models folder and in the hub's cache, those that everybody knows, and any other of the hub by
    its name.
    """

    def __init__(self, setup: Setup, device: Device) -> None:
        self._setup, self._device = setup, device
        self._engines: dict[str, Qwen3Engine] = {}
        self._lock = threading.Lock()

    @property
    def drawback(self) -> str:
        """On two cores the small models take seven times as long as what they say: of no use to a person who waits."""
        return "there is no GPU for it" if self._device.kind == "cpu" else ""

    def engines(self) -> Sequence[Qwen3Engine]:
        """The named folder, then what is present, then what is well known; the best of each first."""
        folders = self._folders()
        known = [f"{NAME}/{model}" for model in KNOWN]
        named = self._setup.named_folder

        def rank(engine: Qwen3Engine) -> tuple[bool, bool, int]:
            name = engine.model.name
            is_named = named is not None and folders.get(name) == named
            return not is_named, not engine.present, known.index(name) if name in known else len(known)

        return sorted([self._made(name) for name in {**folders, **dict.fromkeys(known)}], key=rank)

    def engine(self, model: str) -> Qwen3Engine | None:
        """One of `engines`, or `qwen3/{organisation}/{repository}` of the hub."""
        prefix, _, rest = model.partition("/")
        if prefix != NAME or not store.is_name(model):
            return None
        return self._made(model) if rest in KNOWN or "/" in rest or model in self._folders() else None

    def recommended(self) -> Sequence[Qwen3Engine]:
        """The best that the GPU has memory for, which follows recordings, and its sister with voices of its own; none
        without a GPU.
        """
        if self._device.kind == "cpu":
            return ()
        size = "1.7b" if self._device.memory_bytes >= LARGE_GPU_BYTES else "0.6b"
        return self._made(f"{NAME}/{size}-base"), self._made(f"{NAME}/{size}-custom-voice")

    def _folders(self) -> dict[str, Path]:
        return store.folders(self._setup.models_folder, NAME, self._setup.named_folder)

    def _made(self, name: str) -> Qwen3Engine:
        with self._lock:
            if name not in self._engines:
                model = name.removeprefix(f"{NAME}/")
                published = KNOWN.get(model) or (Published(model) if "/" in model else None)
                self._engines[name] = Qwen3Engine(name, published, self._setup, self._device)
            return self._engines[name]
