"""Makes voices of the engine knnvc: the frames of recordings, without any training."""

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import soundfile
from voicebox_audio.resample import Resampler
from voicebox_kit.errors import Precondition, StartError
from voicebox_models.engine import Setup
from voicebox_models.settings import models_folder
from voicebox_models.trainer import DEVICE, Progress, Result, Turn, words_of

from voicebox_conversion.engine import TENSORS, Samples
from voicebox_conversion.manifest import FILE, Manifest

from .engine import EXPECTATION, NAME, RATE_HZ, KnnVcFamily


class KnnVcTrainer:
    """As voicebox_models.trainer.Trainer. Its options: `name` is what the voice is called, `consent` who agreed to
    what, `licence` who may use it.
    """

    name = NAME

    def __init__(self, env: Mapping[str, str] = os.environ) -> None:
        """`env` says where models lie, and on which device it runs."""
        self._env = env

    def train(
        self,
        recordings: Sequence[Path],
        options: Mapping[str, str],
        folder: Path,
        progress: Callable[[Progress], None],
        turn: Turn,
    ) -> Result:
        display_name, consent, licence = words_of(options).values()
        setup = Setup(self._env.get(DEVICE, "auto"), "auto", models_folder(self._env))
        engine = next(iter(KnnVcFamily(setup).engines()))
        if not engine.files.present:
            sentence = f"models/{engine.model.name} is not here. {engine.files.instructions}".strip()
            raise Precondition("MODEL_NOT_DOWNLOADED", f"models/{engine.model.name}", sentence)
        turn.give(_save_nothing)
        progress(Progress(0.0, "recordings"))
        samples = np.concatenate([_read(recording) for recording in recordings] or [np.zeros(0, np.float32)])
        try:
            engine.learn(samples).write(folder / TENSORS)
        except StartError as error:
            raise Precondition("MODEL_NOT_LOADED", f"models/{engine.model.name}", str(error)) from error
        seconds = len(samples) / RATE_HZ
        digest = hashlib.sha256(b"".join(hashlib.sha256(each.read_bytes()).digest() for each in recordings))
        manifest = Manifest(
            display_name or "voice",
            NAME,
            RATE_HZ,
            hashlib.sha256((folder / TENSORS).read_bytes()).hexdigest(),
            {"seconds_of_speech": round(seconds, 3)},
            consent,
            licence,
            digest.hexdigest(),
        )
        (folder / FILE).write_bytes(manifest.to_json())
        progress(Progress(1.0, "done"))
        return Result((FILE, TENSORS), manifest.metrics, seconds, (EXPECTATION,))


def _save_nothing() -> None:
    """It is one step, and nothing of it is done yet."""


def _read(recording: Path) -> Samples:
    try:
        samples, rate = soundfile.read(recording, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise Precondition("RECORDING_UNREADABLE", recording.name, f"{recording.name} is no WAV file.") from error
    resampler = Resampler(rate, RATE_HZ)
    return np.concatenate([resampler.push(samples.mean(axis=1)), resampler.finish()])
