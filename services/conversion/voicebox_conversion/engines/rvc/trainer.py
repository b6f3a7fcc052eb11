"""Trains voices of the engine rvc, from a model that knows many voices or from nothing."""

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from voicebox_kit.errors import InvalidField, Precondition, StartError
from voicebox_models.engine import Setup
from voicebox_models.settings import models_folder
from voicebox_models.trainer import DEVICE, Progress, Result, Turn, words_of

from voicebox_conversion.engine import TENSORS
from voicebox_conversion.manifest import FILE, Manifest

from .engine import NAME, RvcFamily

if TYPE_CHECKING:  # imported when they are needed: torch takes 2 s and 200 MB
    from .config import SynthesizerConfig
    from .loaded import LoadedRvc
    from .training.clips import Clip
    from .training.training import Plan, Training

DEFAULT_RATE_HZ, DEFAULT_STEPS = 40_000, 4000
MAX_STEPS = 1_000_000
MIN_SECONDS = 1.0
CHECKPOINT_STEPS = 200
INDEX_VECTORS = 10_000
BASES = "rvc-base"
"""The folder of the models folder in which models to begin with lie, as `{rate}.safetensors`."""
_PREPARED = 0.1


class RvcTrainer:
    """As voicebox_models.trainer.Trainer. Its options: `name` is what the voice is called, `consent` who agreed to
    what, `licence` who may use it; `rate_hz` is 32000, 40000 or 48000; `steps` and `seed` are whole numbers.
    """

    name = NAME

    def __init__(
        self,
        env: Mapping[str, str] = os.environ,
        config: "SynthesizerConfig | None" = None,
        plan: "Callable[[int, int], Plan] | None" = None,
    ) -> None:
        """`env` says where models lie; `config` and `plan`, made from the steps and the seed, are others than those
        that people train with.
        """
        self._env, self._config, self._plan = env, config, plan

    def train(
        self,
        recordings: Sequence[Path],
        options: Mapping[str, str],
        folder: Path,
        progress: Callable[[Progress], None],
        turn: Turn,
    ) -> Result:
        words = words_of(options, ("rate_hz", "steps", "seed"))
        steps, seed = _number(options, "steps", DEFAULT_STEPS, 1), _number(options, "seed", 0, 0)
        config = self._config or _config(_number(options, "rate_hz", DEFAULT_RATE_HZ, 1))
        shared = self._shared(self._env.get(DEVICE, "auto"))
        clips = _clips(recordings, config, shared, progress)
        training = _training(config, self._plan, steps, seed, shared.device)
        warnings = () if _begin(training, folder, self._base(config)) else (_FROM_NOTHING,)
        losses = _run(training, clips, folder, progress, turn)
        _write_voice(training, clips, folder)
        seconds = sum(len(clip.samples) for clip in clips) / config.rate_hz
        manifest = Manifest(
            words["name"] or "voice",
            NAME,
            config.rate_hz,
            hashlib.sha256((folder / TENSORS).read_bytes()).hexdigest(),
            {"seconds_of_speech": round(seconds, 3), "steps": float(steps), **losses},
            words["consent"],
            words["licence"],
            _digest(recordings),
        )
        (folder / FILE).write_bytes(manifest.to_json())
        progress(Progress(1.0, "done"))
        return Result((FILE, TENSORS), manifest.metrics, seconds, warnings)

    def _shared(self, device: str) -> "LoadedRvc":
        """The encoder of speech; Precondition where it is not here."""
        folder = models_folder(self._env)
        engine = next(iter(RvcFamily(Setup(device, "auto", folder)).engines()))
        if not engine.files.present:
            sentence = f"models/{engine.model.name} is not here: `make models MODELS=models/{engine.model.name}`."
            raise Precondition("MODEL_NOT_DOWNLOADED", f"models/{engine.model.name}", sentence)
        try:
            return engine.shared()
        except StartError as error:
            raise Precondition("MODEL_NOT_LOADED", f"models/{engine.model.name}", str(error)) from error

    def _base(self, config: "SynthesizerConfig") -> Path:
        return models_folder(self._env) / BASES / f"{config.rate_hz}.safetensors"


_FROM_NOTHING = (
    "The training began from nothing, because no base model is here: it needs hours of speech, or sounds like memory."
)


def _clips(
    recordings: Sequence[Path],
    config: "SynthesizerConfig",
    shared: "LoadedRvc",
    progress: Callable[[Progress], None],
) -> "list[Clip]":
    count = len(recordings)

    def told(number: int) -> None:
        progress(Progress(_PREPARED * number / count, f"recording {number + 1} of {count}"))

    clips: list[Clip] = import_module(".training.clips", __package__).read(recordings, config, shared, told)
    seconds = sum(len(clip.samples) for clip in clips) / config.rate_hz
    if seconds < MIN_SECONDS:
        sentence = f"The recordings have {seconds:.1f} s of speech, but {MIN_SECONDS:g} s are needed."
        raise Precondition("TOO_LITTLE_SPEECH", "recordings", sentence)
    return clips


def _training(
    config: "SynthesizerConfig", plan: "Callable[[int, int], Plan] | None", steps: int, seed: int, device: str
) -> "Training":
    module = import_module(".training.training", __package__)
    made: Training = module.Training(config, plan(steps, seed) if plan else module.Plan(steps, seed=seed), device)
    return made


def _begin(training: "Training", folder: Path, base: Path) -> bool:
    """Go on where the training was ended, or begin with a base model. Whether there was either."""
    if import_module(".training.resuming", __package__).resume(training, folder):
        return True
    return bool(import_module(".training.base", __package__).begin(training, base))


def _run(
    training: "Training", clips: "Sequence[Clip]", folder: Path, progress: Callable[[Progress], None], turn: Turn
) -> dict[str, float]:
    """The first and the last losses, each the mean over a tenth of the steps that were done now."""
    save = import_module(".training.resuming", __package__).save
    seen: list[float] = []

    def done(losses: object) -> None:
        seen.append(losses.total)  # type: ignore[attr-defined]
        steps = training.plan.steps
        progress(Progress(_PREPARED + 0.85 * training.step / steps, f"step {training.step} of {steps}"))
        if training.step < steps:
            if training.step % CHECKPOINT_STEPS == 0:
                save(training, folder)
            turn.give(lambda: save(training, folder))

    training.run(clips, done)
    tenth = max(len(seen) // 10, 1)
    return {"first_loss": float(np.mean(seen[:tenth])), "last_loss": float(np.mean(seen[-tenth:]))} if seen else {}


def _write_voice(training: "Training", clips: "Sequence[Clip]", folder: Path) -> None:
    voices, torch = import_module(".voice", __package__), import_module("torch")
    weights = training.synthesizer.state_dict()
    tensors = {name: each.half() for name, each in weights.items() if not name.startswith("enc_q.")}
    vectors = torch.cat([clip.features for clip in clips])
    kept = np.linspace(0, len(vectors) - 1, min(len(vectors), INDEX_VECTORS)).astype(int)
    voiced = np.concatenate([clip.f0_hz[clip.f0_hz > 0] for clip in clips])
    pitch_hz = float(np.exp(np.log(voiced).mean())) if len(voiced) else 0.0
    voices.write(folder / TENSORS, training.config, tensors, vectors[kept], pitch_hz)
    (folder / import_module(".training.resuming", __package__).FILE).unlink(missing_ok=True)


def _config(rate_hz: int) -> "SynthesizerConfig":
    published: Mapping[int, SynthesizerConfig] = import_module(".config", __package__).PUBLISHED
    if rate_hz not in published:
        raise InvalidField("options.rate_hz", f"rate_hz must be one of {', '.join(map(str, published))}.")
    return published[rate_hz]


def _number(options: Mapping[str, str], name: str, default: int, least: int) -> int:
    value = options.get(name, str(default))
    if not value.isdecimal() or not least <= int(value) <= MAX_STEPS:
        raise InvalidField(f"options.{name}", f"{name} must be a whole number of {least} to {MAX_STEPS}.")
    return int(value)


def _digest(recordings: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for recording in recordings:
        digest.update(hashlib.sha256(recording.read_bytes()).digest())
    return digest.hexdigest()
