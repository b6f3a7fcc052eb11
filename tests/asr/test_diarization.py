"""Who speaks when: of voices that are made up, of synthetic voices, and of real people."""

import itertools
import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import grpc
import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray
from voicebox.asr.v1 import asr_pb2, asr_pb2_grpc
from voicebox_asr.diarization.clustering import average_linkage, cluster
from voicebox_asr.diarization.diarizer import Diarizer
from voicebox_asr.diarization.speaker_encoder import Embeddings, SpeakerEngine, Windows
from voicebox_asr.engine import SAMPLE_RATE_HZ, Hypothesis, Samples, Word
from voicebox_asr.engines.ge2e import encoder
from voicebox_asr.engines.ge2e.weights import read_tensors
from voicebox_asr.results.utterance import Utterance
from voicebox_audio.resample import Resampler
from voicebox_kit import plugins

from .conftest import silence, wav

TEXT = (
    "Printing in the only sense with which we are at present concerned differs from most if not from all the arts "
    "and crafts. "
    "The weather is very nice today, and we would like to go for a long walk along the river before dinner. "
    "Please open the window and close the door, since it is getting rather warm in here."
)


@dataclass
class LevelSpeakers:
    """Three voices, distinguished by their levels: 0.1, 0.2, 0.3. A window's embedding says how much of it is
    whose.
    """

    name: str = "level"
    missing: str = ""
    window_samples: int = 8 * 3200
    same_speaker_similarity: float = 0.8

    def embed(self, windows: Windows) -> Embeddings:
        shares = np.stack([np.isclose(windows, 0.1 * voice).mean(axis=1) for voice in (1, 2, 3)], axis=1) + 1e-6
        return np.asarray(shares / np.linalg.norm(shares, axis=1, keepdims=True), np.float32)


@dataclass(frozen=True)
class Turn:
    """Somebody speaks."""

    speaker: str
    start_seconds: float
    end_seconds: float


def talk(turns: Sequence[tuple[str, Samples]], pause_seconds: float) -> tuple[Samples, list[Turn]]:
    """Stretches of speech one after the other, and who speaks when."""
    pieces, truth, at = [], [], 0.0
    for speaker, sound in turns:
        truth.append(Turn(speaker, at, at + sound.size / SAMPLE_RATE_HZ))
        pieces += [sound, silence(pause_seconds)]
        at += sound.size / SAMPLE_RATE_HZ + silence(pause_seconds).size / SAMPLE_RATE_HZ
    return np.concatenate(pieces), truth


def recognised(truth: Sequence[Turn], *, in_one: bool = False, words: bool = True) -> list[Utterance]:
    """What a perfect recogniser returns: words of 0.3 to 0.6 s, one utterance for each turn, or one for all of them."""
    spoken = []
    for turn in truth:
        edges = np.linspace(
            turn.start_seconds, turn.end_seconds, max(2, int((turn.end_seconds - turn.start_seconds) / 0.4) + 1)
        )
        spoken.append(
            [
                Word(f"{turn.speaker}{n}", start, end, None)
                for n, (start, end) in enumerate(itertools.pairwise(edges.tolist()))
            ]
        )
    utterances = [list(itertools.chain(*spoken))] if in_one else spoken
    return [
        Utterance(
            index,
            Hypothesis(" ".join(word.text for word in each), None, tuple(each) if words else ()),
            each[0].start_seconds,
            each[-1].end_seconds,
        )
        for index, each in enumerate(utterances)
    ]


def diarize(
    engine: SpeakerEngine, sound: Samples, utterances: Sequence[Utterance], minimum: int = 1, maximum: int = 20
) -> list[Utterance]:
    diarizer = Diarizer(engine)
    for start in range(0, sound.size, 7_000):
        for _ in diarizer.process(sound[start : start + 7_000]):
            pass
    return list(diarizer.finish(utterances, minimum, maximum))


def error(truth: Sequence[Turn], labelled: Sequence[Utterance]) -> float:
    """The share of the spoken time that is given to the wrong speaker, when labels are given to speakers as well as can
    be.
    """
    speakers, labels = sorted({turn.speaker for turn in truth}), sorted({utterance.speaker for utterance in labelled})
    seconds = np.zeros((len(speakers), max(len(labels), len(speakers))))
    for utterance, turn in itertools.product(labelled, truth):
        for word in utterance.hypothesis.words:
            both = min(turn.end_seconds, word.end_seconds) - max(turn.start_seconds, word.start_seconds)
            seconds[speakers.index(turn.speaker), labels.index(utterance.speaker)] += max(0.0, both)
    right = max(
        sum(seconds[row, column] for row, column in enumerate(order))
        for order in itertools.permutations(range(seconds.shape[1]), len(speakers))
    )
    return 1.0 - right / seconds.sum()


def level(voice: int, seconds: float) -> tuple[str, Samples]:
    return "abc"[voice - 1], np.full(round(seconds * SAMPLE_RATE_HZ), 0.1 * voice, np.float32)


DIALOGUE = [level(2, 3.0), level(1, 4.0), level(2, 2.5), level(3, 5.0), level(1, 3.0)]


@pytest.mark.parametrize("in_one", [False, True])
def test_speakers_are_named_in_the_order_of_their_first_words(in_one: bool) -> None:
    sound, truth = talk(DIALOGUE, 0.5)
    labelled = diarize(LevelSpeakers(), sound, recognised(truth, in_one=in_one))
    assert [each.speaker for each in labelled] == ["speaker-1", "speaker-2", "speaker-1", "speaker-3", "speaker-2"]
    assert [each.index for each in labelled] == [0, 1, 2, 3, 4]
    assert error(truth, labelled) == 0.0


def test_an_utterance_is_split_where_the_speaker_changes() -> None:
    sound, truth = talk(DIALOGUE[:2], 0.3)
    (whole,) = recognised(truth, in_one=True)
    first, second = diarize(LevelSpeakers(), sound, [whole])
    assert f"{first.hypothesis.text} {second.hypothesis.text}" == whole.hypothesis.text
    assert first.hypothesis.words + second.hypothesis.words == whole.hypothesis.words
    assert (first.start_seconds, second.end_seconds) == (whole.start_seconds, whole.end_seconds)
    assert first.end_seconds <= second.start_seconds
    assert {word.text[0] for word in first.hypothesis.words} == {"b"}


def test_texts_without_spaces_are_split_too() -> None:
    sound, truth = talk(DIALOGUE[:2], 0.3)
    (whole,) = recognised(truth, in_one=True)
    joined = Utterance(
        0,
        Hypothesis("".join(word.text for word in whole.hypothesis.words), None, whole.hypothesis.words),
        0.0,
        whole.end_seconds,
    )
    parts = diarize(LevelSpeakers(), sound, [joined])
    assert "".join(part.hypothesis.text for part in parts) == joined.hypothesis.text


def test_an_utterance_without_word_times_goes_to_who_speaks_most_of_it() -> None:
    sound, truth = talk([level(1, 6.0), level(2, 2.0), level(2, 4.0)], 0.2)
    whole = Utterance(0, Hypothesis("a b", None, ()), 0.0, truth[1].end_seconds)
    labelled = diarize(LevelSpeakers(), sound, [whole, recognised(truth, words=False)[2]])
    assert [each.speaker for each in labelled] == ["speaker-1", "speaker-2"]
    assert labelled[0].hypothesis == whole.hypothesis


def test_single_words_do_not_change_the_speaker() -> None:
    sound, truth = talk([level(1, 5.0), level(2, 0.3), level(1, 5.0)], 0.0)
    assert [each.speaker for each in diarize(LevelSpeakers(), sound, recognised(truth, in_one=True))] == ["speaker-1"]


@pytest.mark.parametrize("maximum", [1, 2, 3])
def test_there_are_no_more_speakers_than_requested(maximum: int) -> None:
    sound, truth = talk(DIALOGUE, 0.5)
    assert (
        len({each.speaker for each in diarize(LevelSpeakers(), sound, recognised(truth), maximum=maximum)}) == maximum
    )


def test_one_voice_stays_one_speaker() -> None:
    sound, truth = talk([level(1, 4.0)] * 5, 0.5)
    assert {each.speaker for each in diarize(LevelSpeakers(), sound, recognised(truth))} == {"speaker-1"}


def test_nothing_recognised_has_no_speakers_and_a_single_short_word_has_one() -> None:
    assert diarize(LevelSpeakers(), silence(3.0), []) == []
    assert diarize(LevelSpeakers(), silence(0.0), []) == []
    sound, truth = talk([level(1, 0.2)], 0.0)
    assert [each.speaker for each in diarize(LevelSpeakers(), sound, recognised(truth))] == ["speaker-1"]


def test_what_is_kept_of_a_long_file_is_small() -> None:
    diarizer = Diarizer(LevelSpeakers())
    second = level(1, 1.0)[1]
    for _ in range(1_000):
        for _ in diarizer.process(second):
            pass
        assert diarizer._rest.size < 20 * SAMPLE_RATE_HZ


def voices(count: int, each: int, seed: int = 1) -> tuple[Embeddings, NDArray[np.intp]]:
    draw = np.random.default_rng(seed)
    centres = np.eye(16)[:count]
    labels = np.tile(np.arange(count), each)
    noisy = centres[labels] + draw.normal(0, 0.1, (labels.size, 16))
    return np.asarray(noisy / np.linalg.norm(noisy, axis=1, keepdims=True), np.float32), labels


def test_average_linkage_joins_the_nearest_first() -> None:
    embeddings, labels = voices(3, 20)
    merges = average_linkage(embeddings)
    similarities = [similarity for similarity, _, _ in merges]
    assert len(merges) == len(embeddings) - 1
    assert similarities == sorted(similarities, reverse=True)
    assert all(labels[one] == labels[other] for _, one, other in merges[:-2])
    assert similarities[-2] < 0.3 < similarities[-3]


@pytest.mark.parametrize("count", [1, 2, 5, 12])
def test_as_many_voices_are_found_as_there_are(count: int) -> None:
    embeddings, _ = voices(count, 30)
    assert cluster(embeddings, 0.5, 1, 20).shape == (count, 16)
    assert len(cluster(embeddings, 0.5, 1, 3)) == min(count, 3)
    assert len(cluster(embeddings, 0.5, count + 2, 20)) >= count


def test_ten_thousand_embeddings_are_no_burden() -> None:
    embeddings, _ = voices(4, 2_500)
    assert len(cluster(embeddings, 0.5, 1, 20)) == 4


def test_a_single_embedding_is_one_voice() -> None:
    assert cluster(voices(1, 1)[0], 0.5, 1, 20).shape == (1, 16)
    assert len(cluster(voices(1, 2)[0], 0.5, 1, 20)) == 1


@pytest.fixture(scope="module")
def engine() -> SpeakerEngine:
    engine: SpeakerEngine = plugins.load("voicebox.asr.speakers", "ge2e")()
    assert not engine.missing
    return engine


@pytest.fixture(scope="module")
def synthetic() -> dict[str, Samples]:
    """Twenty seconds of each of flite's voices, equally loud."""
    from voicebox_tts.engine import Style
    from voicebox_tts.engines.flite.engine import FliteEngine

    tts = FliteEngine()
    sounds = {}
    for voice in ("slt", "rms", "kal16"):
        session = tts.open(voice, Style(), 1)
        sounds[voice] = level_to(np.concatenate([piece.samples for piece in session.speak(TEXT)]))
        session.close()
    return sounds


@pytest.fixture(scope="module")
def real(speech_data: object) -> dict[str, Samples]:
    """Two real people."""
    return {"LJ": recording(speech_data, "LJ001-0003.wav"), "JFK": recording(speech_data, "jfk.flac")}


def recording(speech_data: object, name: str) -> Samples:
    sound, rate = soundfile.read(speech_data.path(name), dtype="float32")  # type: ignore[attr-defined]  # tests/conftest.py's SpeechData
    mono = sound if sound.ndim == 1 else sound.mean(axis=1)
    resampler = Resampler(rate, SAMPLE_RATE_HZ)
    return level_to(np.concatenate([resampler.push(mono), resampler.finish()]))


def level_to(sound: Samples) -> Samples:
    """The sound at a level of 0.05, without the silence at its ends."""
    loud = np.flatnonzero(np.abs(sound) > 0.05 * np.abs(sound).max())
    inner = sound[loud[0] : loud[-1]]
    return np.asarray(inner * 0.05 / np.sqrt(np.mean(inner**2)), np.float32)


def alternating(sounds: dict[str, Samples], seconds: float) -> list[tuple[str, Samples]]:
    """Two turns of each, in turn."""
    size = round(seconds * SAMPLE_RATE_HZ)
    return [(name, sound[turn * size : (turn + 1) * size]) for turn in range(2) for name, sound in sounds.items()]


@pytest.mark.parametrize("in_one", [False, True])
def test_synthetic_voices_are_distinguished(engine: SpeakerEngine, synthetic: dict[str, Samples], in_one: bool) -> None:
    sound, truth = talk(alternating(synthetic, 4.0), 0.3)
    labelled = diarize(engine, sound, recognised(truth, in_one=in_one))
    assert len({each.speaker for each in labelled}) == 3
    assert error(truth, labelled) < 0.05


@pytest.mark.parametrize("in_one", [False, True])
def test_real_people_are_distinguished(engine: SpeakerEngine, real: dict[str, Samples], in_one: bool) -> None:
    sound, truth = talk(alternating(real, 4.0), 0.3)
    labelled = diarize(engine, sound, recognised(truth, in_one=in_one))
    assert len({each.speaker for each in labelled}) == 2
    assert error(truth, labelled) < 0.1


def test_a_real_person_is_one_speaker(engine: SpeakerEngine, real: dict[str, Samples]) -> None:
    for name, sound in real.items():
        both, truth = talk([(name, sound[: 4 * SAMPLE_RATE_HZ]), (name, sound[4 * SAMPLE_RATE_HZ :])], 0.5)
        assert {each.speaker for each in diarize(engine, both, recognised(truth))} == {"speaker-1"}


def test_three_voices_become_two_speakers_when_two_are_requested(
    engine: SpeakerEngine, synthetic: dict[str, Samples]
) -> None:
    sound, truth = talk(alternating(synthetic, 4.0), 0.3)
    assert {each.speaker for each in diarize(engine, sound, recognised(truth), maximum=2)} == {"speaker-1", "speaker-2"}


def test_embeddings_have_length_one_whatever_is_recognised(engine: SpeakerEngine) -> None:
    noise = np.random.default_rng(1).standard_normal(engine.window_samples).astype(np.float32)
    windows = np.stack([noise, np.zeros_like(noise), noise * 1e-6])
    assert np.allclose(np.linalg.norm(engine.embed(windows), axis=1), 1.0, atol=1e-3)


def test_untrusted_weights_run_nothing(tmp_path: Path) -> None:
    forged = tmp_path / "pretrained.pt"
    forged.write_bytes(pickle.dumps(print))
    with pytest.raises(pickle.UnpicklingError, match="print"):
        read_tensors(forged)


async def test_a_file_reports_its_speakers_over_grpc(
    stub: asr_pb2_grpc.SpeechToTextServiceStub, engine: SpeakerEngine, synthetic: dict[str, Samples]
) -> None:
    sound, _ = talk(alternating({name: synthetic[name] for name in ("slt", "kal16")}, 5.0), 1.2)
    config = asr_pb2.RecognitionConfig(word_offsets=True, diarization=asr_pb2.Diarization(enabled=True))
    answer = await stub.Recognize(asr_pb2.RecognizeRequest(config=config, audio=wav(sound)))
    assert answer.speaker_count == 2
    assert answer.utterances[0].speaker == "speaker-1"
    assert {utterance.speaker for utterance in answer.utterances} == {"speaker-1", "speaker-2"}
    assert all(word.speaker == utterance.speaker for utterance in answer.utterances for word in utterance.words)
    assert answer.transcript == " ".join(utterance.transcript for utterance in answer.utterances)


async def test_without_the_engine_speakers_are_a_failed_precondition(
    stub: asr_pb2_grpc.SpeechToTextServiceStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoder, "_weights_file", lambda: None)
    config = asr_pb2.RecognitionConfig(diarization=asr_pb2.Diarization(enabled=True))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.Recognize(asr_pb2.RecognizeRequest(config=config, audio=wav(silence(1.0))))
    assert caught.value.code() == grpc.StatusCode.FAILED_PRECONDITION
    assert "Resemblyzer" in str(caught.value.details())
    assert (await stub.Recognize(asr_pb2.RecognizeRequest(audio=wav(silence(1.0))))).speaker_count == 0


async def test_speakers_of_separate_channels_are_refused(stub: asr_pb2_grpc.SpeechToTextServiceStub) -> None:
    config = asr_pb2.RecognitionConfig(separate_channels=True, diarization=asr_pb2.Diarization(enabled=True))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.Recognize(asr_pb2.RecognizeRequest(config=config, audio=wav(silence(1.0))))
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert "separate_channels" in str(caught.value.details())
