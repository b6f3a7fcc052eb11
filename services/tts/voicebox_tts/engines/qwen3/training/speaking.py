"""Speaks a sentence with a model that is being trained."""

import numpy as np
import torch
from numpy.typing import NDArray

from voicebox_tts.engines.codec_models import runaway
from voicebox_tts.engines.codec_models.noise import SamplingNoise
from voicebox_tts.engines.qwen3.codec.decoder import CodecDecoder
from voicebox_tts.engines.qwen3.frame_generator import FrameGenerator
from voicebox_tts.engines.qwen3.model.language_model import LanguageModel
from voicebox_tts.engines.qwen3.model.prompt_layout import build_prompt


@torch.inference_mode()
def speak(
    model: LanguageModel, codec: CodecDecoder, text: str, speaker: str, language: str, seed: int
) -> NDArray[np.float32]:
    """The audio (samples,) at SAMPLE_RATE_HZ, sampled as the service does it with this seed."""
    prompt, most = build_prompt(model, text, speaker, language), runaway.max_frames(text)
    frames = FrameGenerator(model, 1, len(prompt.inputs_embeds) + most + 1)
    frames.begin(0, prompt, SamplingNoise(seed, model.config.num_code_groups))
    codes: list[NDArray[np.int64]] = []
    while len(codes) < most:
        step = frames.step(1, np.array([True]))
        if step.ended[0]:
            break
        codes.append(step.codes[0])
    if not codes:
        return np.zeros(0, np.float32)
    given = torch.from_numpy(np.stack(codes))[None].to(codec.device)
    state = torch.zeros(1, codec.state_size, device=codec.device, dtype=codec.dtype)
    audio = codec(given, state, torch.zeros(1, device=codec.device, dtype=torch.int64))
    made: NDArray[np.float32] = audio[0].float().cpu().numpy()
    return made
