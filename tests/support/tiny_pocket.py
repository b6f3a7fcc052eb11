"""Writes Pocket TTS checkpoints of random weights: the real architecture, made small, and a tokenizer of our own.

    python tests/support/tiny_pocket.py FOLDER

makes a models folder with `pocket/english`, which has a sentencepiece tokenizer and three voices, and `pocket/french`,
which has a tokenizer.json and one voice. They speak noise that depends on the text, the voice and the seed, and end by
themselves at some time.
"""

import logging
import sys
from pathlib import Path
from typing import Any

import sentencepiece
import torch
import yaml
from pocket_tts import TTSModel, export_model_state
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

LINES = (
    "Four hours of steady work faced us, and then we went home.",
    "The birch canoe slid on the smooth planks. Glue the sheet to the dark blue background.",
    "These days a chicken leg is a rare dish; rice is often served in round bowls!",
    "The weather is very nice today, is it not? One, two, three: 4 5 6 7 8 9 0.",
    "Bonjour le monde. J'espère que vous m'aimerez. Ça va très bien, et vous?",
)
TOKENS = 120

WIDTH, LATENT = 32, 8
LOUDNESS = 0.1
"""The standard deviation of what a voice says."""

CONDITION = 4.0
"""How much the text and the voice count for what is spoken, against the noise."""

END_RATE = 0.2
"""How many frames seem to be the last: with trained weights it is one."""


def configuration(tokenizer: Path, tokens: int) -> dict[str, Any]:
    """The published configuration of English, with small sizes."""
    transformer = {
        "d_model": 16,
        "num_heads": 2,
        "num_layers": 1,
        "layer_scale": 0.1,
        "context": 250,
        "dim_feedforward": 32,
    }
    seanet = {
        "dimension": 16,
        "channels": 1,
        "n_filters": 4,
        "n_residual_layers": 1,
        "ratios": [6, 5, 4],
        "kernel_size": 7,
    }
    seanet |= {
        "residual_kernel_size": 3,
        "last_kernel_size": 3,
        "dilation_base": 2,
        "pad_mode": "constant",
        "compress": 2,
    }
    kind = "tokenizers" if tokenizer.suffix == ".json" else "sentencepiece"
    return {
        "replace_characters": {"’": "'", "‘": "'"},
        "flow_lm": {
            "insert_bos_before_voice": True,
            "dtype": "float32",
            "flow": {"depth": 1, "dim": 16},
            "transformer": {"d_model": WIDTH, "hidden_scale": 2, "max_period": 10_000, "num_heads": 4, "num_layers": 2},
            "lookup_table": {"dim": WIDTH, "n_bins": tokens, "tokenizer": kind, "tokenizer_path": str(tokenizer)},
        },
        "mimi": {
            "dtype": "float32",
            "sample_rate": 24_000,
            "inner_dim": LATENT,
            "outer_dim": 16,
            "channels": 1,
            "frame_rate": 12.5,
            "seanet": seanet,
            "transformer": {**transformer, "input_dimension": 16, "output_dimensions": [16]},
            "quantizer": {"dimension": LATENT, "output_dimension": 16},
        },
    }


def write_sentencepiece(path: Path) -> int:
    """Train a tokenizer as the older models have it; its number of tokens."""
    with path.open("wb") as file:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(LINES), model_writer=file, vocab_size=TOKENS, hard_vocab_limit=False, minloglevel=2
        )
    return int(sentencepiece.SentencePieceProcessor(str(path)).vocab_size())


def write_json(path: Path) -> int:
    """Train a tokenizer as the published models have it; its number of tokens."""
    made = Tokenizer(models.Unigram())
    made.pre_tokenizer, made.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
    made.train_from_iterator(
        LINES,
        trainers.UnigramTrainer(vocab_size=TOKENS, unk_token="<unk>", special_tokens=["<unk>"], show_progress=False),
    )
    made.save(str(path))
    return int(made.get_vocab_size())


def network(config: Path) -> TTSModel:
    """The model with random weights, loud enough, and whose end is rare."""
    torch.manual_seed(0)
    made = TTSModel.load_model(config=config)
    with torch.no_grad():
        for name, weights in (*made.flow_lm.named_parameters(), *made.mimi.decoder.named_parameters()):
            if weights.dim() > 1:
                weights.normal_(0, weights[0].numel() ** -0.5)
            elif name.endswith("bias"):
                weights.zero_()  # or all would sound alike
        made.flow_lm.conditioner.embed.weight.normal_()
        made.flow_lm.flow_net.cond_embed.weight *= CONDITION
        state = made.get_state_for_audio_prompt(torch.randn(1, 24_000))
        made.eos_threshold = float("inf")
        ends: list[float] = []
        made.flow_lm.out_eos.register_forward_hook(lambda _module, _input, output: ends.append(float(output)))
        sound = made.generate_audio(state, LINES[1])
        made.flow_lm.out_eos.bias += made.config.default_eos_threshold - torch.quantile(
            torch.tensor(ends), 1 - END_RATE
        )
        last = [module for module in made.mimi.decoder.modules() if isinstance(module, torch.nn.Conv1d)][-1]
        last.weight *= LOUDNESS / sound.std()
    return made


def write(folder: Path, voices: tuple[str, ...], tokenizer: str) -> None:
    """Write the checkpoint into `folder`, which must not be there yet."""
    (folder / "embeddings").mkdir(parents=True)
    path = folder / tokenizer
    document = configuration(path, write_json(path) if path.suffix == ".json" else write_sentencepiece(path))
    config = folder / "config.yaml"
    config.write_text(yaml.safe_dump(document))
    made = network(config)
    save_file(made.state_dict(), folder / "model.safetensors")
    for voice in voices:
        export_model_state(
            made.get_state_for_audio_prompt(torch.randn(1, 24_000)), folder / "embeddings" / f"{voice}.safetensors"
        )
    document["flow_lm"]["lookup_table"]["tokenizer_path"] = tokenizer
    config.write_text(yaml.safe_dump(document))


if __name__ == "__main__":
    torch.set_num_threads(1)
    logging.disable(logging.WARNING)  # the package warns of weights that are not there, and of voices that do not end
    target = Path(sys.argv[1]) / "pocket"
    write(target / "english", ("alba", "javert", "marius"), "tokenizer.model")
    write(target / "french", ("estelle",), "tokenizer.json")
