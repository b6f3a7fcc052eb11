"""Our encoders of speech are those of transformers, number for number, and their files are checked."""

import json

import pytest
import torch
from voicebox_conversion.engines.speech import encoder
from voicebox_conversion.engines.speech.encoder import FRAME_SAMPLES, SPARE_SAMPLES
from voicebox_conversion.engines.speech.weights import folded
from voicebox_kit.errors import StartError

from tests.engines.tiny_rvc import write_encoder

FRAMES = 210  # farther apart than the distances that WavLM tells apart exactly


@pytest.mark.parametrize("kind", ["hubert", "wavlm"])
@pytest.mark.parametrize("layers", [0, 2])
def test_the_encoder_is_that_of_transformers(tmp_path, kind: str, layers: int) -> None:
    from transformers import AutoModel

    folder = write_encoder(tmp_path, kind, layers=3)
    theirs = AutoModel.from_pretrained(folder).eval()
    samples = torch.randn(1, FRAMES * FRAME_SAMPLES + SPARE_SAMPLES, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        answer = theirs(samples, output_hidden_states=True)
        made = encoder.load(folder, "cpu", layers)(samples)
    expected = answer.hidden_states[layers] if layers else answer.last_hidden_state
    assert made.shape == (1, FRAMES, 24)
    torch.testing.assert_close(made, expected, atol=1e-4, rtol=1e-4)


def test_layers_that_are_not_needed_are_not_loaded(tmp_path) -> None:
    whole, part = (encoder.load(write_encoder(tmp_path, layers=3), "cpu", count) for count in (0, 1))
    assert [len(each.encoder.layers) for each in (whole, part)] == [3, 1]
    with pytest.raises(StartError, match="3 layers, but 4"):
        encoder.load(tmp_path, "cpu", 4)


def test_weight_normalization_is_multiplied_out() -> None:
    from torch.nn.utils.parametrizations import weight_norm

    for axis in (0, 2):
        convolution = weight_norm(torch.nn.Conv1d(4, 6, 3), dim=axis)
        with torch.no_grad():
            convolution.parametrizations.weight.original0.mul_(1.7)
        found = folded(torch.nn.ModuleDict({"conv": convolution}).state_dict())
        assert set(found) == {"conv.weight", "conv.bias"}
        torch.testing.assert_close(found["conv.weight"], convolution.weight)


@pytest.mark.parametrize(
    "change", [{"model_type": "bert"}, {"hidden_size": -1}, {"conv_kernel": [3]}, {"hidden_size": 32}]
)
def test_a_folder_of_something_else_is_refused(tmp_path, change: dict) -> None:
    folder = write_encoder(tmp_path)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | change))
    with pytest.raises(StartError):
        encoder.load(folder, "cpu")
