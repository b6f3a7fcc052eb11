"""The codec's decoder makes the official package's samples, in any chunks, alone or beside other streams."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from voicebox_kit.errors import StartError
from voicebox_tts.engines.codec_models.cuda_graphs import CapturedWork
from voicebox_tts.engines.qwen3 import sizes
from voicebox_tts.engines.qwen3.codec import config
from voicebox_tts.engines.qwen3.codec.decoder import BatchedDecoder, CodecDecoder, CodecState, state_after

CPU = torch.device("cpu")
EXACT = 1e-6
"""Sums in another order differ by 4e-7 where samples are up to 0.5."""


@pytest.fixture(scope="module")
def decoder(tiny_qwen3: Path) -> CodecDecoder:
    return CodecDecoder.load(tiny_qwen3 / "base", CPU)


@pytest.fixture(scope="module")
def codes(official: Mapping[str, NDArray]) -> NDArray[np.int64]:
    """100 frames: more than the transformer's window of 72."""
    return official["codec/codes"]


def spoken(
    decoder: CodecDecoder, codes: NDArray[np.int64], chunks: Sequence[int], state: CodecState | None = None
) -> NDArray[np.float32]:
    rows = BatchedDecoder(decoder, 1)
    rows.begin(0, state)
    parts = np.split(codes, np.cumsum(chunks)[:-1])
    return np.concatenate([rows.decode([0], part[None])[0] for part in parts])


CHUNKS = {
    "whole": [100],
    "one by one": [*[1] * 8, 60, *[1] * 32],
    "growing": [1, 2, 4, 8, *[8] * 10, 5],
    "around the window": [71, 1, 28],
    "all but the last": [99, 1],
}


@pytest.mark.parametrize("chunks", CHUNKS.values(), ids=CHUNKS.keys())
def test_any_chunks_are_the_official_package_s_whole(chunks: list[int], decoder, codes, official) -> None:
    assert np.abs(official["codec/samples"]).max() > 0.1
    np.testing.assert_allclose(spoken(decoder, codes, chunks), official["codec/samples"], rtol=0, atol=EXACT)


def test_streams_that_join_pause_and_leave_are_as_each_is_alone(decoder, codes) -> None:
    voices = [np.roll(codes, shift, 0) for shift in (0, 7, 31)]
    alone = [spoken(decoder, voice[:24], [24]) for voice in voices]
    rows, decoded, outputs = BatchedDecoder(decoder, 4), [[], [], []], [0, 0, 0]

    def step(frames: int, places: Mapping[int, int]) -> None:
        """`places` are the streams' rows."""
        parts = np.stack([voices[stream][outputs[stream] : outputs[stream] + frames] for stream in places])
        for stream, samples in zip(places, rows.decode(list(places.values()), parts), strict=True):
            decoded[stream].append(samples)
            outputs[stream] += frames

    rows.begin(2, None)
    rows.decode([2], codes[None, :9])  # what a stream before it leaves behind
    for row in (0, 1, 2):
        rows.begin(row, None)
    step(4, {0: 0, 2: 2})
    step(8, {2: 2, 1: 1, 0: 0})
    step(12, {0: 0})
    rows.move(2, 0)
    step(4, {2: 0, 1: 1})
    step(8, {2: 0})
    step(12, {1: 1})
    for stream in range(3):
        np.testing.assert_allclose(
            np.concatenate(decoded[stream]), alone[stream][: outputs[stream] * 1920], rtol=0, atol=EXACT
        )
    assert outputs == [24, 24, 24]


def test_a_voice_s_state_goes_on_where_its_recording_ended_and_is_never_changed(decoder, codes, official) -> None:
    state = state_after(decoder, codes[:80])
    before = state.tensor.clone()
    assert state.num_frames == 80
    assert state.size_bytes == 4 * decoder.state_size
    for _ in range(2):
        np.testing.assert_allclose(
            spoken(decoder, codes[80:], [1, 19], state), official["codec/samples"][80 * 1920 :], rtol=0, atol=EXACT
        )
    assert torch.equal(state.tensor, before)
    assert not np.allclose(spoken(decoder, codes[80:], [20]), official["codec/samples"][80 * 1920 :], atol=1e-3)


def test_one_frame_is_80_ms_that_no_later_frame_changes(decoder, codes) -> None:
    whole = spoken(decoder, codes[:4], [4])
    other = spoken(decoder, np.concatenate((codes[:3], codes[50:51])), [4])
    assert whole.shape == (4 * 1920,)
    assert whole.dtype == np.float32
    np.testing.assert_array_equal(whole[: 3 * 1920], other[: 3 * 1920])
    assert np.abs(whole[3 * 1920 :] - other[3 * 1920 :]).max() > 1e-3


def done(work: Callable[[], None]) -> Callable[[], None]:
    """What is recorded is done, and done again when it is called."""
    work()
    return work


def test_what_a_graph_would_hold_is_the_same_with_rows_of_nobody(decoder, codes) -> None:
    plain, static = BatchedDecoder(decoder, 4), BatchedDecoder(decoder, 4, (2, 3))
    static._run = CapturedWork(static._static, [1, 4], [2, 3], done)
    for frames, places in ((2, [3, 1]), (3, [1]), (2, [0, 1, 3]), (4, [1, 3]), (3, [3, 0])):
        parts = np.stack([codes[10 * place : 10 * place + frames] for place in places])
        expected, made = plain.decode(places, parts), static.decode(places, parts)
        np.testing.assert_allclose(made, expected, rtol=0, atol=EXACT)


@pytest.mark.gpu
def test_graphs_make_the_samples_of_the_plain_path(tiny_qwen3: Path, codes) -> None:
    device = torch.device("cuda")
    decoder = CodecDecoder.load(tiny_qwen3 / "base", device)
    plain, graphed = BatchedDecoder(decoder, 8), BatchedDecoder(decoder, 8, (1, 2, 4, 8))
    state = state_after(decoder, codes[:40])
    for rows in (plain, graphed):
        rows.begin(5, state)
    for frames, places in (
        (1, [5]),
        (2, [5, 0]),
        (4, [1, 0, 5]),
        (8, list(range(8))),
        (3, [2, 5]),
        (8, [7, 5, 3, 1, 0]),
    ):
        parts = np.stack([codes[5 * place : 5 * place + frames] for place in places])
        np.testing.assert_allclose(graphed.decode(places, parts), plain.decode(places, parts), rtol=0, atol=1e-3)


@pytest.mark.parametrize(
    ("change", "reported"),
    [
        ({"decode_upsample_rate": 960}, "decode_upsample_rate is 960, not 1920"),
        ({"output_sample_rate": 48_000}, "output_sample_rate is 48000"),
        ({"decoder_config": {}}, "num_quantizers"),
        ({"decoder_config": None}, "is not that"),
        ({"encoder_config": {"use_causal_conv": False}}, "causal"),
    ],
)
def test_a_codec_that_is_another_is_reported_in_a_sentence(
    change: dict, reported: str, tiny_qwen3: Path, tmp_path: Path
) -> None:
    document = json.loads((tiny_qwen3 / "base/speech_tokenizer/config.json").read_text())
    (tmp_path / "speech_tokenizer").mkdir()
    (tmp_path / "speech_tokenizer/config.json").write_text(json.dumps(document | change))
    with pytest.raises(StartError, match=reported):
        config.read(tmp_path)


def test_where_the_file_is_silent_the_encoder_is_mimi_s(tiny_qwen3: Path) -> None:
    document = json.loads((tiny_qwen3 / "base/speech_tokenizer/config.json").read_text())
    released = sizes.released_codec()
    assert config.parsed(document | {"encoder_config": {}}).encoder == released.encoder
    assert math.prod((*released.decoder.upsampling_ratios, *released.decoder.upsample_rates)) == 1920


def test_a_codec_without_a_readable_configuration_is_reported_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="is not that of a speech tokenizer"):
        config.read(tmp_path)
