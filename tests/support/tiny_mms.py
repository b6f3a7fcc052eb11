"""Writes MMS checkpoints of random weights: the real architecture, made small.

    python tests/support/tiny_mms.py FOLDER

makes a models folder with `mms/eng`, which knows the letters and digits of English, and `mms/swh`, which knows half of
the letters and predicts durations without noise. They speak noise that depends on the text and the seed.
"""

import json
import string
import sys
from pathlib import Path

import torch
from transformers import VitsConfig, VitsModel

LOUDNESS = 2.0
"""What the last layer's weights are multiplied by, or random weights would be too quiet to be heard."""

FRAMES_PER_LETTER = 2.0


def main(folder: Path) -> None:
    """Make both voices."""
    write(folder / "mms" / "eng", string.ascii_lowercase + string.digits + "' -", stochastic=True)
    write(folder / "mms" / "swh", "abdefghijklmnoprstuwyz ", stochastic=False)


def write(folder: Path, letters: str, *, stochastic: bool) -> None:
    """Make one voice of a vocabulary."""
    torch.manual_seed(1)
    vocabulary = {letter: number for number, letter in enumerate(["_", *letters])}
    config = VitsConfig(
        vocab_size=len(vocabulary),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        ffn_dim=32,
        flow_size=16,
        spectrogram_bins=33,
        wavenet_dilation_rate=1,
        prior_encoder_num_flows=2,
        prior_encoder_num_wavenet_layers=1,
        posterior_encoder_num_wavenet_layers=1,
        duration_predictor_num_flows=2,
        duration_predictor_filter_channels=16,
        depth_separable_num_layers=1,
        use_stochastic_duration_prediction=stochastic,
        upsample_initial_channel=16,
        upsample_rates=[8, 8, 4],
        upsample_kernel_sizes=[16, 16, 8],
        resblock_kernel_sizes=[3],
        resblock_dilation_sizes=[[1, 3]],
    )
    model = VitsModel(config).eval()
    with torch.no_grad():
        model.decoder.conv_post.weight.mul_(LOUDNESS)
        if not stochastic:
            model.duration_predictor.proj.weight.zero_()
            model.duration_predictor.proj.bias.fill_(torch.log(torch.tensor(FRAMES_PER_LETTER)))
    model.save_pretrained(folder, safe_serialization=True)
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"add_blank": True, "normalize": True, "phonemize": False})
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
