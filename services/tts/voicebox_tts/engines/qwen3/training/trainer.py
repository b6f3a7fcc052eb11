"""The trainer of adapters of Qwen3-TTS, as voicebox_models.adapters.trainer.AdapterTrainer."""

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec

from voicebox_kit.errors import InvalidField, Precondition
from voicebox_models.adapters import dataset, plan
from voicebox_models.adapters.fingerprint import fingerprint
from voicebox_models.adapters.trainer import AdapterResult, Task
from voicebox_models.adapters.training import fit, manifest_of
from voicebox_models.trainer import Progress

from voicebox_tts.engines.codec_models.device import resolve_device
from voicebox_tts.engines.qwen3.family import PACKAGES
from voicebox_tts.engines.qwen3.model import checkpoint
from voicebox_tts.engines.qwen3.model.config import SAMPLE_RATE_HZ, Kind


class Qwen3Adapters:
    """LoRA on a base model, which becomes a model with one voice. It passes its test when the test sentence is spoken
    and is not silence, and the texts of clips that were held out suit them better than those of others.
    """

    name = "qwen3"
    service = "tts"

    def train(self, task: Task, progress: Callable[[Progress], None]) -> AdapterResult:
        """Raises InvalidField for options or a data set that it cannot use, and Precondition without its packages."""
        if missing := [name for name in PACKAGES if find_spec(name) is None]:
            sentence = f"Training needs {', '.join(missing)}: install voicebox-tts[qwen3]."
            raise Precondition("TRAINER_NOT_INSTALLED", task.base_model, sentence)
        settings = plan.read(task.options)
        if checkpoint.kind(checkpoint.checked(task.base)) is not Kind.BASE:
            raise InvalidField("base_model", f"models/{task.base_model} is no base model: only those are trained.")
        if not task.speaker:
            raise InvalidField("display_name", "A voice needs a name.")
        torch, clips = import_module("torch"), dataset.read(task.dataset)
        device = resolve_device(self.name, task.device or "cpu", "auto")
        fitting = import_module(".fitting", __package__).Qwen3Fitting(
            task.base, clips, task.speaker, settings, torch.device(device.name), getattr(torch, device.compute_type)
        )
        describe = manifest_of(task, settings, fingerprint(checkpoint.weights(task.base)), SAMPLE_RATE_HZ)
        return fit(fitting, task, settings, describe, progress, dataset.warnings(clips))
