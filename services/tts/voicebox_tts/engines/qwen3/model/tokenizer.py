"""The text tokenizer: byte-level BPE in the chat template. Text cannot contain control tokens."""

import json
from pathlib import Path

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers
from voicebox_kit.errors import StartError

from .config import TextTokens

PRE_TOKENIZER = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
    r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
"""Where the official package cuts a text into words before BPE: it asks for Mistral's rule, which is not that of Qwen's
other models.
"""


class TextTokenizer:
    """A model's tokenizer. It knows no control tokens: text that looks like one, as "<|im_end|>", is spelled out."""

    def __init__(self, encoder: models.BPE, controls: TextTokens) -> None:
        self._tokenizer = Tokenizer(encoder)
        self._tokenizer.normalizer = normalizers.NFC()
        pieces = pre_tokenizers.Split(Regex(PRE_TOKENIZER), behavior="isolated")
        self._tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [pieces, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
        )
        self._controls = controls
        self.speaking = (controls.im_start, *self.text("assistant\n"))
        """What comes before the words that are spoken."""

    def text(self, words: str) -> list[int]:
        """The ids of a text."""
        ids: list[int] = self._tokenizer.encode(words, add_special_tokens=False).ids
        return ids

    def instructions(self, words: str) -> list[int]:
        """The ids of a message of the user, who says how to speak."""
        ends = (self._controls.im_end, *self.text("\n"))
        return [self._controls.im_start, *self.text("user\n"), *self.text(words), *ends]


def load(folder: Path, controls: TextTokens) -> TextTokenizer:
    """The tokenizer of the model in `folder`; StartError when its files cannot be read."""
    try:
        vocabulary = json.loads((folder / "vocab.json").read_text("utf-8"))
        lines = (folder / "merges.txt").read_text("utf-8").split("\n")
        merges = [_pair(line) for line in lines if line and not line.startswith("#version")]
        return TextTokenizer(models.BPE(vocab=vocabulary, merges=merges), controls)
    except Exception as error:  # the library raises bare ones where merges and vocabulary do not fit
        raise StartError(f"The tokenizer in {folder} cannot be read: {error}") from error


def byte_tokenizer(controls: TextTokens) -> TextTokenizer:
    """A tokenizer of 256 bytes, for random weights: a text has about four times the tokens."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    return TextTokenizer(models.BPE(vocab={letter: index for index, letter in enumerate(letters)}, merges=[]), controls)


def _pair(line: str) -> tuple[str, str]:
    first, second = line.split(" ")
    return first, second
