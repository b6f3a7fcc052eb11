"""The phonemes of a clause as Piper's model takes them, and which word each of them belongs to."""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from voicebox_tts.engines.timing import Unit

BEGIN, END, PAD, SPACE = "^", "$", "_", " "
STRESS = "ˈˌ"
"""Marks before a stressed syllable: phonemes of the model, but none that is heard by itself."""


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


def words_of_phonemes(ipa: str, words: Sequence[str]) -> list[int]:
    """For each character of a clause's IPA the number of the word that it belongs to, of `words`, each word's own IPA.

    espeak-ng joins words ("of the" is one) and speaks them in another way beside each other: what stands in both is
    matched, and what is between two matches goes to the word before, or to the next one after a space.
    """
    owners = [number for number, word in enumerate(words) for _ in word]
    matcher = SequenceMatcher(None, ipa, "".join(words), autojunk=False)
    found = dict[int, int]()
    for here, there, count in matcher.get_matching_blocks():
        found |= {here + step: owners[there + step] for step in range(count) if ipa[here + step] not in STRESS + SPACE}
    result, word = list[int](), 0
    for index, character in enumerate(ipa):
        if character == SPACE:
            result.append(word)
            continue
        if index in found:
            word = max(word, found[index])
        elif index and ipa[index - 1] == SPACE and _next_match(found, index, ipa) > word:
            word = min(word + 1, max(len(words) - 1, 0))
        result.append(word)
    return result


def _next_match(found: Mapping[int, int], index: int, ipa: str) -> int:
    """The word of the first match at or after a character; a number beyond all words where there is none."""
    return next((found[later] for later in range(index, len(ipa)) if later in found), len(ipa))
