"""Writes what the official package qwen-tts makes of the tiny checkpoints, for our own code to be compared with.

    python tests/support/official_qwen3.py FOLDER CHECKPOINTS

makes FOLDER/official.safetensors. Of each case of qwen3_cases.py, by its name: `{case}/embeds` and `/text`, the prompt;
`/greedy` and `/sampled`, the codes (frames, groups), the second with the numbers of noise.py; `/samples`, the waveform
of the second without the recording. Then `reference/samples`, a recording, 24 kHz, with `/codes` and `/speaker` that
are made of it; `codec/codes`, any codes, with their `/samples`; `noise/{samples}/samples` with `/codes`, and the longer
ones' `/speaker` and `/mel`; and `tokens/{n}`, the ids of the n-th text. At its bound of frames the package loses the
last one.
"""

import itertools
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import qwen_package
import torch
from qwen3_cases import CASES, MAX_FRAMES, NOISES, REFERENCE_TEXT, SEED, TEXTS, Case
from safetensors.torch import save_file
from torch import Tensor
from voicebox_tts.engines.codec_models.noise import SamplingNoise

qwen_package.stand_in()

from qwen_tts import Qwen3TTSModel  # noqa: E402 - after its stand-ins
from qwen_tts.core.models.modeling_qwen3_tts import mel_spectrogram  # noqa: E402

RATE_HZ, GROUPS = 24_000, 16


def recording() -> np.ndarray:
    """Two seconds of a rising hum with some noise."""
    seconds = np.arange(2 * RATE_HZ) / RATE_HZ
    hum = np.sin(2 * np.pi * (120 + 80 * seconds) * seconds) * (0.3 + 0.2 * np.sin(9 * seconds))
    return (hum + 0.05 * np.random.default_rng(SEED).standard_normal(seconds.size)).astype(np.float32)


@contextmanager
def our_noise() -> Iterator[None]:
    """In place of torch's random numbers: the package chooses a frame's codes in their order, one call for each."""
    noise, calls = SamplingNoise(SEED, GROUPS), itertools.count()

    def multinomial(shares: Tensor, num_samples: int) -> Tensor:
        number = noise.frame((call := next(calls)) // GROUPS)[call % GROUPS]
        likeliest, codes = shares.sort(dim=-1, descending=True, stable=True)
        place = (likeliest.cumsum(-1) <= float(number)).sum(-1, keepdim=True)
        return codes.gather(-1, place.clamp(max=shares.shape[-1] - 1))

    with mock.patch("torch.multinomial", multinomial):
        yield


@contextmanager
def caught(model: Any, found: dict[str, Tensor]) -> Iterator[None]:
    """Keeps the prompt that the package gives to its talker, and the codes that it gives to its codec."""
    generate, decode = model.model.talker.generate, model.model.speech_tokenizer.decode

    def prompted(**arguments: Any) -> Any:
        found["embeds"], found["text"] = arguments["inputs_embeds"][0], arguments["trailing_text_hidden"][0]
        return generate(**arguments)

    def decoded(codes: list[dict[str, Tensor]]) -> Any:
        found["codes"] = codes[0]["audio_codes"]
        return decode(codes)

    with (
        mock.patch.object(model.model.talker, "generate", prompted),
        mock.patch.object(model.model.speech_tokenizer, "decode", decoded),
    ):
        yield


def said(model: Any, case: Case, prompts: dict[str, Any], *, sampled: bool) -> dict[str, Tensor]:
    """What the package makes of a case: its prompt, its codes and its samples."""
    common = {"text": case.text, "language": case.language or None, "max_new_tokens": MAX_FRAMES}
    common |= {"do_sample": sampled, "subtalker_dosample": sampled}
    found: dict[str, Tensor] = {}
    with caught(model, found), our_noise():
        if case.voice in prompts:
            (samples,), _ = model.generate_voice_clone(voice_clone_prompt=prompts[case.voice], **common)
        elif case.voice:
            (samples,), _ = model.generate_custom_voice(speaker=case.voice, instruct=case.instructions, **common)
        else:
            (samples,), _ = model.generate_voice_design(instruct=case.instructions, **common)
    frames = len(samples) // 1920
    return found | {"codes": found["codes"][-frames:], "samples": torch.from_numpy(samples)}


def compared(model: Any, case: Case, prompts: dict[str, Any]) -> dict[str, Tensor]:
    greedy, sampled = (said(model, case, prompts, sampled=sampled) for sampled in (False, True))
    kept = {name: sampled[name] for name in ("embeds", "text", "samples")}
    return {
        f"{case.name}/{name}": tensor
        for name, tensor in (kept | {"greedy": greedy["codes"], "sampled": sampled["codes"]}).items()
    }


def heard(model: Any) -> dict[str, Tensor]:
    """What the package's two encoders make of noises, and how it writes their spectra."""
    made: dict[str, Tensor] = {}
    for samples in NOISES:
        noise = np.random.default_rng(samples).normal(0, 0.2, samples).astype(np.float32)
        made[f"noise/{samples}/samples"] = torch.from_numpy(noise)
        made[f"noise/{samples}/codes"] = model.speech_tokenizer.encode(noise, RATE_HZ).audio_codes[0]
        if samples > RATE_HZ // 4:
            made[f"noise/{samples}/speaker"] = model.extract_speaker_embedding(noise, RATE_HZ)
            made[f"noise/{samples}/mel"] = mel_spectrogram(
                torch.from_numpy(noise)[None], 1024, 128, RATE_HZ, 256, 1024, 0, 12_000
            )[0]
    return made


@torch.inference_mode()
def official(checkpoints: Path) -> dict[str, Tensor]:
    models = {
        name: Qwen3TTSModel.from_pretrained(str(checkpoints / name), device_map="cpu")
        for name in sorted({case.folder for case in CASES})
    }
    base, samples = models["base"], recording()
    ways = {"in context": False, "vector": True}
    prompts = {
        way: base.create_voice_clone_prompt((samples, RATE_HZ), REFERENCE_TEXT, alone) for way, alone in ways.items()
    }
    made: dict[str, Tensor] = {"reference/samples": torch.from_numpy(samples)}
    made["reference/codes"], made["reference/speaker"] = (
        prompts["in context"][0].ref_code,
        prompts["in context"][0].ref_spk_embedding,
    )
    made["codec/codes"] = torch.from_numpy(np.random.default_rng(SEED).integers(0, 64, (100, GROUPS)))
    made["codec/samples"] = base.model.speech_tokenizer.model.decoder(made["codec/codes"].T[None])[0, 0]
    made |= heard(base.model)
    for case in CASES:
        made |= compared(models[case.folder], case, prompts)
    for number, text in enumerate(TEXTS):
        made[f"tokens/{number}"] = base._tokenize_texts([text])[0][0]
    return made


if __name__ == "__main__":
    folder, checkpoints = map(Path, sys.argv[1:])
    torch.set_num_threads(1)
    folder.mkdir()
    save_file(
        {name: tensor.clone().contiguous() for name, tensor in official(checkpoints).items()},
        folder / "official.safetensors",
    )
