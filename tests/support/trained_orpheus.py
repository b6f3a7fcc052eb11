"""Trains adapters of the tiny Orpheus: on one utterance until it is known by heart, and with texts that are mixed up.

    python tests/support/trained_orpheus.py FOLDER MODEL

makes FOLDER/model, a model that decodes greedily, and FOLDER/trained, FOLDER/two-texts and FOLDER/mixed-up with the
trainer's files and `result.json`.
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
from voicebox_tts.engines.orpheus.training.trainer import OrpheusAdapters

TEXT = "Hello from the training."
OPTIONS = {
    "steps": "120",
    "batch_size": "1",
    "checkpoint_every": "60",
    "learning_rate": "0.02",
    "rank": "32",
    "alpha": "32",
    "sentence": TEXT,
}
OF_TWO = {**OPTIONS, "steps": "60", "checkpoint_every": "60", "learning_rate": "0.005", "rank": "8"}


def train(model: Path, dataset: Path, folder: Path, options: Mapping[str, str] = OPTIONS) -> None:
    """Train an adapter into `folder`."""
    torch.set_num_threads(1)
    folder.mkdir(parents=True, exist_ok=True)
    licence = "LicenseRef-Llama-3.2-Community"
    task = Task(dataset, model, "orpheus/base", "r1", licence, "They agreed.", "reader", options, folder, "cpu")
    result = OrpheusAdapters().train(task, lambda progress: print(progress.stage, flush=True))
    (folder / "result.json").write_text(json.dumps(asdict(result)))


def write_model(source: Path, folder: Path) -> None:
    """The tiny model, which decodes greedily."""
    shutil.copytree(source, folder)
    greedy = {"do_sample": False, "repetition_penalty": 1.0}
    (folder / "generation_config.json").write_text(json.dumps(greedy))


if __name__ == "__main__":
    made = Path(sys.argv[1])
    write_model(Path(sys.argv[2]) / "base", made / "model")
    write_dataset(made / "dataset", [(TEXT, vowel(1.6, 180, 0))])
    train(made / "model", made / "dataset", made / "trained")
    for name, is_mixed_up in (("two-texts", False), ("mixed-up", True)):
        write_dataset(made / f"{name}-dataset", two_texts(mixed_up=is_mixed_up))
        train(made / "model", made / f"{name}-dataset", made / name, OF_TWO)
