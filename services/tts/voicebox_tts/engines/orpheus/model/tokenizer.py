"""Llama 3's text tokenizer without its control tokens, which text cannot contain: one that looks so is spelled out."""

import json
from pathlib import Path

from tokenizers import Tokenizer
from voicebox_kit.errors import StartError

from voicebox_tts.engines.orpheus.tokens import prompt_ids

from .checkpoint import TOKENIZER


class TextTokenizer:
    """Makes prompts of texts."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer

    def prompt(self, voice: str, words: str) -> list[int]:
        """The ids after which the model says `words` in a voice."""
        return prompt_ids(self._tokenizer.encode(f"{voice}: {words}", add_special_tokens=False).ids)


def load(folder: Path) -> TextTokenizer:
    """The tokenizer of the model in `folder`; StartError when its file cannot be read."""
    path = folder / TOKENIZER
    try:
        document = json.loads(path.read_text("utf-8"))
        document |= {"added_tokens": [], "post_processor": None, "truncation": None, "padding": None}
        return TextTokenizer(Tokenizer.from_str(json.dumps(document)))
    except Exception as error:  # the library raises bare ones
        raise StartError(f"The tokenizer {path} cannot be read: {error}") from error
