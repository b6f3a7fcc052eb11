"""Which words the phonemes of a clause belong to."""

from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher

SPACE, STRESS = " ", "ˈˌ"
"""Between words, and before a stressed syllable."""


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
