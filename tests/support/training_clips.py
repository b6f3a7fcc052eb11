"""Recordings to train tiny voices on: sounds with texts."""

import json
import wave
from collections.abc import Sequence
from pathlib import Path

import numpy as np

SAMPLE_RATE_HZ = 24_000
TEXTS = ("Low and slow.", "A bird up high!")
CLIPS_OF_EACH = 10


def vowel(seconds: float, pitch_hz: float, seed: int) -> bytes:
    """A voiced sound that rises, as 16-bit samples."""
    times = np.arange(int(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    phase = 2 * np.pi * pitch_hz * times * (1 + 0.1 * times)
    sound = sum(np.sin(harmonic * phase) / harmonic for harmonic in range(1, 8))
    noise = np.random.default_rng(seed).standard_normal(len(times))
    return (np.clip(0.2 * sound + 0.002 * noise, -1, 1) * 32767).astype("<i2").tobytes()


def two_texts(*, mixed_up: bool) -> list[tuple[str, bytes]]:
    """CLIPS_OF_EACH low and as many high sounds with a text for each; mixed up, each text belongs to both alike."""
    return [
        (TEXTS[number % 2 if mixed_up else index], vowel(0.8, (120, 400)[index], 10 * index + number))
        for index in range(2)
        for number in range(CLIPS_OF_EACH)
    ]


def write_dataset(folder: Path, clips: Sequence[tuple[str, bytes]]) -> None:
    """Texts with their recordings."""
    (folder / "wavs").mkdir(parents=True)
    lines = []
    for number, (text, samples) in enumerate(clips):
        name = f"wavs/{number}.wav"
        with wave.open(str(folder / name), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(SAMPLE_RATE_HZ)
            file.writeframes(samples)
        lines.append(json.dumps({"audio": name, "text": text}) + "\n")
    (folder / "dataset.jsonl").write_text("".join(lines))
