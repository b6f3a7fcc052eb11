"""Cuts text into the pieces that Pocket TTS speaks one at a time."""

import textwrap
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pocket_tts.default_parameters import MAX_TOKEN_PER_CHUNK
from pocket_tts.models.text_chunking import prepare_text_prompt, split_into_best_sentences
from pocket_tts.utils.config import Config

from voicebox_tts.normalization.characters import without_pictures

BLOCK_CHARACTERS = 1_000
"""The package's splitter takes quadratic time: longer text goes to it in blocks."""

Tokenize = Callable[[str], list[int]]


@dataclass(frozen=True)
class Piece:
    """A sentence or some, as tokens: what the model was trained to speak at once. `tail_frames` are spoken on after its
    end.
    """

    tokens: tuple[int, ...]
    tail_frames: int


class TextCutter:
    """Splits at sentences, else at commas, else between words; a piece has MAX_TOKEN_PER_CHUNK tokens at most."""

    def __init__(self, tokenizer: Callable[..., object], tokenize: Tokenize, config: Config) -> None:
        """`tokenizer` is the package's, `tokenize` gives a text's ids with it; `config` says how the model wants its
        text written.
        """
        self._tokenizer, self._tokenize = tokenizer, tokenize
        self._tail_frames: int | None = config.model_recommended_frames_after_eos
        self._text_options = {
            "pad_with_spaces_for_short_inputs": config.pad_with_spaces_for_short_inputs,
            "remove_semicolons": config.remove_semicolons,
            "append_terminal_punctuation": config.append_terminal_punctuation,
            "capitalize_first_letter": config.capitalize_first_letter,
            "replace_characters": config.replace_characters,
        }

    def pieces(self, text: str) -> Iterator[Piece]:
        """A text's pieces; none of text without a letter or a digit."""
        plain = "".join(" " if unicodedata.category(letter)[0] == "C" else letter for letter in without_pictures(text))
        for block in textwrap.wrap(plain, BLOCK_CHARACTERS, break_on_hyphens=False):
            if _is_speakable(block):
                for chunk in split_into_best_sentences(
                    self._tokenizer, block, MAX_TOKEN_PER_CHUNK, **self._text_options
                ):
                    yield from self._fitting(chunk)

    def _fitting(self, text: str) -> Iterator[Piece]:
        """One piece, or more where the package's splitter finds no place to cut."""
        if not _is_speakable(text):
            return
        prepared, tail_frames = prepare_text_prompt(text, **self._text_options)
        tokens = self._tokenize(prepared)
        if len(tokens) <= MAX_TOKEN_PER_CHUNK or len(text) == 1:
            # The package adds 2 frames to its guess, too: the last sound rings out in them.
            yield Piece(tuple(tokens), tail_frames + 2 if self._tail_frames is None else self._tail_frames)
            return
        middle = len(text) // 2
        cut = text.find(" ", middle) if " " in text[middle:-1] else text.rfind(" ", 1, middle)
        cut = cut if cut > 0 else middle
        yield from self._fitting(text[:cut])
        yield from self._fitting(text[cut:])


def _is_speakable(text: str) -> bool:
    return any(letter.isalnum() for letter in text)
