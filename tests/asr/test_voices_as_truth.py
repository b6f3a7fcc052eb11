"""Whisper base with its real weights over synthetic voices, of which language, words, times and speakers are known, and
over sounds that are no speech.
"""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import soxr
from voicebox.asr.v1 import asr_pb2, asr_pb2_grpc
from voicebox.asr.v1.asr_pb2 import StreamingConfig, StreamingRecognizeRequest
from voicebox_asr.engine import SAMPLE_RATE_HZ, Samples
from voicebox_models.engine import Setup
from voicebox_tts.engine import Engine, Style, Word
from voicebox_tts.engines.espeak.engine import EspeakEngine
from voicebox_tts.engines.hibari import engine as hibari
from voicebox_tts.engines.kokoro import engine as kokoro

from tests.support.aio import aio_stub

from .conftest import silence, wav, word_errors, words

SECONDS = 10.0
OLD_MAN = "The old man walked slowly to the market and bought bread for his family."


@dataclass(frozen=True)
class Spoken:
    """Speech at 16 kHz, and when the voice says each word."""

    samples: Samples
    words: tuple[Word, ...]


class Voices:
    """Voices of three engines."""

    def __init__(self, kokoro_models: Path) -> None:
        self._engines: Mapping[str, Engine] = {
            "kokoro": kokoro.family(Setup("cpu", "auto", kokoro_models)).engines()[0],
            "hibari": hibari.family(Setup("cpu", "auto", kokoro_models)).engines()[0],
            "espeak": EspeakEngine(processes=1),
        }
        self._spoken: dict[tuple[str, str], Spoken] = {}

    def say(self, name: str, text: str) -> Spoken:
        """A text by a voice, as `engine/voice`; spoken once for all tests."""
        if (name, text) not in self._spoken:
            self._spoken[name, text] = self._speak(name, text)
        return self._spoken[name, text]

    def _speak(self, name: str, text: str) -> Spoken:
        engine, _, voice = name.partition("/")
        with closing(self._engines[engine].open(voice, Style(), 1)) as session:
            speeches = list(session.speak(text))
        sound = np.concatenate([speech.samples for speech in speeches])
        samples = np.asarray(soxr.resample(sound, session.sample_rate_hz, SAMPLE_RATE_HZ), np.float32)
        return Spoken(samples, tuple(word for speech in speeches for word in speech.words))

    def unload(self) -> None:
        for engine in self._engines.values():
            engine.unload()


@pytest.fixture(scope="module")
def voices(kokoro_voices: Path) -> Iterator[Voices]:
    voices = Voices(kokoro_voices)
    yield voices
    voices.unload()


@pytest.fixture
async def stub(whisper_at: Callable[[str], str]) -> AsyncIterator[Any]:
    async with grpc.aio.insecure_channel(whisper_at("base")) as channel:
        yield aio_stub(asr_pb2_grpc.SpeechToTextServiceStub, channel)


async def recognised(stub: Any, samples: Samples, **config: Any) -> asr_pb2.RecognizeResponse:
    request = asr_pb2.RecognizeRequest(audio=wav(samples), config=asr_pb2.RecognitionConfig(**config))
    answer: asr_pb2.RecognizeResponse = await stub.Recognize(request)
    return answer


@dataclass(frozen=True)
class Sentence:
    """A sentence, some of its words, and some words of its translation."""

    voice: str
    text: str
    holds: str
    english: str


SENTENCES = {
    "es": Sentence(
        "kokoro/ef_dora",
        "Buenos días, señoras y señores. Hoy vamos a hablar del tiempo en las montañas.",
        "vamos a hablar del tiempo en las montañas",
        "we are going to talk about",
    ),
    "fr": Sentence(
        "kokoro/ff_siwis",
        "Bonjour mesdames et messieurs. La bibliothèque est fermée le dimanche.",
        "bibliothèque est fermée le dimanche",
        "the library is closed on sunday",
    ),
    "it": Sentence(
        "kokoro/if_sara",
        "Buongiorno, signore e signori. Oggi parliamo del tempo in montagna.",
        "Oggi parliamo del tempo in montagna",
        "today we talk about",
    ),
    "pt": Sentence(
        "kokoro/pf_dora",
        "Bom dia, senhoras e senhores. Hoje vamos falar do tempo nas montanhas.",
        "Hoje vamos falar do tempo nas montanhas",
        "today we are going to talk about",
    ),
    "de": Sentence(
        "espeak/de",
        "Guten Morgen, meine Damen und Herren. Heute sprechen wir über das Wetter in den Bergen und über die Züge nach "
        "Hamburg.",
        "meine Damen und Herren",
        "ladies and gentlemen",
    ),
    "en": Sentence(
        "kokoro/af_heart",
        "Good morning, ladies and gentlemen. Today we are going to talk about the weather in the mountains.",
        "talk about the weather in the mountains",
        "the weather in the mountains",
    ),
}


@pytest.mark.parametrize("language", SENTENCES)
async def test_the_language_is_detected_with_certainty(stub: Any, voices: Voices, language: str) -> None:
    sentence = SENTENCES[language]
    answer = await recognised(stub, voices.say(sentence.voice, sentence.text).samples)
    assert answer.language == language
    assert sentence.holds in answer.transcript
    if sentence.voice.startswith("kokoro/"):  # Whisper is less sure of espeak's voice, which sounds synthetic
        assert answer.language_probability > 0.85
        assert not answer.warnings


@pytest.mark.parametrize("language", SENTENCES)
async def test_speech_is_translated_into_english(stub: Any, voices: Voices, language: str) -> None:
    sentence = SENTENCES[language]
    task = asr_pb2.RECOGNITION_TASK_TRANSLATE
    answer = await recognised(stub, voices.say(sentence.voice, sentence.text).samples, task=task)
    assert sentence.english in answer.transcript.lower()


NAMES = {
    "Kaczmarek": "Call Doctor Kaczmarek about the results.",
    "Kyutai": "I work at Kyutai with Alexandre.",
    "Saoirse": "We met Joaquin Nguyen and Saoirse Kowalczyk yesterday.",
    "Xarelto": "The patient takes metoprolol and Xarelto every day.",
    "Zylinx": "The company Zylinx makes good bread.",
}


@pytest.mark.parametrize("name", NAMES)
async def test_a_name_that_is_misheard_is_right_as_a_hotword(stub: Any, voices: Voices, name: str) -> None:
    sound = voices.say("hibari/heart", NAMES[name]).samples
    assert name not in (await recognised(stub, sound, language="en")).transcript
    assert name in (await recognised(stub, sound, language="en", hotwords=[name])).transcript


async def test_hotwords_that_are_not_said_are_not_written(stub: Any, voices: Voices) -> None:
    answer = await recognised(stub, voices.say("hibari/heart", OLD_MAN).samples, language="en", hotwords=list(NAMES))
    assert not word_errors(words(OLD_MAN), words(answer.transcript))


TIMED = (
    "The teacher asked us to read the second chapter, but only half of the class had brought the book.",
    "If you turn left at the bridge, you will see a small white house behind the trees.",
    "After dinner they sat by the fire and talked about the summer, when the garden was full of flowers.",
    "He opened the letter, read it twice, and put it back into his pocket without a word.",
)
"""Others than those on which the corrections of the alignment were measured."""


@pytest.mark.parametrize("voice", ["hibari/heart", "kokoro/af_heart", "kokoro/am_michael", "espeak/en-us"])
async def test_words_begin_when_the_voice_begins_them(stub: Any, voices: Voices, voice: str) -> None:
    away: list[float] = []
    for text in TIMED:
        spoken = voices.say(voice, text)
        answer = await recognised(stub, spoken.samples, language="en", word_offsets=True)
        found = [word for utterance in answer.utterances for word in utterance.words]
        assert len(found) == len(spoken.words)
        away += [
            abs(word.start_offset.ToTimedelta().total_seconds() - truth.start_seconds)
            for word, truth in zip(found, spoken.words, strict=True)
        ]
    assert np.quantile(away, 0.9) <= 0.1
    assert max(away) <= 0.2


async def test_two_voices_are_two_speakers_with_their_own_words(stub: Any, voices: Voices) -> None:
    turns = [
        ("kokoro/af_heart", "The old man walked slowly to the market."),
        ("kokoro/am_michael", "I do not believe a word of this story."),
    ]
    sound = np.concatenate([piece for turn in turns for piece in (voices.say(*turn).samples, silence(1.2))])
    answer = await recognised(
        stub, sound, language="en", word_offsets=True, diarization=asr_pb2.Diarization(enabled=True)
    )
    assert answer.speaker_count == 2
    said = [word for utterance in answer.utterances for word in utterance.words]
    assert [speaker for speaker, _ in groupby(word.speaker for word in said)] == ["speaker-1", "speaker-2"]
    for turn, (_, group) in zip(turns, groupby(said, lambda word: word.speaker), strict=True):
        spoken = words(turn[1])
        assert word_errors(spoken, words(" ".join(word.word for word in group))) <= len(spoken) / 3


ANN, BOB, EMMA = "kokoro/af_heart", "kokoro/am_michael", "kokoro/bf_emma"
TALKS = {
    "repeated sentences": [
        (BOB, "Could you please open the window?"),
        (ANN, "The old man walked slowly to the market."),
        (BOB, "It is easy to tell the depth of a well."),
        (ANN, "I have no idea what you are talking about, to be honest."),
        (BOB, "It is easy to tell the depth of a well."),
        (ANN, "Glue the sheet to the dark blue background."),
        (BOB, "Could you please open the window?"),
        (ANN, "Glue the sheet to the dark blue background."),
    ],
    "a short answer": [
        (ANN, "I do not believe a word of this story."),
        (BOB, "Yes, of course."),
        (ANN, "Glue the sheet to the dark blue background."),
        (BOB, "The soft cushion broke the man's fall."),
    ],
    "long and short sentences": [
        (ANN, "It is easy to tell the depth of a well."),
        (EMMA, "These days a chicken leg is a rare dish."),
        (ANN, "Yes, of course."),
        (EMMA, "She went home early because she was tired."),
        (ANN, "Four hours of steady work faced us."),
        (EMMA, "The old man walked slowly to the market."),
    ],
}


@pytest.mark.parametrize("name", TALKS)
async def test_no_sentence_of_a_talk_with_pauses_is_lost(stub: Any, voices: Voices, name: str) -> None:
    """Whisper leaves out sentences between pauses, and alignment hides that: up to a third of the words were lost."""
    pieces = (piece for turn in TALKS[name] for piece in (voices.say(*turn).samples, silence(2.0)))
    answer = await recognised(stub, np.concatenate(list(pieces)), language="en")
    spoken = words(" ".join(text for _, text in TALKS[name]))
    assert word_errors(spoken, words(answer.transcript)) <= 0.12 * len(spoken)


def noise(seconds: float) -> Samples:
    return (0.1 * np.random.default_rng(0).standard_normal(round(seconds * SAMPLE_RATE_HZ))).astype(np.float32)


def rumble(seconds: float) -> Samples:
    """Noise with more power the lower it is, as of traffic."""
    spectrum = np.fft.rfft(noise(seconds))
    spectrum /= np.sqrt(np.arange(spectrum.size) + 1.0)
    sound = np.fft.irfft(spectrum)
    return (0.1 * sound / sound.std()).astype(np.float32)


def hum(seconds: float) -> Samples:
    time = np.arange(round(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    return (0.2 * np.sin(2 * np.pi * 50 * time) + 0.05 * np.sin(2 * np.pi * 150 * time)).astype(np.float32)


def chords(seconds: float) -> Samples:
    """Struck chords of three notes with overtones."""
    time = np.arange(round(0.8 * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    roots = 220.0 * 2.0 ** (np.array([0, 5, 7, 3]) / 12)
    struck = [
        sum(
            np.sin(2 * np.pi * root * ratio * overtone * time) / overtone
            for ratio in (1.0, 1.25, 1.5)
            for overtone in (1, 2, 3)
        )
        * np.exp(-2.0 * time)
        for root in roots
    ]
    return np.resize(0.1 * np.concatenate(struck), round(seconds * SAMPLE_RATE_HZ)).astype(np.float32)


def melody(seconds: float) -> Samples:
    """Single notes with vibrato."""
    time = np.arange(round(0.3 * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    keys = np.random.default_rng(0).integers(0, 24, round(seconds / 0.3))
    notes = [
        np.sin(2 * np.pi * 220.0 * 2.0 ** (key / 12) * time + 2.0 * np.sin(2 * np.pi * 5 * time)) * np.exp(-3 * time)
        for key in keys
    ]
    return (0.3 * np.concatenate(notes)).astype(np.float32)


def drums(seconds: float) -> Samples:
    time = np.arange(SAMPLE_RATE_HZ // 4) / SAMPLE_RATE_HZ
    beats = np.tile(np.exp(-30.0 * time), round(4 * seconds))
    return (5.0 * noise(beats.size / SAMPLE_RATE_HZ) * beats).astype(np.float32)


SOUNDS = {
    "silence": silence(SECONDS),
    "noise": noise(SECONDS),
    "quiet noise": 0.01 * noise(SECONDS),
    "rumble": rumble(SECONDS),
    "hum": hum(SECONDS),
    "chords": chords(SECONDS),
    "melody": melody(SECONDS),
    "drums": drums(SECONDS),
}


@pytest.mark.parametrize("sound", SOUNDS)
@pytest.mark.parametrize("language", ["", "en"])
async def test_what_is_no_speech_has_no_words(stub: Any, sound: str, language: str) -> None:
    answer = await recognised(stub, SOUNDS[sound], language=language)
    assert answer.transcript == ""


@pytest.mark.parametrize("sound", SOUNDS)
async def test_what_is_no_speech_has_no_words_live(stub: Any, sound: str) -> None:
    answers = stub.StreamingRecognize(_stream(wav(SOUNDS[sound])))
    finals = [answer.final.transcript async for answer in answers if answer.HasField("final")]
    assert not any(finals)


async def _stream(audio: bytes) -> AsyncIterator[StreamingRecognizeRequest]:
    yield StreamingRecognizeRequest(config=StreamingConfig())
    for begin in range(0, len(audio), 8192):
        yield StreamingRecognizeRequest(audio=audio[begin : begin + 8192])


@pytest.mark.parametrize(("peak_db", "reasons"), [(-48, []), (-53, ["TOO_QUIET"]), (-62, ["TOO_QUIET"])])
async def test_speech_so_quiet_that_words_are_missing_has_a_warning(
    stub: Any, voices: Voices, peak_db: float, reasons: list[str]
) -> None:
    sound = voices.say("hibari/heart", OLD_MAN).samples
    quiet = (sound / np.abs(sound).max() * 10 ** (peak_db / 20)).astype(np.float32)
    answer = await recognised(stub, quiet, language="en")
    assert [warning.reason for warning in answer.warnings] == reasons
    missing = word_errors(words(OLD_MAN), words(answer.transcript))
    assert bool(missing) == bool(reasons)
