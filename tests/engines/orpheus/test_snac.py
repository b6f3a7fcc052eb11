"""SNAC, against the published package; streamed and whole; and its weights, which come as a pickle."""

import json
import os
import pickle
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from snac import SNAC
from voicebox_kit.errors import Precondition, StartError
from voicebox_tts.engines.orpheus import tokens
from voicebox_tts.engines.orpheus.snac import codec, config, conversion
from voicebox_tts.engines.orpheus.snac.codec import SnacDecoder
from voicebox_tts.engines.orpheus.snac.noise import frame_noise
from voicebox_tts.engines.orpheus.snac.streaming import WindowedDecoder, decode_whole

CPU = torch.device("cpu")
CODES = np.random.default_rng(0).integers(0, 4096, (20, 7))


@pytest.fixture(scope="module")
def package(tiny_orpheus: Path) -> SNAC:
    """The published package, with the same weights."""
    folder = tiny_orpheus / "published-snac"
    made = SNAC(**json.loads((folder / "config.json").read_text())).eval()
    made.load_state_dict(torch.load(folder / "pytorch_model.bin", weights_only=True))
    return made


@pytest.fixture(scope="module")
def decoder(tiny_orpheus: Path) -> SnacDecoder:
    return codec.load_decoder(tiny_orpheus / "base" / "snac", CPU)


def streamed(decoder: SnacDecoder, sizes: Sequence[int], seed: int = 5) -> list[NDArray[np.float32]]:
    rows, begin, made = WindowedDecoder(decoder, 1), 0, []
    rows.begin(0, seed)
    for size in sizes:
        made += rows.decode([0], CODES[None, begin : begin + size])
        begin += size
    return [*made, rows.rest(0)]


def test_codes_are_those_of_the_package(package: SNAC, tiny_orpheus: Path, speech_data: Any) -> None:
    import soundfile

    samples, _ = soundfile.read(speech_data.path(next(iter(speech_data.transcripts))), dtype="float32", frames=48_000)
    made = codec.load_encoder(tiny_orpheus / "base" / "snac", CPU)(samples)
    with torch.inference_mode():
        official = package.encode(torch.from_numpy(samples)[None, None])
    assert len(made) == -(-48_000 // 2048)
    for ours, theirs in zip(tokens.layers(made), official, strict=True):
        assert np.mean(ours == theirs[0].numpy()) > 0.95  # where two codes are as near, the last bits decide


def test_audio_is_that_of_the_package_with_the_same_noise(
    package: SNAC, decoder: SnacDecoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    noise = [frame_noise(5, frame, decoder.config.noise_lengths) for frame in range(len(CODES))]
    blocks = iter([torch.from_numpy(np.concatenate(block))[None, None] for block in zip(*noise, strict=True)])
    monkeypatch.setattr(torch, "randn", lambda *_, **__: next(blocks))
    with torch.inference_mode():
        official = package.decode([torch.from_numpy(layer)[None] for layer in tokens.layers(CODES)])[0, 0]
    made = decode_whole(decoder, CODES, 5)
    assert made.shape == (20 * 2048,)
    assert np.sqrt(np.mean(made**2)) > 0.05
    np.testing.assert_allclose(made, official.numpy(), rtol=0, atol=1e-4)


@pytest.mark.parametrize("sizes", [[1] * 20, [4, 2, 4, 8, 2], [19, 1], [3, 17]])
def test_streamed_is_whole(decoder: SnacDecoder, sizes: list[int]) -> None:
    made = streamed(decoder, sizes)
    np.testing.assert_allclose(np.concatenate(made), decode_whole(decoder, CODES, 5), rtol=0, atol=1e-4)
    ready = [max(0, sum(sizes[: number + 1]) - 3) for number in range(len(sizes))]
    assert [len(each) // 2048 for each in made] == [*np.diff([0, *ready]), 3], "three frames wait for those after them"


def test_the_window_is_no_wider_than_it_must_be(decoder: SnacDecoder) -> None:
    """A frame changes the samples of three frames before it, and of none before those."""
    assert decoder.config.context_frames == 3
    other = CODES.copy()
    other[10] = (other[10] + 1) % 4096
    difference = np.abs(decode_whole(decoder, CODES, 5) - decode_whole(decoder, other, 5)).reshape(20, 2048).max(1)
    changed = np.flatnonzero(difference > 0).tolist()
    assert changed[0] in (7, 8)
    assert changed[-1] in (12, 13)


def test_rows_do_not_know_of_each_other(decoder: SnacDecoder) -> None:
    rows = WindowedDecoder(decoder, 3)
    made: dict[int, list[NDArray[np.float32]]] = {0: [], 1: []}
    rows.begin(0, 1)
    made[0] += rows.decode([0], CODES[None, :5])
    rows.begin(1, 2)
    for begin in range(0, 10, 5):
        audio = rows.decode([0, 1], np.stack([CODES[begin + 5 : begin + 10], CODES[begin : begin + 5]]))
        made[0].append(audio[0])
        made[1].append(audio[1])
    rows.move(1, 2)
    made[0].append(rows.rest(0))
    made[1].append(rows.rest(2))
    assert rows.rest(2).size == 0, "once"
    for row, count in ((0, 15), (1, 10)):
        whole = decode_whole(decoder, CODES[:count], row + 1)
        np.testing.assert_allclose(np.concatenate(made[row]), whole, rtol=0, atol=1e-4)


def test_what_could_not_be_decoded_is_decoded_when_it_is_tried_again(
    decoder: SnacDecoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the batcher does it where a device had no memory: with the same frames, and one more."""
    rows = WindowedDecoder(decoder, 1)
    rows.begin(0, 5)
    made = rows.decode([0], CODES[None, :8])
    with monkeypatch.context() as failing:
        failing.setattr(WindowedDecoder, "_audio", lambda *_: (_ for _ in ()).throw(MemoryError))
        with pytest.raises(MemoryError):
            rows.decode([0], CODES[None, 8:12])
    made += rows.decode([0], CODES[None, 8:13])
    made.append(rows.rest(0))
    np.testing.assert_allclose(np.concatenate(made), decode_whole(decoder, CODES[:13], 5), rtol=0, atol=1e-4)


def test_noise_is_that_of_its_seed_and_frame() -> None:
    one = frame_noise(3, 7, (32, 256))
    assert [block.shape for block in one] == [(32,), (256,)]
    assert np.array_equal(np.concatenate(one), np.concatenate(frame_noise(3, 7, (32, 256))))
    assert not np.array_equal(one[0], frame_noise(3, 8, (32, 256))[0])
    assert not np.array_equal(one[0], frame_noise(4, 7, (32, 256))[0])


class Bomb:
    """Runs a command where it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self._mark = mark

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self._mark}",)


def bomb(mark: Path) -> Any:
    return {"decoder.model.0.bias": torch.zeros(3), "decoder.evil": Bomb(mark)}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (bomb, "cannot be read as weights alone"),
        (lambda _: {"text": torch.zeros(3)}, "not those of SNAC"),
        (lambda _: {"decoder.x": "words"}, "not those of SNAC"),
        (lambda _: {"decoder.x": torch.zeros(1).expand(1 << 30)}, "more than"),
        (lambda _: [], "no weights"),
    ],
    ids=["a bomb", "another model", "no tensors", "a huge one", "nothing"],
)
def test_a_pickle_that_is_no_codec_runs_nothing_and_is_refused(tmp_path: Path, content: Any, sentence: str) -> None:
    mark, file = tmp_path / "mark", tmp_path / "pytorch_model.bin"
    torch.save(content(mark), file)
    with pytest.raises(Precondition, match=sentence) as refused:
        conversion.convert(tmp_path)
    assert refused.value.reason == "MODEL_UNSUITABLE"
    assert not mark.exists()
    assert [path.name for path in tmp_path.iterdir()] == ["pytorch_model.bin"]


def test_a_bomb_would_explode_elsewhere(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    pickle.loads(pickle.dumps(Bomb(mark)))
    assert mark.exists()


@pytest.mark.parametrize(
    "change",
    [
        {"vq_strides": [8, 4, 2, 1]},
        {"attn_window_size": 32},
        {"codebook_size": 1024},
        {"depthwise": False},
        {"decoder_rates": [8, 8]},
        {"sampling_rate": None},
    ],
    ids=str,
)
def test_another_codec_is_refused_by_name(tiny_orpheus: Path, tmp_path: Path, change: dict[str, Any]) -> None:
    document = json.loads((tiny_orpheus / "base" / "snac" / "config.json").read_text()) | change
    (tmp_path / "config.json").write_text(json.dumps(document))
    with pytest.raises(StartError, match="SNAC"):
        config.read(tmp_path)


def test_weights_that_are_missing_or_of_another_shape_are_named(tiny_orpheus: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = shutil.copytree(tiny_orpheus / "base" / "snac", tmp_path / "snac")
    tensors = load_file(folder / "model.safetensors")
    name = "decoder.model.2.block.0.alpha"
    save_file({**tensors, name: torch.ones(1, 3, 1)}, folder / "model.safetensors")
    with pytest.raises(StartError, match=rf"{name}.* have the shape \(1, 3, 1\)"):
        codec.load_decoder(folder, CPU)
    del tensors[name]
    save_file(tensors, folder / "model.safetensors")
    with pytest.raises(StartError, match=f"no weights {name}"):
        codec.load_decoder(folder, CPU)
