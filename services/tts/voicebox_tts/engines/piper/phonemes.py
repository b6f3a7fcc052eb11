"""The phonemes of a clause as Piper's model takes them, and which word each of them belongs to."""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from voicebox_tts.engines.phoneme_words import SPACE
from voicebox_tts.engines.timing import Unit

BEGIN, END, PAD = "^", "$", "_"


@dataclass(frozen=True)
class Encoded:
    """What the model is given, and what each part of it stands for. `unknown` are phonemes that it has no id for."""

    ids: tuple[int, ...]
    phonemes: tuple[Unit, ...]
    unknown: str


def encode(ipa: str, end: str, words: Sequence[int], phoneme_ids: Mapping[str, Sequence[int]]) -> Encoded:
    """A clause's IPA and the sign that ends it, as the model was trained: each phoneme is followed by a pad.

    `words` has the number of the word of each character of `ipa`.
    """
    pad = phoneme_ids[PAD]
    ids = [*phoneme_ids[BEGIN], *pad]
    placed, unknown = list[Unit](), dict[str, None]()
    for character, word in [*zip(ipa, words, strict=True), *((sign, -1) for sign in end)]:
        for phoneme in unicodedata.normalize("NFD", character):
            if phoneme not in phoneme_ids:
                unknown[phoneme] = None
                continue
            first = len(ids)
            ids += [*phoneme_ids[phoneme], *pad]
            if word >= 0 and phoneme != SPACE:
                placed.append(Unit(phoneme, first, len(ids), word))
    return Encoded((*ids, *phoneme_ids[END]), tuple(placed), "".join(unknown))
