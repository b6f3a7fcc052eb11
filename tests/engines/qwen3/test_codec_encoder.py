"""The codec's encoder makes the official package's codes."""

from pathlib import Path

import numpy as np
import pytest
import torch
from voicebox_tts.engines.qwen3.codec.encoder import CodecEncoder

from tests.support.qwen3_cases import NOISES


@pytest.fixture(scope="module")
def encoder(tiny_qwen3: Path) -> CodecEncoder:
    return CodecEncoder.load(tiny_qwen3 / "base", torch.device("cpu"))


@pytest.mark.parametrize("samples", NOISES)
def test_codes_are_the_official_package_s(samples: int, encoder, official) -> None:
    codes = encoder(official[f"noise/{samples}/samples"])
    assert codes.dtype == np.int64
    assert codes.shape == (-(-samples // 1920), 16)
    np.testing.assert_array_equal(codes, official[f"noise/{samples}/codes"])


def test_a_recording_s_codes_are_the_official_package_s(encoder, official) -> None:
    codes = encoder(official["reference/samples"])
    assert len(np.unique(codes)) > 20
    np.testing.assert_array_equal(codes, official["reference/codes"])
