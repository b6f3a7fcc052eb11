"""One utterance: chunks in order, joined they are the file; sizes and offsets hold at every rate and encoding."""

from dataclasses import replace

import numpy as np
import pytest
from voicebox_audio.encoding.encoder import open_encoder
from voicebox_audio.encoding.encodings import Encoding
from voicebox_audio.pcm import from_s16le
from voicebox_tts.engine import Style
from voicebox_tts.job import UNPROCESSED, Processing
from voicebox_tts.synthesis.utterance import CHUNK_SECONDS, Utterance

from .conftest import ToneSession


class Copy:
    def __init__(self) -> None:
        self.samples: list[np.ndarray] = []

    def write(self, samples) -> None:
        self.samples.append(samples)


def spoken(engine, sentences, rate=16_000, encoding=Encoding.PCM_S16LE, keeper=None):
    utterance = Utterance(engine.open("low", Style(), 0), open_encoder(encoding, rate), rate, keeper)
    chunks = [chunk for sentence in sentences for chunk in utterance.speak(sentence)] + list(utterance.finish())

    return utterance, chunks


def test_chunks_are_numbered_and_their_offsets_follow_their_durations(engine):
    utterance, chunks = spoken(engine, ["hello there", "again"])
    assert [chunk.sequence for chunk in chunks] == list(range(len(chunks)))
    ends = np.cumsum([chunk.duration_seconds for chunk in chunks])
    assert np.allclose([chunk.offset_seconds for chunk in chunks[1:]], ends[:-1])
    assert utterance.sample_count == 15 * 800
    assert max(chunk.duration_seconds for chunk in chunks) <= CHUNK_SECONDS


def test_the_first_chunk_is_the_engines_first_piece_and_later_ones_grow(engine):
    _, chunks = spoken(engine, ["abcdefghijklmnop"])
    assert chunks[0].duration_seconds == 0.05
    assert chunks[-2].duration_seconds == CHUNK_SECONDS


def test_every_word_comes_once_not_after_its_audio(engine):
    _, chunks = spoken(engine, ["abcdefgh"])
    assert [word.text for chunk in chunks for word in chunk.words] == list("abcdefgh")
    for chunk in chunks:
        assert all(word.start_seconds >= chunk.offset_seconds - 1e-9 for word in chunk.words)


@pytest.mark.parametrize("rate", [8_000, 22_050, 24_000, 44_100, 48_000])
def test_the_requested_rate_changes_the_count_not_the_length(engine, rate):
    keeper = Copy()
    utterance, chunks = spoken(engine, ["abcdefgh"], rate, keeper=keeper)
    assert abs(utterance.sample_count - 0.4 * rate) <= 2
    audio = from_s16le(b"".join(chunk.audio for chunk in chunks))
    assert len(audio) == utterance.sample_count
    assert np.abs(audio - np.concatenate(keeper.samples)).max() < 1e-4


def test_the_audio_does_not_depend_on_how_it_is_cut_into_sentences(engine):
    _, whole = spoken(engine, ["abcdefgh"], 22_050)
    _, cut = spoken(engine, ["abc", "de", "fgh"], 22_050)
    assert b"".join(chunk.audio for chunk in whole) == b"".join(chunk.audio for chunk in cut)


def test_nothing_to_say_gives_no_chunk_not_even_a_header(engine):
    for encoding in Encoding:
        _, chunks = spoken(engine, ["..."], 48_000, encoding)
        assert chunks == []


def test_closing_in_the_middle_closes_the_engine(engine):
    utterance = Utterance(engine.open("low", Style(), 0), open_encoder(Encoding.WAV, 16_000), 16_000, None)
    chunks = utterance.speak("abcdefgh")
    next(chunks)
    assert engine.running == 1
    chunks.close()
    assert engine.running == 0


def test_a_pause_is_silence_of_its_exact_length_and_times_go_on_behind_it(engine):
    for rate in (8_000, 16_000, 44_100):
        utterance = Utterance(engine.open("low", Style(), 0), open_encoder(Encoding.PCM_S16LE, rate), rate, None)
        before = list(utterance.speak("ab"))
        utterance.mark("m")
        pause = list(utterance.pause(0.4321))
        after = [*utterance.speak("c"), *utterance.finish()]
        samples = from_s16le(b"".join(chunk.audio for chunk in [*before, *pause, *after]))
        assert abs(len(samples) - round(0.15 * rate) - round(0.4321 * rate)) <= 2
        begin = round(0.1 * rate) + 1
        assert not samples[begin : begin + round(0.4321 * rate) - 2].any()
        marks = [mark for chunk in [*before, *pause, *after] for mark in chunk.marks]
        assert [mark.name for mark in marks] == ["m"]
        assert marks[0].seconds == pytest.approx(0.1, abs=1 / rate)
        word = next(word for chunk in after for word in chunk.words)
        assert word.start_seconds == pytest.approx(0.5321, abs=2 / rate)


def test_a_mark_at_the_end_comes_in_a_chunk_without_audio(engine):
    utterance = Utterance(engine.open("low", Style(), 0), open_encoder(Encoding.PCM_S16LE, 16_000), 16_000, None)
    list(utterance.speak("ab"))
    utterance.mark("end")
    (last,) = utterance.finish()
    assert (last.audio, last.marks[0].name, last.marks[0].seconds) == (b"", "end", 0.1)


@pytest.mark.parametrize("rate", [16_000, 22_050])
def test_sessions_take_turns_and_their_words_have_the_streams_times(engine, rate):
    one, two = engine.open("low", Style(), 0), engine.open("high", Style(), 0)
    utterance, chunks = Utterance(one, open_encoder(Encoding.PCM_S16LE, rate), rate, None), []
    for session, text in [(one, "ab"), (two, "cd"), (one, "ef")]:
        utterance.hand_over(session)
        chunks += utterance.speak(text)
    chunks += utterance.finish()
    words = [(word.text, word.start_seconds) for chunk in chunks for word in chunk.words]
    assert [text for text, _ in words] == list("abcdef")
    assert np.allclose([start for _, start in words], np.arange(6) * 0.05, atol=3 / rate)
    assert abs(utterance.sample_count - 0.3 * rate) <= 4


@pytest.mark.parametrize(
    "processing",
    [Processing(trim_silence=True), Processing(loudness_lufs=-23.0), Processing(-23.0, -6.0, trim_silence=True)],
)
@pytest.mark.parametrize("rate", [8_000, 16_000])
def test_words_keep_to_their_sound_whatever_is_done_to_it(engine, processing, rate):
    plain, utterance = (
        Utterance(engine.open("low", Style(), 0), open_encoder(Encoding.PCM_S16LE, rate), rate, None, each)
        for each in (UNPROCESSED, processing)
    )
    heard = []
    for one in (plain, utterance):
        chunks = [*one.pause(0.5), *one.speak("ab"), *one.pause(0.3), *one.speak("c"), *one.finish()]
        samples = from_s16le(b"".join(chunk.audio for chunk in chunks))
        assert one.sample_count == len(samples)
        loud = np.flatnonzero(np.abs(samples) > 0.05 * np.abs(samples).max())
        heard.append(([word for chunk in chunks for word in chunk.words], loud[0] / rate, loud[-1] / rate))
    (before, began, ended), (after, begins, ends) = heard
    assert [word.text for word in after] == [word.text for word in before] == list("abc")
    assert ends - begins == pytest.approx(ended - began, abs=0.01)
    for old, new in zip(before, after, strict=True):
        assert new.start_seconds - begins == pytest.approx(old.start_seconds - began, abs=0.01)
    assert begins == pytest.approx(0.02 if processing.trim_silence else 0.5, abs=0.01)


def test_each_voice_has_its_own_gain(engine):
    one, two = engine.open("low", Style(), 0), engine.open("high", Style(), 0)
    processing = Processing(loudness_lufs=-30.0)
    utterance = Utterance(one, open_encoder(Encoding.PCM_S16LE, 16_000), 16_000, None, processing)
    chunks = list(utterance.speak("aaaaaaaa"))
    two.speak = lambda text: (replace(piece, samples=piece.samples / 8) for piece in ToneSession(engine).speak(text))
    utterance.hand_over(two)
    chunks += [*utterance.speak("aaaaaaaa"), *utterance.finish()]
    samples = from_s16le(b"".join(chunk.audio for chunk in chunks))
    loud, soft = samples[: len(samples) // 2], samples[len(samples) // 2 :]
    assert np.abs(soft).max() == pytest.approx(np.abs(loud).max(), rel=0.05)


def test_what_follows_an_interruption_begins_where_speech_was_cut(engine):
    keeper = Copy()
    utterance = Utterance(engine.open("low", Style(), 0), open_encoder(Encoding.PCM_S16LE, 16_000), 16_000, keeper)
    speech = utterance.speak("abcdefgh")
    while abs(keeper.samples[-1][-1] if keeper.samples else 0.0) < 0.05:
        next(speech)
    speech.close()
    utterance.drop()
    before = len(keeper.samples)
    list(utterance.pause(0.1))
    cut, silence = keeper.samples[before - 1], np.concatenate(keeper.samples[before:])
    assert abs(silence[0] - cut[-1]) < 1e-3
    assert np.abs(np.diff(silence)).max() < 0.02
    assert not silence[80:].any()
