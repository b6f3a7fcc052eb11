"""Whisper in torch, with the weights of a model for CTranslate2: an adapter is trained on what is served."""

from pathlib import Path

import torch
from torch import Tensor
from transformers import WhisperConfig, WhisperForConditionalGeneration

from voicebox_asr.engines.whisper import model_files
from voicebox_asr.engines.whisper.ct2_file import Ct2File
from voicebox_asr.engines.whisper.matrices import location

NORMS = {"self_attn_layer_norm": "self_attention", "encoder_attn_layer_norm": "attention", "final_layer_norm": "ffn"}
POSITIONS, WEIGHT, BIAS = "embed_positions.weight", "weight", "bias"


def load(folder: Path, end: int, start: int) -> WhisperForConditionalGeneration:
    """The model in `folder`, in float32. `end` and `start` are the ids of the tokens around a transcript. StartError
    when its files are not those of a Whisper model.
    """
    file = Ct2File(folder / model_files.WEIGHTS)
    with torch.device("meta"):
        network = WhisperForConditionalGeneration(_config(file, end, start))
    state = {name: _tensor(file, name) for name in network.state_dict()}
    network.load_state_dict(state, assign=True)
    network.tie_weights()  # type: ignore[no-untyped-call]
    network.eval()  # type: ignore[no-untyped-call]
    network.requires_grad_(False)
    return network


def _config(file: Ct2File, end: int, start: int) -> WhisperConfig:
    vocabulary, width = file.shape("decoder/embeddings/weight")
    return WhisperConfig(  # type: ignore[no-untyped-call]
        vocab_size=vocabulary,
        num_mel_bins=file.shape("encoder/conv1/weight")[1],
        d_model=width,
        encoder_layers=_layers(file, "encoder"),
        decoder_layers=_layers(file, "decoder"),
        encoder_attention_heads=int(file.tensor("encoder/num_heads")),
        decoder_attention_heads=int(file.tensor("decoder/num_heads")),
        encoder_ffn_dim=file.shape("encoder/layer_0/ffn/linear_0/weight")[0],
        decoder_ffn_dim=file.shape("decoder/layer_0/ffn/linear_0/weight")[0],
        max_source_positions=file.shape("encoder/position_encodings/encodings")[0],
        max_target_positions=file.shape("decoder/position_encodings/encodings")[0],
        activation_function="gelu",
        attn_implementation="sdpa",
        bos_token_id=end,
        eos_token_id=end,
        pad_token_id=end,
        decoder_start_token_id=start,
        tie_word_embeddings=file.is_alias("decoder/projection/weight"),
    )


def _layers(file: Ct2File, half: str) -> int:
    return len({name.split("/")[1] for name in file.names if name.startswith(f"{half}/layer_") and "/ffn/" in name})


def _tensor(file: Ct2File, name: str) -> Tensor:
    """A parameter by its name in `transformers`."""
    module, _, kind = name.rpartition(".")
    if at := location(module):
        values = file.tensor(f"{at.variable}/{kind}")
        return torch.from_numpy(values[at.rows(len(values))].copy())
    return torch.from_numpy(file.tensor(_variable(name, module, kind)).copy())


def _variable(name: str, module: str, kind: str) -> str:
    """Of a parameter that no adapter changes."""
    half, _, rest = name.removeprefix("model.").partition(".")
    norm = "gamma" if kind == WEIGHT else "beta"
    if name == f"proj_out.{WEIGHT}":
        return "decoder/projection/weight"
    if rest == "embed_tokens.weight":
        return "decoder/embeddings/weight"
    if rest == POSITIONS:
        return f"{half}/position_encodings/encodings"
    if rest.startswith("conv"):
        return f"{half}/{rest.replace('.', '/')}"
    if rest == f"layer_norm.{kind}":
        return f"{half}/layer_norm/{norm}"
    _, layer, kind_of_norm = module.removeprefix("model.").split(".")[1:]
    return f"{half}/layer_{layer}/{NORMS[kind_of_norm]}/layer_norm/{norm}"
