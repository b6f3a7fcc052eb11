"""The watermark AudioSeal, with few channels and weights made here: what it computes, and how it is streamed."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from voicebox_kit.errors import StartError
from voicebox_models.engine import Setup
from voicebox_tts.watermarks.audioseal import weights
from voicebox_tts.watermarks.audioseal.engine import AudioSeal, watermark
from voicebox_tts.watermarks.audioseal.network import Detector, Generator

from tests.support import tiny_audioseal
from tests.support.tiny_audioseal import write_tiny_audioseal

SINE = torch.sin(torch.arange(1600) * 0.1)[None, None] * 0.3


@pytest.fixture
def models(tmp_path: Path) -> Path:
    write_tiny_audioseal(tmp_path / "audioseal" / "streaming")
    return tmp_path


@pytest.fixture
def audioseal(models: Path) -> AudioSeal:
    return watermark(Setup("auto", "auto", models))


def speech(count: int) -> np.ndarray:
    return np.random.default_rng(1).normal(0, 0.1, count).astype(np.float32)


def marked(audioseal: AudioSeal, samples: np.ndarray, rate: int, sizes: list[int]) -> np.ndarray:
    stream, pieces, start = audioseal.open(rate), [], 0
    while start < len(samples):
        size = sizes[len(pieces) % len(sizes)]
        pieces.append(stream.push(samples[start : start + size]))
        start += size
    return np.concatenate([*pieces, stream.finish()])


@torch.inference_mode()
def test_it_computes_what_the_official_package_does() -> None:
    """The numbers are of audioseal 0.2.0, with these weights."""
    made = Generator(weights.plain(tiny_audioseal.generator())).step(SINE, torch.zeros(16, dtype=torch.long), {})
    official = [-0.018535, -0.017776, -0.023899, -0.02203, -0.013728, -0.019123, -0.027602, -0.021471]
    assert made[0, 0, ::200].tolist() == pytest.approx(official, abs=2e-6)
    scores = Detector(weights.plain(tiny_audioseal.detector())).step(SINE, {})
    assert scores[0, :4, 1500].tolist() == pytest.approx([0.062251, -0.055021, 0.107997, 0.017685], abs=2e-6)
    assert scores[0, 1, ::400].tolist() == pytest.approx([-0.047783, -0.057078, -0.046023, -0.049989], abs=2e-6)


def test_a_normalised_weight_is_multiplied_out() -> None:
    tensors = tiny_audioseal.generator()
    name = "encoder.model.0.conv.conv.weight"
    direction = tensors.pop(name)
    length = torch.linalg.vector_norm(direction, dim=(1, 2), keepdim=True)
    for g, v in (("weight_g", "weight_v"), ("parametrizations.weight.original0", "parametrizations.weight.original1")):
        stem = name.removesuffix("weight")
        plain = weights.plain({**tensors, f"{stem}{g}": 3 * length, f"{stem}{v}": direction})
        assert torch.allclose(plain["encoder.model.0.conv.weight"], 3 * direction)


@pytest.mark.parametrize("rate", [8_000, 16_000, 24_000, 48_000])
def test_any_pieces_give_the_same_samples_as_the_whole(audioseal: AudioSeal, rate: int) -> None:
    samples = speech(rate // 2)
    whole = marked(audioseal, samples, rate, [rate])
    assert len(whole) == len(samples)
    assert not np.allclose(whole, samples, atol=1e-3)
    for sizes in ([1000], [1, 7, 4000, 333]):
        assert np.abs(marked(audioseal, samples, rate, sizes) - whole).max() <= 2**-20


def test_a_stream_that_is_shorter_than_a_step_is_complete(audioseal: AudioSeal) -> None:
    for count in (0, 1, 319, 321):
        assert len(marked(audioseal, speech(count), 16_000, [100])) == count


def test_the_first_samples_come_after_a_step(audioseal: AudioSeal) -> None:
    assert len(audioseal.open(16_000).push(speech(320))) == 320
    assert len(audioseal.open(24_000).push(speech(2400))) > 1200


def test_what_was_dropped_marks_nothing_that_follows(audioseal: AudioSeal) -> None:
    stream = audioseal.open(16_000)
    stream.push(speech(1001))
    stream.drop()
    again = np.concatenate((stream.push(speech(640)), stream.finish()))
    assert np.array_equal(again, marked(audioseal, speech(640), 16_000, [640]))


def test_detection_follows_the_scores(models: Path) -> None:
    path = models / "audioseal" / "streaming" / "detector.safetensors"
    for score, share in ((1.0, 1.0), (-1.0, 0.0)):
        tensors = load_file(path)
        tensors["detector.1.weight"] *= 0
        tensors["detector.1.bias"] = torch.tensor([0.0, score, *[1.0, -1.0] * 8])
        save_file(tensors, path)
        found = watermark(Setup("auto", "auto", models)).detect(speech(24_000 * 12), 24_000)
        assert (found.share, found.is_detected, found.message) == (share, share > 0, "10" * 8)
    assert not watermark(Setup("auto", "auto", models)).detect(speech(0), 16_000).is_detected


def test_recordings_longer_than_a_piece_are_judged_as_a_whole(audioseal: AudioSeal) -> None:
    audioseal.load()
    samples = speech(16_000 * 11)
    detector = Detector(weights.plain(tiny_audioseal.detector()))
    with torch.inference_mode():
        scores = detector.step(torch.from_numpy(np.pad(samples, (0, -len(samples) % 320)))[None, None], {})
    share = float((scores[0, 1] > scores[0, 0]).float().mean())
    assert audioseal.detect(samples, 16_000).share == pytest.approx(share, abs=1e-3)


def test_files_that_are_not_its_own_are_refused_in_a_sentence(models: Path) -> None:
    folder = models / "audioseal" / "streaming"
    save_file({"encoder.model.0.conv.conv.weight": torch.zeros(4, 1, 7)}, folder / "generator.safetensors")
    with pytest.raises(StartError, match="tensors are not AudioSeal's"):
        watermark(Setup("auto", "auto", models)).load()
    (folder / "generator.safetensors").write_bytes(b"\x80\x04K\x01.")
    with pytest.raises(StartError, match=r"generator\.safetensors"):
        watermark(Setup("auto", "auto", models)).load()


def test_without_files_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="not on this machine"):
        watermark(Setup("auto", "auto", tmp_path)).load()
