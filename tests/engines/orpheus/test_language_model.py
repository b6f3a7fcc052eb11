"""The language model, against transformers and peft."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from voicebox_models.adapters import adapter
from voicebox_tts.engines.codec_models.adapted import MergedWeights
from voicebox_tts.engines.codec_models.noise import SamplingNoise
from voicebox_tts.engines.codec_models.transformer import RotaryEmbedding, uncached_attention
from voicebox_tts.engines.orpheus import tokens
from voicebox_tts.engines.orpheus.frame_generator import FrameGenerator
from voicebox_tts.engines.orpheus.model import config, tokenizer
from voicebox_tts.engines.orpheus.model.language_model import END, LanguageModel

CPU = torch.device("cpu")
TEXT = "Four hours of steady work."


def loaded(folder: Path) -> LanguageModel:
    return LanguageModel.load(folder, config.read(folder), CPU, torch.float32)


@torch.inference_mode()
def all_logits(model: LanguageModel, ids: torch.Tensor) -> torch.Tensor:
    """Of every token, (T, SLOTS, CODEBOOK_SIZE + 1)."""
    rotary = RotaryEmbedding(model.config.transformer, len(ids), CPU, torch.float32)
    read = model.transformer(model.embed(ids)[None], rotary.cos[:, None], rotary.sin[:, None], uncached_attention)[0]
    return torch.stack([model.logits(read, slot) for slot in range(tokens.SLOTS)], 1)


@torch.inference_mode()
def theirs(model: torch.nn.Module, ids: torch.Tensor) -> torch.Tensor:
    """The same of transformers' logits."""
    logits = model(ids[None]).logits[0]
    codes = logits[:, tokens.FIRST_CODE : tokens.MIN_VOCABULARY].view(len(ids), tokens.SLOTS, -1)
    return torch.cat((codes, logits[:, None, tokens.END_OF_SPEECH, None].expand(-1, tokens.SLOTS, 1)), -1)


def some_ids(model: LanguageModel) -> torch.Tensor:
    codes = np.random.default_rng(0).integers(0, 4096, (40, 7))
    return torch.tensor((*model.tokenizer.prompt("tara", TEXT), *tokens.token_ids(codes)))


def test_logits_are_those_of_transformers_llama(tiny_orpheus: Path) -> None:
    from transformers import LlamaForCausalLM

    model, official = loaded(tiny_orpheus / "base"), LlamaForCausalLM.from_pretrained(tiny_orpheus / "base")
    ids = some_ids(model)
    torch.testing.assert_close(all_logits(model, ids), theirs(official, ids), rtol=0, atol=2e-3)


def test_an_adapter_is_merged_as_peft_does_it(trained_orpheus: Path) -> None:
    from peft import LoraConfig, get_peft_model
    from transformers import LlamaForCausalLM

    base = trained_orpheus / "model"
    found = adapter.find(trained_orpheus / "trained" / "checkpoints" / "000120")
    assert found is not None
    model = LanguageModel.load(
        base, config.read(base), CPU, torch.float32, lambda weights: MergedWeights(weights, found)
    )
    names = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "down_proj", "up_proj"]
    lora = LoraConfig(r=found.manifest.rank, lora_alpha=int(found.manifest.alpha), target_modules=names)
    official = get_peft_model(LlamaForCausalLM.from_pretrained(base), lora).eval()
    parameters = dict(official.named_parameters())
    with torch.no_grad():
        for name, tensor in found.tensors.items():
            parameters[f"base_model.model.{name}.default.weight"].copy_(torch.tensor(tensor))
    assert len(found.tensors) == 2 * 7 * 2, "all projections of two layers"
    ids = some_ids(model)
    torch.testing.assert_close(all_logits(model, ids), theirs(official, ids), rtol=0, atol=2e-2)


def test_the_prompt_is_that_of_the_published_package(tiny_orpheus: Path) -> None:
    """engine_class.py: the tokenizer's own ids, its first token among them, between control tokens."""
    from tokenizers import Tokenizer

    ids = Tokenizer.from_file(str(tiny_orpheus / "base" / "tokenizer.json")).encode(f"leo: {TEXT}").ids
    expected = [128259, *ids, 128009, 128260, 128261, 128257]
    assert tokenizer.load(tiny_orpheus / "base").prompt("leo", TEXT) == expected


def test_text_that_looks_like_a_control_token_is_spelled_out(tiny_orpheus: Path) -> None:
    known = tokenizer.load(tiny_orpheus / "base")
    plain, looks = known.prompt("leo", "x"), known.prompt("leo", "<|eot_id|><custom_token_0>")
    assert {token for token in looks if token >= 128_000} == {token for token in plain if token >= 128_000}
    assert len(looks) == len(plain) - 1 + len("<|eot_id|><custom_token_0>")


@torch.inference_mode()
def test_frames_in_a_batch_are_those_of_reading_everything_again(trained_orpheus: Path) -> None:
    """Greedily: each token is the likeliest of its slot after all before it."""
    model = loaded(trained_orpheus / "model")
    frames = FrameGenerator(model, 3, 200)
    prompts = [model.tokenizer.prompt("tara", text) for text in ("One.", "Two words.", "And three of them.")]
    for row, prompt in enumerate(prompts):
        frames.begin(row, np.array(prompt), SamplingNoise(row, tokens.SLOTS))
    made: list[list[int]] = [[], [], []]
    for number in range(4):
        advancing = np.array([True, number != 1, True])  # a row that waits stays where it is
        step = frames.step(3, advancing)
        for made_row in np.flatnonzero(advancing & ~step.ended).tolist():
            made[made_row] += tokens.token_ids(step.codes[made_row : made_row + 1]).tolist()
    for prompt, ids in zip(prompts, made, strict=True):
        logits = all_logits(model, torch.tensor([*prompt, *ids]))[len(prompt) - 1 :]
        for index, token in enumerate(ids):
            best = int(logits[index, index % tokens.SLOTS].argmax().item())
            assert best != END
            assert token == tokens.FIRST_CODE + (index % tokens.SLOTS) * tokens.CODEBOOK_SIZE + best
    assert [len(ids) for ids in made] == [28, 21, 28]


def test_work_of_fixed_sizes_makes_the_same_frames(tiny_orpheus: Path) -> None:
    """As CUDA graphs do it: for more rows and longer ones than there are."""

    def repeated(work: Callable[[], None]) -> Callable[[], None]:
        work()
        return work

    model = loaded(tiny_orpheus / "endless")
    made = []
    for capture in (None, repeated):
        frames = FrameGenerator(model, 4, 200, capture=capture)
        frames.warm_up()
        for row, text in enumerate(("One.", "Two words.", "And three of them.")):
            prompt = np.array(model.tokenizer.prompt("tara", text))
            frames.begin(row, prompt, SamplingNoise(row, tokens.SLOTS))
        made.append([frames.step(3, np.array([True, number != 1, True])).codes.copy() for number in range(4)])
        frames.move(2, 0)
        made[-1].append(frames.step(2, np.array([True, True])).codes.copy())
    for number, (plain, fixed) in enumerate(zip(*made, strict=True)):
        rows = [0, 2] if number == 1 else slice(None)
        assert np.array_equal(plain[rows], fixed[rows])


def test_a_row_without_room_for_a_frame_ends(tiny_orpheus: Path) -> None:
    model = loaded(tiny_orpheus / "endless")
    prompt = np.array(model.tokenizer.prompt("tara", "Go on."))
    frames = FrameGenerator(model, 1, len(prompt) + 3 * tokens.SLOTS + 6)
    frames.begin(0, prompt, SamplingNoise(0, tokens.SLOTS))
    assert [bool(frames.step(1, np.array([True])).ended[0]) for _ in range(4)] == [False, False, False, True]
    with pytest.raises(ValueError, match="no room"):
        FrameGenerator(model, 1, len(prompt) + 6).begin(0, prompt, SamplingNoise(0, tokens.SLOTS))
