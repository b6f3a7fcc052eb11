"""Trains adapters of the tiny Whisper: on tones that have texts, and on the same tones with their texts mixed up.

    python tests/support/trained_whisper.py FOLDER

makes FOLDER/model, FOLDER/dataset, FOLDER/trained and FOLDER/mixed-up, each of the last two with the trainer's files
and `result.json`.
"""

import json
import sys
import wave
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from voicebox_asr.engines.whisper.training.trainer import WhisperAdapters
from voicebox_models.adapters.trainer import Task

SAMPLE_RATE_HZ = 16_000
TONES = ((200, "elo tone"), (900, "rih mud"), (2600, "shon lace"))
CLIPS_OF_EACH = 10
OPTIONS = {
    "steps": "150",
    "batch_size": "4",
    "checkpoint_every": "50",
    "learning_rate": "0.01",
    "language": "en",
}


def tone(frequency_hz: float, seed: int) -> bytes:
    """One second of a tone with a little noise, as 16-bit samples."""
    noise = np.random.default_rng(seed).standard_normal(SAMPLE_RATE_HZ)
    times = np.arange(SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
    samples = 0.3 * np.sin(2 * np.pi * frequency_hz * (1 + 0.01 * (seed % 5)) * times) + 0.005 * noise
    return (samples * 32767).astype("<i2").tobytes()


def write_dataset(folder: Path, *, mixed_up: bool = False) -> None:
    """CLIPS_OF_EACH clips of each tone, one after the other; mixed up, each text belongs to all tones alike."""
    (folder / "wavs").mkdir(parents=True)
    lines = []
    for index, (frequency_hz, text) in enumerate(TONES):
        for number in range(CLIPS_OF_EACH):
            name = f"wavs/{index}-{number}.wav"
            with wave.open(str(folder / name), "wb") as file:
                file.setnchannels(1)
                file.setsampwidth(2)
                file.setframerate(SAMPLE_RATE_HZ)
                file.writeframes(tone(frequency_hz, 100 * index + number))
            spoken = TONES[(index + number) % len(TONES)][1] if mixed_up else text
            lines.append(json.dumps({"audio": name, "text": spoken}) + "\n")
    (folder / "dataset.jsonl").write_text("".join(lines))


def write_model(folder: Path) -> None:
    """A tiny Whisper that is easy to train, with a token for the beginning of each word: a space alone is a symbol
    that is never written.
    """
    import tiny_whisper  # type: ignore[import-not-found]  # beside this script; a converter that training needs not

    tiny_whisper.CERTAINTY, tiny_whisper.ATTENTION, tiny_whisper.SOUND = 3.0, 4.0, 3.0
    tiny_whisper.write(folder, english=False)
    path = folder / "tokenizer.json"
    document = json.loads(path.read_text("utf-8"))
    vocabulary, merges = document["model"]["vocab"], document["model"]["merges"]
    letters = sorted({word[0] for _, text in TONES for word in text.split()})
    words = sorted((word for word in vocabulary if word.startswith("Ġ")), key=vocabulary.get)[-len(letters) :]
    for word, letter in zip(words, letters, strict=True):
        vocabulary[f"Ġ{letter}"] = vocabulary.pop(word)
        merges.append(["Ġ", letter])
    path.write_text(json.dumps(document), "utf-8")


def train(model: Path, dataset: Path, folder: Path, options: Mapping[str, str] = OPTIONS) -> None:
    """Train an adapter into `folder`."""
    torch.set_num_threads(1)
    folder.mkdir(parents=True, exist_ok=True)
    task = Task(dataset, model, "whisper/random", "r1", "MIT", "They agreed.", "", options, folder, "cpu")
    result = WhisperAdapters().train(task, lambda progress: print(progress.stage, flush=True))
    (folder / "result.json").write_text(json.dumps(asdict(result)))


if __name__ == "__main__":
    made = Path(sys.argv[1])
    write_model(made / "model")
    for name, is_mixed_up in (("trained", False), ("mixed-up", True)):
        dataset = made / ("mixed-up-dataset" if is_mixed_up else "dataset")
        write_dataset(dataset, mixed_up=is_mixed_up)
        train(made / "model", dataset, made / name, OPTIONS | ({"steps": "100"} if is_mixed_up else {}))
