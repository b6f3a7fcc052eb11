"""A prompt is what was packed, and nothing else can be unpacked."""

from pathlib import Path

import numpy as np
import pytest
from voicebox_tts.engine import Packed
from voicebox_tts.engines.qwen3.model import config
from voicebox_tts.engines.qwen3.model.config import ModelConfig
from voicebox_tts.engines.qwen3.voice_prompt import Qwen3Prompt, pack, unpack


@pytest.fixture
def model_config(tiny_qwen3: Path) -> ModelConfig:
    return config.read(tiny_qwen3 / "base")


def made(model_config: ModelConfig, frames: int = 5) -> Qwen3Prompt:
    random = np.random.default_rng(3)
    codes = random.integers(0, model_config.codebook_size, (frames, model_config.num_code_groups))
    return Qwen3Prompt(
        "Hello, мир." if frames else "", codes, random.normal(size=model_config.talker.hidden_size).astype(np.float32)
    )


@pytest.mark.parametrize("frames", [5, 0])
def test_what_was_packed_comes_back(frames: int, model_config: ModelConfig) -> None:
    prompt = made(model_config, frames)
    packed = pack(prompt)
    copied = Packed({name: array.copy() for name, array in packed.arrays.items()}, dict(packed.facts))
    assert unpack(copied, model_config) == prompt
    assert hash(unpack(copied, model_config)) == hash(prompt)


def test_prompts_are_equal_by_value(model_config: ModelConfig) -> None:
    prompt = made(model_config)
    other = made(model_config)
    assert prompt == other
    other.codes[0, 0] += 1
    assert prompt != other
    assert prompt != Qwen3Prompt("Hello.", prompt.codes, prompt.speaker_embedding)
    assert prompt != "Hello, мир."
    assert prompt.base_voice == ""
    assert prompt.size_bytes >= prompt.codes.nbytes + prompt.speaker_embedding.nbytes


def test_nothing_of_it_is_shown_that_fills_a_log(model_config: ModelConfig) -> None:
    assert len(repr(made(model_config, 400))) < 100


BAD = {
    "codes missing": lambda p: ({"speaker": p.speaker_embedding}, {"transcript": p.transcript}),
    "words missing": lambda p: ({"codes": p.codes, "speaker": p.speaker_embedding}, {}),
    "codes of another type": lambda p: (
        {"codes": p.codes.astype(np.int32), "speaker": p.speaker_embedding},
        {"transcript": "a"},
    ),
    "too few groups": lambda p: ({"codes": p.codes[:, :8].copy(), "speaker": p.speaker_embedding}, {"transcript": "a"}),
    "flat codes": lambda p: ({"codes": p.codes.ravel(), "speaker": p.speaker_embedding}, {"transcript": "a"}),
    "a code too high": lambda p: (
        {"codes": np.full_like(p.codes, 64), "speaker": p.speaker_embedding},
        {"transcript": "a"},
    ),
    "a code below 0": lambda p: (
        {"codes": np.full_like(p.codes, -1), "speaker": p.speaker_embedding},
        {"transcript": "a"},
    ),
    "another width": lambda p: ({"codes": p.codes, "speaker": p.speaker_embedding[:-1]}, {"transcript": "a"}),
    "a speaker of doubles": lambda p: (
        {"codes": p.codes, "speaker": p.speaker_embedding.astype(np.float64)},
        {"transcript": "a"},
    ),
    "no number": lambda p: (
        {"codes": p.codes, "speaker": np.full_like(p.speaker_embedding, np.nan)},
        {"transcript": "a"},
    ),
    "frames without words": lambda p: ({"codes": p.codes, "speaker": p.speaker_embedding}, {"transcript": ""}),
    "words without frames": lambda p: ({"codes": p.codes[:0], "speaker": p.speaker_embedding}, {"transcript": "a"}),
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())
def test_what_is_no_prompt_of_the_model_is_refused(bad, model_config: ModelConfig) -> None:
    arrays, facts = bad(made(model_config))
    with pytest.raises(ValueError, match="It is not a prompt"):
        unpack(Packed(arrays, facts), model_config)
