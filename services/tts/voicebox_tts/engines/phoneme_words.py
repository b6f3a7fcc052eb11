"""The phonemes of a clause by espeak-ng and as they are given, and which words they belong to."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from voicebox_tts.engine import GivenPhonemes
from voicebox_tts.engines.espeak.words import words_of
from voicebox_tts.normalization.characters import wants_sound
from voicebox_tts.text.given import split

SPACE, STRESS = " ", "ˈˌ"
"""Between words, and before a stressed syllable."""


@dataclass(frozen=True)
class SpelledClause:
    """The words of a clause, its phonemes, and for each character of these the number of the word it belongs to."""

    words: tuple[str, ...]
    phonemes: str
    owners: tuple[int, ...]


def spelled(
    text: str,
    given: Sequence[GivenPhonemes],
    find: Callable[[Sequence[str]], Sequence[str]],
    write: Callable[[str], str] = str,
) -> SpelledClause:
    """A clause's phonemes. `find` finds those of texts, and `write` writes IPA in the same way.

    `given` is what the placeholders in the clause stand for.
    """
    parts = [(part, _words(part)) for part in split(text, given)]
    found = iter(find([each for part, own in parts if isinstance(part, str) for each in (part, *own)]))
    words, phonemes, owners = list[str](), "", list[int]()
    for part, own in parts:
        if isinstance(part, str):
            ipa = next(found)
            numbers = words_of_phonemes(ipa, [next(found) for _ in own])
            if part[:1].isspace() and phonemes:
                ipa, numbers = SPACE + ipa, [0, *numbers]
            if part[-1:].isspace() and not ipa.endswith(SPACE):
                ipa, numbers = ipa + SPACE, [*numbers, max(len(own) - 1, 0)]
        else:
            ipa = write(part.ipa)
            numbers = [0] * len(ipa)
        owners += [len(words) + number for number in numbers]
        phonemes += ipa
        words += own
    return SpelledClause(tuple(words), phonemes, tuple(owners))


def _words(part: str | GivenPhonemes) -> list[str]:
    if isinstance(part, GivenPhonemes):
        return [part.text]
    return [word.text for word in words_of(part) if any(map(wants_sound, word.text))]


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
