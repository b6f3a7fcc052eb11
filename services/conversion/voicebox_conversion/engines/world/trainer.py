"""Trains voices of the engine world: seconds of work, no weights before it."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import soundfile
from voicebox_audio.resample import Resampler
from voicebox_kit.errors import Precondition
from voicebox_models.trainer import Progress, Result, Turn, words_of

from voicebox_conversion.engine import TENSORS
from voicebox_conversion.manifest import FILE, Manifest

from .engine import EXPECTATION, NAME
from .vocoder import SAMPLE_RATE_HZ
from .voice import MAX_SECONDS, Learner


class WorldTrainer:
    """As voicebox_models.trainer.Trainer. Its options: `name` is what the voice is called, `consent` who agreed to
    what, `licence` who may use it.
    """

    name = NAME

    def train(
        self,
        recordings: Sequence[Path],
        options: Mapping[str, str],
        folder: Path,
        progress: Callable[[Progress], None],
        turn: Turn,
    ) -> Result:
        display_name, consent, licence = words_of(options).values()
        learner, digest, warnings = Learner(), hashlib.sha256(), list[str]()
        for number, recording in enumerate(recordings):
            turn.give(_save_nothing)
            progress(Progress(0.9 * number / len(recordings), f"recording {number + 1} of {len(recordings)}"))
            digest.update(hashlib.sha256(recording.read_bytes()).digest())
            _add(learner, recording, MAX_SECONDS - learner.seconds)
        if learner.seconds >= MAX_SECONDS:
            warnings.append(f"The first {MAX_SECONDS:g} s of the recordings are used: more changes nothing.")
        progress(Progress(0.9, "voice"))
        learner.voice().write(folder / TENSORS)
        manifest = Manifest(
            display_name or "voice",
            NAME,
            SAMPLE_RATE_HZ,
            hashlib.sha256((folder / TENSORS).read_bytes()).hexdigest(),
            {"seconds_of_speech": round(learner.seconds, 3)},
            consent,
            licence,
            digest.hexdigest(),
        )
        (folder / FILE).write_bytes(manifest.to_json())
        progress(Progress(1.0, "done"))
        return Result((FILE, TENSORS), manifest.metrics, learner.seconds, (*warnings, EXPECTATION))


def _save_nothing() -> None:
    """It takes seconds: a training that was ended begins anew."""


def _add(learner: Learner, recording: Path, max_seconds: float) -> None:
    if max_seconds <= 0:
        return
    try:
        samples, rate = soundfile.read(recording, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise Precondition("RECORDING_UNREADABLE", recording.name, f"{recording.name} is no WAV file.") from error
    resampler = Resampler(rate, SAMPLE_RATE_HZ)
    mono = samples[: int(max_seconds * rate)].mean(axis=1)
    learner.add(np.concatenate([resampler.push(mono), resampler.finish()]))
