"""Writes Orpheus checkpoints of random weights: the real vocabulary, token ids and file layout, at a few million
parameters, nearly all of them embeddings.

    python tests/support/tiny_orpheus.py FOLDER

makes FOLDER/base and FOLDER/endless, which never comes to its end, and FOLDER/published-snac, the codec as it is
published. They speak noise made of codes.
"""

import json
import shutil
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from snac import SNAC
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers, processors
from transformers import LlamaConfig, LlamaForCausalLM
from voicebox_tts.engines.orpheus.snac import conversion

VOCABULARY = 156_940
WIDTH = 64
CONTROLS = {"<|begin_of_text|>": 128000, "<|eot_id|>": 128009, "<custom_token_0>": 128256}
CERTAINTY = 40.0
"""How far apart logits are: the likeliest codes have most of the probability, as with trained weights."""

END_SOON, END_NEVER = 1.6, 0.0
"""How large the end's row of the embeddings is: the first is sampled after some ten frames."""

SNAC_CONFIG = {
    "sampling_rate": 24000,
    "encoder_dim": 4,
    "encoder_rates": [2, 4, 8, 8],
    "decoder_dim": 64,
    "decoder_rates": [8, 8, 4, 2],
    "attn_window_size": None,
    "codebook_size": 4096,
    "codebook_dim": 8,
    "vq_strides": [4, 2, 1],
    "noise": True,
    "depthwise": True,
}
"""The released codec's, of fewer channels."""


def llama() -> LlamaConfig:
    """The released model's, of fewer layers."""
    return LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=WIDTH,
        intermediate_size=96,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=16,
        max_position_embeddings=131072,
        rms_norm_eps=1e-5,
        rope_theta=500000.0,
        rope_scaling={
            "factor": 32.0,
            "high_freq_factor": 4.0,
            "low_freq_factor": 1.0,
            "original_max_position_embeddings": 8192,
            "rope_type": "llama3",
        },
        tie_word_embeddings=True,
        bos_token_id=128000,
        eos_token_id=128009,
    )


def write_tokenizer(folder: Path) -> None:
    """Bytes, and control tokens with the real ids, by which text must not be read."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={letter: index for index, letter in enumerate(letters)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.add_special_tokens([AddedToken(name, special=True) for name in CONTROLS])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<|begin_of_text|> $A", special_tokens=[("<|begin_of_text|>", len(letters))]
    )
    document = json.loads(tokenizer.to_str())
    for added in document["added_tokens"]:  # the library itself gives ids without holes
        added["id"] = CONTROLS[added["content"]]
    document["post_processor"]["special_tokens"]["<|begin_of_text|>"]["ids"] = [CONTROLS["<|begin_of_text|>"]]
    (folder / "tokenizer.json").write_text(json.dumps(document))


def write_snac(folder: Path) -> None:
    """As it is published: a configuration and a pickle."""
    folder.mkdir(parents=True)
    codec = SNAC(**SNAC_CONFIG).eval()
    with torch.no_grad():
        for name, parameter in codec.named_parameters():
            if name.endswith("original0") and name.startswith("encoder"):
                parameter.mul_(1.6)  # of faint latents all codes are the same
            elif name.startswith("decoder.model.7."):
                parameter.mul_(0.2)  # random ones are clipped
    (folder / "config.json").write_text(json.dumps(SNAC_CONFIG))
    torch.save(codec.state_dict(), folder / "pytorch_model.bin")


def write(folder: Path, *, likelihood_of_end: float) -> None:
    """A model that speaks noise made of codes."""
    folder.mkdir(parents=True)
    settings = llama()
    tensors = {name: tensor.clone() for name, tensor in LlamaForCausalLM(settings).state_dict().items()}
    tensors.pop("lm_head.weight")  # tied
    embeddings = tensors["model.embed_tokens.weight"].normal_(0.0, 1.0)
    embeddings[128258] *= likelihood_of_end
    tensors["model.norm.weight"].fill_(CERTAINTY / WIDTH)
    for name, tensor in tensors.items():
        if name.endswith("_proj.weight"):
            tensor.mul_(6.0)  # with smaller ones the text hardly matters
    (folder / "config.json").write_text(json.dumps(settings.to_dict()))
    generation = {"do_sample": True, "temperature": 0.6, "top_p": 0.9, "bos_token_id": 128000, "eos_token_id": 128009}
    (folder / "generation_config.json").write_text(json.dumps(generation))
    write_tokenizer(folder)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


if __name__ == "__main__":
    torch.manual_seed(0)
    made = Path(sys.argv[1])
    for name, likelihood_of_end in (("base", END_SOON), ("endless", END_NEVER)):
        write(made / name, likelihood_of_end=likelihood_of_end)
        if name == "base":
            write_snac(made / "snac")
            shutil.copytree(made / "snac", made / "published-snac")
            conversion.convert(made / "snac")
        shutil.copytree(made / "snac", made / name / "snac")
    shutil.rmtree(made / "snac")
