"""How a clause is given to Kokoro: in the letters of its vocabulary, and which of them belong to which word."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from voicebox_tts.engine import GivenPhonemes
from voicebox_tts.engines.clauses import Clause
from voicebox_tts.engines.espeak.phonemizer import Phonemizer
from voicebox_tts.engines.hibari.pronunciation import Pronunciation
from voicebox_tts.engines.kokoro_letters import letters, to_ipa
from voicebox_tts.engines.phoneme_words import spelled
from voicebox_tts.engines.timing import Unit

PAD = 0
TIE = "^"
ONE_LETTER = {
    "a^ɪ": "I",
    "a^ʊ": "W",
    "d^z": "ʣ",
    "d^ʒ": "ʤ",
    "e^ɪ": "A",
    "o^ʊ": "O",
    "ə^ʊ": "Q",
    "s^s": "S",
    "t^s": "ʦ",
    "t^ʃ": "ʧ",
    "ɔ^ɪ": "Y",
}
"""What the model has a letter of its own for: https://github.com/hexgrad/misaki, by which it was trained."""
ESPEAK_VOICES = {"es": "es", "fr-FR": "fr", "hi": "hi", "it": "it", "pt-BR": "pt-br"}
SILENT = 'ˈˌː ;:,.!?—…"()“”'


@dataclass(frozen=True)
class Said:
    """A clause as the model reads it: ids with a pad at both ends, the words, and the unit of each phoneme.

    `unknown` are phonemes that the model has no letter for; `ipa` has a space between words.
    """

    ids: tuple[int, ...]
    words: tuple[str, ...]
    units: tuple[Unit, ...]
    unknown: str = ""
    ipa: str = ""


def english(text: str, reader: Pronunciation, given: Sequence[GivenPhonemes]) -> Said:
    """A text in printable ASCII, by the reader of English; `given` is what its placeholders stand for."""
    read = reader.pronounce(text, given)
    ends = [*(sound.at for sound in read.sounds[1:]), len(read.ids) - 1]
    units = tuple(
        Unit(sound.ipa, sound.at, end, number)
        for sound, end in zip(read.sounds, ends, strict=True)
        for number, word in enumerate(read.words)
        if word.begin <= sound.at < word.end
    )
    return Said(read.ids, tuple(word.text for word in read.words), units, read.unknown, read.ipa)


def by_espeak(
    clause: Clause,
    language: str,
    phonemizer: Phonemizer,
    vocabulary: Mapping[str, int],
    given: Sequence[GivenPhonemes] = (),
) -> Said:
    """A clause of another language, by the rules of espeak-ng; `given` is what its placeholders stand for."""

    def find(texts: Sequence[str]) -> list[str]:
        return [_letters(tied) for tied in phonemizer.phonemes(texts, ESPEAK_VOICES[language], TIE)]

    clause_phonemes = spelled(clause.text, given, find, letters)
    phonemes, owners = clause_phonemes.phonemes, clause_phonemes.owners
    ids, units, unknown = [PAD], list[Unit](), dict[str, None]()
    for letter, word in [*zip(phonemes, owners, strict=True), *((sign, -1) for sign in clause.end)]:
        if letter not in vocabulary:
            unknown[letter] = None
            continue
        if word >= 0 and letter not in SILENT:
            units.append(Unit(letter, len(ids), len(ids) + 1, word))
        ids.append(vocabulary[letter])
    return Said((*ids, PAD), clause_phonemes.words, tuple(units), "".join(unknown), to_ipa(phonemes))


def _letters(tied: str) -> str:
    for phoneme, letter in ONE_LETTER.items():
        tied = tied.replace(phoneme, letter)
    return tied.replace(TIE, "").replace("-", "")
