"""Which tokens Orpheus makes of a frame of SNAC, and what stands around text and speech.

Orpheus extends Llama 3's vocabulary by `<custom_token_0>` (128256) and on. Ten of them are control tokens; a frame is
seven tokens after that, each from a range of its own: github.com/canopyai/Orpheus-TTS, orpheus_tts/decoder.py
(`int(number) - 10 - (index % 7) * 4096`) and engine_class.py.
"""

import numpy as np
from numpy.typing import NDArray

BEGIN_OF_TEXT, END_OF_TEXT = 128_000, 128_009
START_OF_SPEECH, END_OF_SPEECH = 128_257, 128_258
START_OF_HUMAN, END_OF_HUMAN, START_OF_AI = 128_259, 128_260, 128_261
FIRST_CODE = 128_266

SLOTS = 7
"""Tokens of a frame."""
CODEBOOK_SIZE = 4096
NUM_CODES = SLOTS * CODEBOOK_SIZE
MIN_VOCABULARY = FIRST_CODE + NUM_CODES

SLOTS_OF_LAYERS = ((0,), (1, 4), (2, 3, 5, 6))
"""Which slots of a frame belong to each layer of SNAC: it has one, two and four codes a frame."""


def prompt_ids(text: list[int]) -> list[int]:
    """The prompt after which the model speaks; `text` is "voice: words"."""
    return [START_OF_HUMAN, BEGIN_OF_TEXT, *text, END_OF_TEXT, END_OF_HUMAN, START_OF_AI, START_OF_SPEECH]


def token_ids(codes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Codes (frames, SLOTS) as the tokens that stand for them, (frames * SLOTS,)."""
    made: NDArray[np.int64] = (codes + FIRST_CODE + CODEBOOK_SIZE * np.arange(SLOTS)).reshape(-1)
    return made


def layers(codes: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Codes (..., frames, SLOTS) as SNAC takes them: (..., frames), (..., 2 * frames) and (..., 4 * frames)."""
    return [codes[..., slots].reshape(*codes.shape[:-2], -1) for slots in map(list, SLOTS_OF_LAYERS)]


def frames(layers_of_codec: list[NDArray[np.int64]]) -> NDArray[np.int64]:
    """The reverse of `layers`: codes (..., frames, SLOTS)."""
    coarse = layers_of_codec[0]
    made = np.zeros((*coarse.shape, SLOTS), np.int64)
    for slots, codes in zip(SLOTS_OF_LAYERS, layers_of_codec, strict=True):
        made[..., list(slots)] = codes.reshape(*coarse.shape, len(slots))
    return made
