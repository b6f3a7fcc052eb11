"""The trainer of adapters of Whisper, as voicebox_models.adapters.trainer.AdapterTrainer."""

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec

from voicebox_kit.errors import Precondition
from voicebox_models.adapters import dataset, plan
from voicebox_models.adapters.fingerprint import fingerprint
from voicebox_models.adapters.trainer import AdapterResult, Task
from voicebox_models.adapters.training import fit, manifest_of
from voicebox_models.trainer import Progress

from voicebox_asr.engine import SAMPLE_RATE_HZ
from voicebox_asr.engines.whisper import model_files

PACKAGES = ("torch", "transformers", "peft", "faster_whisper")


class WhisperAdapters:
    """LoRA on a Whisper model for CTranslate2. It passes its test when the word error rate on clips that it was not
    trained on is at most the option `max_wer`, 0.4 unless it is given.
    """

    name = "whisper"
    service = "asr"

    def train(self, task: Task, progress: Callable[[Progress], None]) -> AdapterResult:
        """Raises InvalidField for options or a data set that it cannot use, and Precondition without its packages."""
        if missing := [name for name in PACKAGES if find_spec(name) is None]:
            sentence = f"Training needs {', '.join(missing)}: install voicebox-asr[training]."
            raise Precondition("TRAINER_NOT_INSTALLED", task.base_model, sentence)
        settings = plan.read(task.options)
        examples = import_module(".examples", __package__)
        texts = examples.Texts(model_files.checked(task.base), settings.language)
        clips = dataset.read(task.dataset)
        trained = [texts.example(clip) for clip in clips.trained]
        held_out = [texts.example(clip) for clip in clips.held_out]
        torch = import_module("torch")
        fitting = import_module(".fitting", __package__).WhisperFitting(
            task.base, texts, trained, held_out, settings, torch.device(task.device or "cpu")
        )
        describe = manifest_of(task, settings, fingerprint([task.base / model_files.WEIGHTS]), SAMPLE_RATE_HZ)
        return fit(fitting, task, settings, describe, progress, dataset.warnings(clips))
