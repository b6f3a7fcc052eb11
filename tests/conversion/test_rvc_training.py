"""A training of rvc memorises a clip, goes on where it was ended, and makes a voice that the engine reads."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from voicebox_conversion.engine import TENSORS, Samples
from voicebox_conversion.engines.rvc import voice
from voicebox_conversion.engines.rvc.config import SynthesizerConfig
from voicebox_conversion.engines.rvc.pitch import steps
from voicebox_conversion.engines.rvc.synthesizer import Noise, Pitch, Synthesizer
from voicebox_conversion.engines.rvc.trainer import RvcTrainer
from voicebox_conversion.engines.rvc.training import base, clips, resuming, spectra
from voicebox_conversion.engines.rvc.training.clips import Clip
from voicebox_conversion.engines.rvc.training.training import Plan, Training
from voicebox_conversion.manifest import read_manifest
from voicebox_kit.errors import InvalidField, Precondition, StartError
from voicebox_models.trainer import DEVICE, OwnTurn

from tests.engines.tiny_rvc import TINY, values, write_encoder

RATE = 32_000


def config() -> SynthesizerConfig:
    from voicebox_conversion.engines.rvc.config import from_checkpoint

    return from_checkpoint(values(TINY, RATE), True, TINY.features, 1)


def plan(count: int, seed: int, judges_width: int = 0) -> Plan:
    return Plan(count, 2, 100, 32, 5e-3, seed, judges_width)


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    write_encoder(folder / "rvc" / "contentvec")
    return folder


def melody() -> Samples:
    """Four sounds of a quarter of a second, one of them silence."""
    times = np.arange(RATE // 4) / RATE
    sounds = [
        sum(np.sin(2 * np.pi * hertz * overtone * times) / overtone for overtone in range(1, count))
        for hertz, count in ((140, 30), (220, 6), (0, 2), (180, 12))
    ]
    return (0.2 * np.concatenate(sounds)).astype(np.float32)


def a_clip() -> Clip:
    """Without an encoder: each sound has its own features."""
    features = torch.randn(4, TINY.features, generator=torch.Generator().manual_seed(4))
    repeated = torch.cat([features.repeat_interleave(12, 0), features[3:].repeat(2, 1)]).half()
    f0 = np.repeat(np.array([140, 220, 0, 180], np.float32), 25)
    return Clip(torch.from_numpy(melody()), repeated, f0)


def mel_distance(synthesizer: Synthesizer, clip: Clip) -> float:
    """Between the clip and what is spoken of its features and pitch."""
    drawn, count = torch.Generator().manual_seed(1), clip.frames
    turns = np.concatenate([[0.0], np.cumsum(clip.f0_hz.astype(np.float64))[:-1] * 0.01]) % 1.0
    pitch = Pitch(*(torch.from_numpy(each)[None] for each in (clip.f0_hz, steps(clip.f0_hz), turns.astype(np.float32))))
    latents = torch.randn(1, synthesizer.config.latent, count, generator=drawn)
    noise = Noise(latents, torch.randn(1, count * synthesizer.config.hop_samples, generator=drawn))
    with torch.inference_mode():
        spoken = synthesizer.speak(clip.features.float().repeat_interleave(2, 0)[None], pitch, noise)
    mels = [
        spectra.log_mel(spectra.spectrum(each, synthesizer.config), synthesizer.config)
        for each in (spoken, clip.samples[None])
    ]
    return float((mels[0] - mels[1]).abs().mean())


def test_a_training_memorises_a_clip(models: Path, tmp_path) -> None:
    """The loss falls by more than a factor of two, and what is spoken is nearer to the clip by as much."""
    soundfile.write(tmp_path / "clip.wav", melody(), RATE)
    trainer = RvcTrainer({"VOICEBOX_MODELS": str(models)}, config(), plan)
    seen: list[float] = []
    words = {"name": "Melody", "consent": "It is a tone.", "steps": "100"}
    told = lambda progress: seen.append(progress.fraction)  # noqa: E731
    result = trainer.train([tmp_path / "clip.wav"], words, tmp_path, told, OwnTurn())
    assert result.metrics["last_loss"] < 0.5 * result.metrics["first_loss"]  # seen: 0.29
    assert seen == sorted(seen)
    assert "began from nothing" in result.warnings[0]
    manifest = read_manifest((tmp_path / "manifest.json").read_bytes())
    assert (manifest.name, manifest.engine, manifest.consent) == ("Melody", "rvc", "It is a tone.")
    assert not (tmp_path / resuming.FILE).exists()
    trained = voice.read(tmp_path / TENSORS, "cpu")
    assert trained.vectors is not None
    assert 130 < trained.pitch_hz < 230
    (given,) = clips.read([tmp_path / "clip.wav"], config(), trainer._shared("cpu"), lambda _: None)
    untrained = Training(config(), plan(1, 0), "cpu").synthesizer
    assert mel_distance(trained.synthesizer, given) < 0.5 * mel_distance(untrained, given)  # seen: 0.30


def test_a_training_goes_on_where_it_gave_way(models: Path, tmp_path) -> None:
    class Ended(Exception):
        pass

    class Turn:
        """It gives way behind the third step, and is ended meanwhile."""

        calls = 0

        def give(self, save: Callable[[], None]) -> None:
            self.calls += 1
            if self.calls == 3:
                save()
                raise Ended

    soundfile.write(tmp_path / "clip.wav", melody(), RATE)
    stages: list[str] = []

    def train(turn: Any) -> None:
        trainer = RvcTrainer({"VOICEBOX_MODELS": str(models)}, config(), plan)
        told = lambda progress: stages.append(progress.stage)  # noqa: E731
        trainer.train([tmp_path / "clip.wav"], {"name": "Melody", "steps": "5"}, tmp_path, told, turn)

    with pytest.raises(Ended):
        train(Turn())
    train(OwnTurn())
    assert [stage for stage in stages if "step" in stage] == [f"step {number} of 5" for number in range(1, 6)]


def test_a_training_goes_on_where_it_was_ended(tmp_path) -> None:
    """The same losses and the same weights as those of one that was never ended; judges and all."""
    given, whole, first = [a_clip()], list[float](), list[float]()

    class Ended(Exception):
        pass

    def until_second(losses) -> None:
        first.append(losses.total)
        if len(first) == 2:
            raise Ended

    once = Training(config(), plan(3, 7, 8), "cpu")
    once.run(given, lambda losses: whole.append(losses.total))
    ended = Training(config(), plan(3, 7, 8), "cpu")
    with pytest.raises(Ended):
        ended.run(given, until_second)
    resuming.save(ended, tmp_path)
    later = Training(config(), plan(3, 7, 8), "cpu")
    assert resuming.resume(later, tmp_path)
    later.run(given, lambda losses: first.append(losses.total))
    np.testing.assert_allclose(first, whole, rtol=1e-4)
    for one, other in zip(once.synthesizer.parameters(), later.synthesizer.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-5)


def test_another_plan_or_a_damaged_checkpoint_begins_anew(tmp_path) -> None:
    training = Training(config(), plan(2, 0), "cpu")
    assert not resuming.resume(training, tmp_path)
    resuming.save(training, tmp_path)
    assert not resuming.resume(Training(config(), plan(3, 0), "cpu"), tmp_path)
    file = tmp_path / resuming.FILE
    file.write_bytes(file.read_bytes()[:-100])
    assert not resuming.resume(training, tmp_path)


def test_a_training_begins_with_a_base_model(tmp_path) -> None:
    from safetensors.torch import save_file

    known, training = (Training(config(), plan(1, seed), "cpu") for seed in (1, 2))
    file = tmp_path / "32000.safetensors"
    assert not base.begin(training, file)
    save_file(known.synthesizer.state_dict(), file)
    assert base.begin(training, file)
    torch.testing.assert_close(training.synthesizer.emb_g.weight, known.synthesizer.emb_g.weight)
    other = Training(replace(config(), hidden=16), plan(1, 0), "cpu")
    with pytest.raises(Precondition, match="no model that"):
        base.begin(other, file)


def test_a_spectrum_has_a_frame_for_each_hop() -> None:
    samples = torch.from_numpy(melody())[None]
    magnitudes = spectra.spectrum(samples, config())
    assert magnitudes.shape == (1, config().spectrum, 100)
    assert int(magnitudes[0, :, 10].argmax()) == round(140 / (RATE / 1024))
    filters = spectra.filters(RATE, 513, 80)
    assert (filters >= 0).all()
    assert (filters.sum(1) > 0).all()


@pytest.mark.parametrize(
    "options", [{"steps": "0"}, {"steps": "x"}, {"rate_hz": "44100"}, {"speed": "1"}, {"name": "n" * 2001}]
)
def test_a_wrong_option_is_refused(models: Path, tmp_path, options: dict) -> None:
    with pytest.raises(InvalidField):
        RvcTrainer({"VOICEBOX_MODELS": str(models)}).train([], options, tmp_path, lambda _: None, OwnTurn())


def test_it_runs_on_the_device_of_its_job(models: Path, tmp_path) -> None:
    trainer = RvcTrainer({"VOICEBOX_MODELS": str(models), DEVICE: "cuda:7"}, config(), plan)
    with pytest.raises((Precondition, StartError), match="cuda:7"):
        trainer.train([], {}, tmp_path, lambda _: None, OwnTurn())


def test_what_cannot_be_trained_is_named(models: Path, tmp_path) -> None:
    trainer = RvcTrainer({"VOICEBOX_MODELS": str(tmp_path)}, config(), plan)
    with pytest.raises(Precondition, match="make models"):
        trainer.train([], {}, tmp_path, lambda _: None, OwnTurn())
    trainer = RvcTrainer({"VOICEBOX_MODELS": str(models)}, config(), plan)
    soundfile.write(tmp_path / "silence.wav", np.zeros(RATE), RATE)
    (tmp_path / "text.wav").write_text(json.dumps([1]))
    with pytest.raises(Precondition, match=r"0\.0 s of speech"):
        trainer.train([tmp_path / "silence.wav"], {}, tmp_path, lambda _: None, OwnTurn())
    with pytest.raises(Precondition, match=r"text\.wav is no WAV file"):
        trainer.train([tmp_path / "text.wav"], {}, tmp_path, lambda _: None, OwnTurn())
