"""Trains adapters of the tiny Qwen3-TTS: on one utterance until it is known by heart, and with texts that are mixed up.

    python tests/support/trained_qwen3.py FOLDER MODEL

makes FOLDER/model, a base model that decodes greedily, and FOLDER/trained, FOLDER/two-texts and FOLDER/mixed-up with
the trainer's files and `result.json`.
"""

import json
import shutil
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import torch
from training_clips import two_texts, vowel, write_dataset
from voicebox_models.adapters.trainer import Task
from voicebox_tts.engines.qwen3.training.trainer import Qwen3Adapters

TEXT = "Hello from the training."
OPTIONS = {
    "steps": "40",
    "batch_size": "1",
    "checkpoint_every": "20",
    "learning_rate": "0.01",
    "sentence": TEXT,
}
OF_TWO = {**OPTIONS, "steps": "60", "checkpoint_every": "60"}


def train(model: Path, dataset: Path, folder: Path, options: Mapping[str, str] = OPTIONS) -> None:
    """Train an adapter into `folder`."""
    torch.set_num_threads(1)
    folder.mkdir(parents=True, exist_ok=True)
    task = Task(dataset, model, "qwen3/base", "r1", "Apache-2.0", "They agreed.", "reader", options, folder, "cpu")
    result = Qwen3Adapters().train(task, lambda progress: print(progress.stage, flush=True))
    (folder / "result.json").write_text(json.dumps(asdict(result)))


def write_model(source: Path, folder: Path) -> None:
    """The tiny base model, which decodes greedily."""
    shutil.copytree(source, folder)
    path = folder / "generation_config.json"
    greedy = {"do_sample": False, "subtalker_dosample": False, "repetition_penalty": 1.0}
    path.write_text(json.dumps(json.loads(path.read_text()) | greedy))


if __name__ == "__main__":
    made = Path(sys.argv[1])
    write_model(Path(sys.argv[2]) / "base", made / "model")
    write_dataset(made / "dataset", [(TEXT, vowel(1.6, 180, 0))])
    train(made / "model", made / "dataset", made / "trained")
    for name, is_mixed_up in (("two-texts", False), ("mixed-up", True)):
        write_dataset(made / f"{name}-dataset", two_texts(mixed_up=is_mixed_up))
        train(made / "model", made / f"{name}-dataset", made / name, OF_TWO)
