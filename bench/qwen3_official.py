"""What the official package qwen-tts takes to speak with a model, in a process of its own.

    python -m bench.qwen3_official FOLDER DEVICE FRAMES

prints seconds, and seconds of audio: it gives whole waveforms, so the first sound comes with the last.
"""

import sys
import time
from importlib import import_module

import torch

from bench.hum import RATE_HZ, hum
from bench.qwen3_load import TRANSCRIPT, VOICE_SECONDS
from bench.tts import TEXT
from tests.support import qwen_package

RUNS = 3


def main() -> None:
    folder, device, frames = sys.argv[1], sys.argv[2], int(sys.argv[3])
    qwen_package.stand_in()
    dtype = torch.float32 if device == "cpu" else torch.bfloat16
    model = import_module("qwen_tts").Qwen3TTSModel.from_pretrained(folder, device_map=device, dtype=dtype)
    prompt = model.create_voice_clone_prompt((hum(VOICE_SECONDS), RATE_HZ), TRANSCRIPT, x_vector_only_mode=False)
    for _ in range(1 + RUNS):  # the first warms up
        began = time.perf_counter()
        (samples,), rate = model.generate_voice_clone(text=TEXT, voice_clone_prompt=prompt, max_new_tokens=frames)
        took = time.perf_counter() - began
    print(took, len(samples) / rate)


if __name__ == "__main__":
    main()
