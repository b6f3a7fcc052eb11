"""The arithmetic of tokens, against what the published decoder does with them."""

import numpy as np
import pytest
from numpy.typing import NDArray
from voicebox_tts.engines.orpheus import tokens

pytestmark = pytest.mark.unit


def published_code(token: int, index: int) -> int:
    """`turn_token_into_id` of orpheus_tts/decoder.py: `<custom_token_N>` is the token 128256 + N."""
    return token - 128_256 - 10 - (index % 7) * 4096


def published_layers(codes: NDArray[np.int64]) -> list[list[int]]:
    """`convert_to_audio` of orpheus_tts/decoder.py: the places of a frame's seven codes in SNAC's layers."""
    layers: list[list[int]] = [[], [], []]
    for frame in codes.tolist():
        layers[0] += [frame[0]]
        layers[1] += [frame[1], frame[4]]
        layers[2] += [frame[2], frame[3], frame[5], frame[6]]
    return layers


def test_a_frame_is_the_seven_tokens_of_the_published_layout() -> None:
    """Computed by hand from the layout: 128266 + slot * 4096 + code."""
    frames = np.array([[0, 1, 2, 3, 4, 5, 6], [4095, 4095, 4095, 4095, 4095, 4095, 4095]])
    assert tokens.token_ids(frames).tolist() == [
        *(128266, 132363, 136460, 140557, 144654, 148751, 152848),
        *(132361, 136457, 140553, 144649, 148745, 152841, 156937),
    ]
    assert tokens.MIN_VOCABULARY == 156938


def test_tokens_and_layers_are_those_of_the_published_decoder() -> None:
    codes = np.random.default_rng(0).integers(0, 4096, (9, 7))
    ids = tokens.token_ids(codes).tolist()
    assert [published_code(token, index) for index, token in enumerate(ids)] == codes.reshape(-1).tolist()
    assert [layer.tolist() for layer in tokens.layers(codes)] == published_layers(codes)


def test_layers_become_the_same_frames_also_in_batches() -> None:
    codes = np.random.default_rng(1).integers(0, 4096, (3, 5, 7))
    assert [layer.shape for layer in tokens.layers(codes)] == [(3, 5), (3, 10), (3, 20)]
    assert np.array_equal(tokens.frames(tokens.layers(codes)), codes)


def test_a_prompt_stands_between_the_published_control_tokens() -> None:
    """engine_class.py: 128259, what the tokenizer gives, which begins with 128000, and four more."""
    assert tokens.prompt_ids([5, 6]) == [128259, 128000, 5, 6, 128009, 128260, 128261, 128257]
