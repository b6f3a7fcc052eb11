"""The speaker encoder and its spectrogram are the official package's."""

from pathlib import Path

import numpy as np
import pytest
import torch
from voicebox_kit.errors import StartError
from voicebox_tts.engines.qwen3.model import config, mel
from voicebox_tts.engines.qwen3.model.speaker_encoder import MIN_SECONDS, SpeakerEncoder

from tests.support.qwen3_cases import NOISES

CPU = torch.device("cpu")
LONG = [samples for samples in NOISES if samples > 6000]


@pytest.fixture(scope="module")
def encoder(tiny_qwen3: Path) -> SpeakerEncoder:
    return SpeakerEncoder.load(tiny_qwen3 / "base", config.read(tiny_qwen3 / "base"), CPU)


@pytest.mark.parametrize("samples", LONG)
def test_the_spectrogram_is_the_official_package_s(samples: int, official) -> None:
    made = mel.mel_spectrogram(torch.from_numpy(official[f"noise/{samples}/samples"]))
    np.testing.assert_allclose(made.numpy(), official[f"noise/{samples}/mel"], rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", [*(f"noise/{samples}" for samples in LONG), "reference"])
def test_the_speaker_is_the_official_package_s(name: str, encoder, official) -> None:
    made = encoder(official[f"{name}/samples"])
    assert made.dtype == np.float32
    assert np.abs(made).max() > 0.1
    np.testing.assert_allclose(made, official[f"{name}/speaker"], rtol=0, atol=1e-4)


def test_the_shortest_audio_has_a_speaker(encoder) -> None:
    hum = np.sin(np.arange(int(MIN_SECONDS * 24_000)) / 20).astype(np.float32)
    assert np.isfinite(encoder(hum)).all()


def test_a_model_without_a_speaker_encoder_is_reported_in_a_sentence(tiny_qwen3: Path) -> None:
    folder = tiny_qwen3 / "custom-voice"
    reported = config.read(folder)
    with pytest.raises(StartError, match=r"no speaker encoder|has no weights"):
        SpeakerEncoder.load(folder, reported, CPU)


def test_bands_lie_on_slaney_s_scale() -> None:
    np.testing.assert_allclose(mel.hz_to_mel(np.array([0.0, 1000.0, 6400.0])), [0.0, 15.0, 42.0])
    frequencies = np.linspace(0, 12_000, 50)
    np.testing.assert_allclose(mel.mel_to_hz(mel.hz_to_mel(frequencies)), frequencies)
    assert (mel.mel_filters().sum(axis=1) > 0).all()
