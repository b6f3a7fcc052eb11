"""Given phonemes reach the models, and are heard in what they say."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import jiwer
import numpy as np
import pytest
import soxr
from faster_whisper import WhisperModel
from voicebox_models.engine import Setup
from voicebox_tts.engine import Engine, GivenPhonemes, PhonemeSession, Samples, Stretch, Style
from voicebox_tts.engines.espeak.phonemizer import Phonemizer
from voicebox_tts.engines.hibari.engine import HibariEngine, family
from voicebox_tts.engines.hibari.pronunciation import Pronunciation
from voicebox_tts.engines.kokoro.engine import family as kokoro
from voicebox_tts.engines.kokoro_letters import letters, to_ipa
from voicebox_tts.engines.phoneme_words import spelled
from voicebox_tts.text import given as placeholders

HEARD_RATE_HZ = 16_000
WORDS = jiwer.Compose([jiwer.ToLowerCase(), jiwer.RemovePunctuation(), jiwer.Strip()])


@pytest.fixture(scope="module")
def engine() -> Iterator[HibariEngine]:
    engine = family(Setup("auto", "auto", Path("no models"))).engines()[0]
    engine.load()
    yield engine
    engine.unload()


@pytest.fixture(scope="module")
def whisper(packaged_whisper: Path) -> WhisperModel:
    return WhisperModel(str(packaged_whisper / "base"), device="cpu", compute_type="int8", cpu_threads=1)


def spoken(engine: Engine, *stretches: Stretch, voice: str = "") -> Samples:
    with closing(engine.open(voice or engine.default_voice, Style(), 1)) as session:
        assert isinstance(session, PhonemeSession)
        return np.concatenate([speech.samples for speech in session.speak_stretches(stretches)])


def heard(whisper: WhisperModel, samples: Samples, language: str = "en") -> list[str]:
    segments, _ = whisper.transcribe(soxr.resample(samples, 24_000, HEARD_RATE_HZ), language=language, beam_size=5)
    return str(WORDS(" ".join(segment.text for segment in segments))).split()


@pytest.mark.parametrize(
    ("written", "ipa", "other"),
    [("bear", "bˈɪɹ", "beer"), ("Xq", "ʌmbɹˈɛlə", "umbrella"), ("GIF", "dʒˈæz", "jazz")],
)
def test_given_phonemes_are_heard(
    engine: HibariEngine, whisper: WhisperModel, written: str, ipa: str, other: str
) -> None:
    before, after = "Yesterday evening I saw the ", " near the river."
    assert other not in heard(whisper, spoken(engine, f"{before}{written}{after}"))
    assert other in heard(whisper, spoken(engine, before, GivenPhonemes(written, ipa), after))


@pytest.mark.parametrize(
    ("voice", "sentence", "ipa", "other"),
    [
        ("af_heart", ("Yesterday evening I saw the ", "goat", " near the river."), "ɡˈeɪt", "gate"),
        ("ff_siwis", ("Hier soir, j'ai vu le ", "chat", " dans le jardin."), "ʃəvˈal", "cheval"),
    ],
)
def test_given_phonemes_of_kokoro_are_heard(
    voice: str, sentence: tuple[str, str, str], ipa: str, other: str, whisper: WhisperModel, kokoro_voices: Path
) -> None:
    engine = kokoro(Setup("auto", "auto", kokoro_voices)).engines()[0]
    engine.load()
    before, written, after = sentence
    language = "en" if voice[0] == "a" else "fr"
    plain = spoken(engine, "".join(sentence), voice=voice)
    given = spoken(engine, before, GivenPhonemes(written, ipa), after, voice=voice)
    engine.unload()
    assert other not in heard(whisper, plain, language)
    assert other in heard(whisper, given, language)


def test_the_model_is_given_the_numbers_of_the_phonemes() -> None:
    reader = Pronunciation(british=False)
    text, given = placeholders.joined(["We saw ", GivenPhonemes("GIF", "dʒˈɪf"), " files."])
    said, plain = reader.pronounce(text, given), reader.pronounce("We saw jiff files.")
    assert said.ids == plain.ids
    assert said.ipa == plain.ipa == "wˌi sˈɔ dʒˈɪf fˈaɪlz"
    assert [word.text for word in said.words] == ["We", "saw", "GIF", "files"]


@pytest.mark.parametrize(
    ("ipa", "written"),
    [
        ("dʒˈɪf", "ʤˈɪf"),
        ("t͡ʃiːz", "ʧiːz"),
        ("ɡoʊ", "ɡO"),
        ("bɚd", "bəɹd"),
        ("ˈbʌt.n\u0329", "ˈbʌtᵊn"),
        ("ʒwa.jø", "ʒwajø"),
    ],
)
def test_ipa_is_written_in_the_letters_of_kokoro(ipa: str, written: str) -> None:
    assert letters(ipa) == written
    assert letters(to_ipa(written)) == written


def test_length_is_left_out_where_a_voice_has_none() -> None:
    assert letters("riːd", is_english=True, has_length=False) == "ɹid"


def by_espeak(text: str, given: Sequence[GivenPhonemes]) -> tuple[tuple[str, ...], str, list[str]]:
    with closing(Phonemizer()) as phonemizer:
        clause = spelled(text, given, lambda texts: phonemizer.phonemes(texts, "en-us"))
    own = ["".join(each for each, word in zip(clause.phonemes, clause.owners, strict=True) if word == number)
           for number in range(len(clause.words))]  # fmt: skip
    return clause.words, clause.phonemes, own


def test_a_clause_by_espeak_has_given_phonemes_where_they_stand() -> None:
    text, given = placeholders.joined(
        ["We saw ", GivenPhonemes("GIF", "dʒɪf"), ", ", GivenPhonemes("New York", "njuː jɔːk"), " of old."]
    )
    words, phonemes, own = by_espeak(text, given)
    assert words == ("We", "saw", "GIF", "New York", "of", "old")
    assert phonemes == "wiː sˈɔː dʒɪf njuː jɔːk ʌv ˈoʊld"
    assert [each.strip() for each in own] == ["wiː", "sˈɔː", "dʒɪf", "njuː jɔːk", "ʌv", "ˈoʊld"]


def test_a_clause_without_given_phonemes_is_as_before() -> None:
    words, phonemes, _ = by_espeak("We saw two of them.", ())
    with closing(Phonemizer()) as phonemizer:
        assert [phonemes] == phonemizer.phonemes(["We saw two of them."], "en-us")
    assert words == ("We", "saw", "two", "of", "them")
