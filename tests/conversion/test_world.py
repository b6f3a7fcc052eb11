"""The engine world: streams do not depend on how they are cut, live speech is near a file's, and voices are voices."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from voicebox_conversion.engine import Options, Samples
from voicebox_conversion.engines.world.engine import WorldEngine
from voicebox_conversion.engines.world.session import WorldSession, limited, statistics_of
from voicebox_conversion.engines.world.statistics import RunningStatistics
from voicebox_conversion.engines.world.synthesis import Synthesizer
from voicebox_conversion.engines.world.vocoder import HOP_SAMPLES, SAMPLE_RATE_HZ, analysed
from voicebox_conversion.engines.world.voice import Learner, WorldVoice, read
from voicebox_kit.errors import InvalidField, Precondition

from .conftest import tone


def cut(samples: Samples, *sizes: int) -> list[Samples]:
    """Pieces of these sizes, again and again."""
    edges = np.cumsum([0, *(sizes * (len(samples) // sum(sizes) + 1))])
    return [samples[begin:end] for begin, end in pairwise(edges) if begin < len(samples)]


def streamed(session: WorldSession, pieces: list[Samples]) -> Samples:
    return np.concatenate([*(session.push(piece) for piece in pieces), session.finish()])


@pytest.mark.parametrize("options", [Options(), Options(is_live=True), Options(strength=1.0), Options(strength=0.0)])
def test_a_stream_does_not_depend_on_how_it_is_cut(reader: WorldVoice, man: Samples, options: Options) -> None:
    speech = man[: 3 * SAMPLE_RATE_HZ + 77]
    made = [
        streamed(WorldSession(reader.target, options), pieces)
        for pieces in ([speech], cut(speech, 480), cut(speech, 1, 5_000, 333))
    ]
    assert [len(each) for each in made] == [len(speech)] * 3
    for other in made[1:]:
        np.testing.assert_allclose(other, made[0], atol=1e-4)


@pytest.mark.parametrize("seconds", [0.0, 0.001, 0.2])
def test_as_many_samples_come_as_went_in(reader: WorldVoice, seconds: float) -> None:
    for options in (Options(), Options(is_live=True)):
        speech = tone(seconds)
        assert len(streamed(WorldSession(reader.target, options), [speech])) == len(speech)


def test_live_speech_is_that_of_a_file(reader: WorldVoice, man: Samples) -> None:
    """With the same statistics: the pitch within half a semitone and the envelope within 2 dB, in the median."""
    man = man[: 4 * SAMPLE_RATE_HZ]
    known = statistics_of(man, reader.target.statistics)
    live, whole = (
        streamed(WorldSession(reader.target, Options(is_live=is_live), known), [man]) for is_live in (True, False)
    )
    count = len(man) // HOP_SAMPLES - 50
    one, other = (analysed(made, 0, count) for made in (live, whole))
    assert np.mean(one.is_voiced != other.is_voiced) < 0.1
    both = one.is_voiced & other.is_voiced
    semitones = 12 * np.abs(np.log2(one.f0_hz[both] / other.f0_hz[both]))
    assert np.median(semitones) < 0.5
    decibels = 10 * np.abs(np.log10(one.power[both] / other.power[both]))
    assert np.median(decibels) < 2.0


def test_the_pitch_becomes_that_of_the_voice(reader: WorldVoice, man: Samples) -> None:
    def mean_pitch(samples: Samples) -> float:
        frames = analysed(samples, 0, len(samples) // HOP_SAMPLES - 50)
        return float(np.log(frames.f0_hz[frames.is_voiced]).mean())

    semitone, man = np.log(2) / 12, man[: 4 * SAMPLE_RATE_HZ]
    for shift in (0.0, -5.0):
        session = WorldEngine("cpu").open(reader, Options(pitch_semitones=shift))
        session.begin(man)
        made = np.concatenate([session.push(man), session.finish()])
        assert abs(mean_pitch(made) - reader.target.statistics.pitch_mean - shift * semitone) < 1.5 * semitone


def test_silence_stays_silent(reader: WorldVoice) -> None:
    for options in (Options(), Options(is_live=True), Options(strength=1.0)):
        made = streamed(WorldSession(reader.target, options), [np.zeros(SAMPLE_RATE_HZ, np.float32)])
        assert np.abs(made).max() < 1e-3


def test_strange_audio_stays_finite_and_within_full_scale(reader: WorldVoice) -> None:
    noise = np.random.default_rng(3).uniform(-1, 1, SAMPLE_RATE_HZ).astype(np.float32)
    click = np.zeros(SAMPLE_RATE_HZ, np.float32)
    click[5000] = 1.0
    for audio in (noise, click, np.ones(SAMPLE_RATE_HZ, np.float32), np.sign(tone(1.0))):
        made = streamed(WorldSession(reader.target, Options(strength=1.0, is_live=True)), [audio])
        assert np.isfinite(made).all()
        assert np.abs(made).max() <= 1.0


def test_a_voice_survives_its_file(reader: WorldVoice, man: Samples, tmp_path) -> None:
    reader.write(tmp_path / "one")
    again = read(tmp_path / "one")
    again.write(tmp_path / "two")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    speech = man[:SAMPLE_RATE_HZ]
    one, two = (streamed(WorldSession(voice.target, Options(strength=0.8)), [speech]) for voice in (reader, again))
    np.testing.assert_array_equal(one, two)


def test_a_file_of_other_tensors_is_no_voice(reader: WorldVoice, tmp_path) -> None:
    file = tmp_path / "voice"
    reader.write(file)
    whole = file.read_bytes()
    for damaged in (b"", whole[:1000], whole.replace(b"projection", b"projectiox")):
        file.write_bytes(damaged)
        with pytest.raises(InvalidField):
            read(file)
    statistics = reader.target.statistics
    for change in ({"pitch_mean": np.nan}, {"pitch_deviation": 0.0}, {"mean": statistics.mean[1:]}):
        WorldVoice(replace(reader.target, statistics=replace(statistics, **change))).write(file)
        with pytest.raises(InvalidField):
            read(file)


def test_too_little_speech_makes_no_voice() -> None:
    learner = Learner()
    learner.add(np.zeros(3 * SAMPLE_RATE_HZ, np.float32))
    learner.add(tone(0.5))
    with pytest.raises(Precondition, match=r"0\.\d s of voiced speech"):
        learner.voice()


def test_the_statistics_of_a_stream_are_those_of_the_whole(man: Samples) -> None:
    frames = analysed(man, 0, len(man) // HOP_SAMPLES - 50)
    running = RunningStatistics()
    for begin in range(0, len(frames.f0_hz), 7):
        running.add(frames.between(slice(begin, begin + 7)))
    voiced = np.log(frames.f0_hz[frames.is_voiced])
    assert running.current().pitch_mean == pytest.approx(voiced.mean())
    assert running.current().pitch_deviation == pytest.approx(voiced.std())


def test_the_synthesizer_makes_what_was_analysed() -> None:
    """A tone keeps its pitch and its level."""
    speech = tone(2.0)
    frames = analysed(speech, 0, 350)
    made = Synthesizer().push(frames.f0_hz, frames.power, frames.aperiodicity)
    again = analysed(made, 20, 300)
    assert np.median(again.f0_hz) == pytest.approx(150.0, rel=0.01)
    assert np.sqrt((made**2).mean()) == pytest.approx(np.sqrt((speech**2).mean()), rel=0.3)


def test_loud_samples_are_bent_below_full_scale() -> None:
    samples = np.array([-7.0, -0.5, 0.0, 0.9, 1.1, 3.0], np.float32)
    bent = limited(samples)
    assert np.abs(bent).max() <= 1.0
    assert (np.diff(bent) >= 0).all()
    np.testing.assert_array_equal(bent[1:4], samples[1:4])
