"""The requests of nari-labs' tts_bench, as it sends them to each of its targets, and the checks that it makes of the
answers.

It is on no package registry; recorded from its command at a2d65e1 (2026), with its own model, voice and language.
"""

import json
import struct
from dataclasses import dataclass

import httpx
import numpy as np
import pytest

RATE_HZ = 24_000
PCM_TYPES = {"audio/pcm", "audio/l16", "application/octet-stream", "audio/raw"}
WAV_TYPES = {"audio/wav", "audio/x-wav", "application/octet-stream"}
COMMON = {
    "model": "Qwen/Qwen3-TTS-12Hz-1.7B-CustomVoice",
    "input": "We asked over twenty different people, and they all said it was his.",
    "voice": "Ryan",
    "language": "English",
    "stream": True,
    "non_streaming_mode": False,
}
OPEN_ENDED = 0xFFFFFFFF


@dataclass(frozen=True)
class Target:
    """What it asks of a server, and which headers it must find."""

    extra: dict[str, str]
    types: set[str]
    header: str = ""


TARGETS = {
    "vllm-omni": Target({"response_format": "pcm", "stream_format": "audio"}, PCM_TYPES),
    "sglang-omni": Target({"response_format": "pcm"}, PCM_TYPES, "x-sample-rate"),
    "voxserve": Target({"response_format": "pcm"}, PCM_TYPES),
    "mstar": Target({"response_format": "wav"}, WAV_TYPES),
    "nari": Target({"response_format": "pcm"}, PCM_TYPES),
}


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_is_answered(running, name):
    target, base = TARGETS[name], f"http://{running.gateway}"
    assert 200 <= httpx.get(f"{base}/health").status_code < 300
    body = json.dumps({**COMMON, **target.extra}).encode()
    headers = {"content-type": "application/json", "accept": "*/*", "accept-encoding": "identity"}
    with httpx.stream("POST", f"{base}/v1/audio/speech", content=body, headers=headers, timeout=60) as answer:
        pieces = list(answer.iter_raw())
    assert answer.status_code == 200
    assert answer.headers["content-type"].partition(";")[0] in target.types
    if target.header:
        assert int(answer.headers[target.header]) == RATE_HZ
    samples = np.frombuffer(pcm(b"".join(pieces), is_wav=target.types is WAV_TYPES), "<i2")
    assert samples.size > RATE_HZ
    assert np.sqrt(np.mean((samples / 32768.0) ** 2)) > 10 ** (-45 / 20)  # what it takes for audible


def pcm(audio, *, is_wav):
    """The samples: whole, mono, of 16 bits and the rate that is expected."""
    if is_wav:
        assert (audio[:4], audio[8:16]) == (b"RIFF", b"WAVEfmt ")
        codec, channels, rate, byte_rate, align, bits = struct.unpack("<HHIIHH", audio[20:36])
        assert (codec, channels, rate, byte_rate, align, bits) == (1, 1, RATE_HZ, 2 * RATE_HZ, 2, 16)
        size = int.from_bytes(audio[40:44], "little")
        assert size in (OPEN_ENDED, len(audio) - 44)
        audio = audio[44:]
    assert audio
    assert len(audio) % 2 == 0
    return audio
