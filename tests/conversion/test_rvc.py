"""The engine rvc: published checkpoints fit, streams do not depend on how they are cut, and voices are voices."""

import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from voicebox_conversion.engine import Options, Samples
from voicebox_conversion.engines.rvc import index, loaded, voice
from voicebox_conversion.engines.rvc.checkpoint import converted
from voicebox_conversion.engines.rvc.config import PUBLISHED as CONFIGS
from voicebox_conversion.engines.rvc.engine import RvcEngine, RvcFamily
from voicebox_conversion.engines.rvc.generator import SINE, excitation
from voicebox_conversion.engines.rvc.loaded import LoadedRvc
from voicebox_conversion.engines.rvc.pitch import PitchLine, SwiftPitch, in_frames, steps
from voicebox_conversion.engines.rvc.session import ENGINE_HZ, RvcSession
from voicebox_conversion.engines.rvc.synthesizer import Synthesizer
from voicebox_conversion.engines.rvc.voice import RvcVoice
from voicebox_conversion.engines.speech.noise import noise
from voicebox_conversion.engines.speech.weights import parameter_count
from voicebox_kit.errors import InvalidField, Precondition, StartError, Unsupported
from voicebox_models.engine import Setup

from tests.engines.tiny_rvc import PUBLISHED, TINY, checkpoint, shapes, values, write_encoder

from .conftest import tone

MAX_BYTES = 1 << 20
COUNTS = {32_000: 28_034_882, 40_000: 27_514_690, 48_000: 28_694_338}


class Steady:
    """A tracker that finds the same pitch everywhere."""

    def track(self, samples: Samples) -> Samples:
        return np.full(len(samples) // 160, 150.0, np.float32)


@pytest.fixture(scope="module")
def shared(tmp_path_factory) -> LoadedRvc:
    return loaded.load(write_encoder(tmp_path_factory.mktemp("encoder")), "cpu", Steady())


def stored(file: Path, vectors: bool = True, pitch_hz: float = 0.0, **changes) -> RvcVoice:
    """A tiny voice, through its file."""
    config, tensors = converted(checkpoint(**changes), MAX_BYTES)
    drawn = torch.randn(40, TINY.features, generator=torch.Generator().manual_seed(2)).half()
    voice.write(file, config, tensors, drawn if vectors else None, pitch_hz)
    return voice.read(file, "cpu")


def cut(samples: Samples, *sizes: int) -> list[Samples]:
    edges = np.cumsum([0, *(sizes * (len(samples) // sum(sizes) + 1))])
    return [samples[begin:end] for begin, end in pairwise(edges) if begin < len(samples)]


def streamed(session: RvcSession, pieces: list[Samples]) -> Samples:
    return np.concatenate([*(session.push(piece) for piece in pieces), session.finish()])


@pytest.mark.parametrize("rate_hz", [32_000, 40_000, 48_000])
def test_a_published_checkpoint_has_the_shapes_of_ours(rate_hz: int) -> None:
    """457 tensors, of which those with a length and a direction become one."""
    given = shapes(PUBLISHED, rate_hz)
    plain = {name.replace("weight_v", "weight"): shape for name, shape in given.items() if not name.endswith("_g")}
    weight = {name: torch.empty(shape, dtype=torch.float16) for name, shape in given.items()}
    config = converted({"weight": weight, "config": values(PUBLISHED, rate_hz), "f0": 1, "version": "v2"}, 1 << 30)[0]
    with torch.device("meta"):
        synthesizer = Synthesizer(config)
    assert len(given) == 457
    assert {name: tuple(each.shape) for name, each in synthesizer.state_dict().items()} == plain
    assert config == CONFIGS[rate_hz]
    assert parameter_count(synthesizer) == COUNTS[rate_hz]
    assert config.hop_samples == rate_hz // 100


@pytest.mark.parametrize(
    ("has_pitch", "rate_hz", "is_live"),
    [(True, 32_000, True), (True, 40_000, False), (True, 48_000, True), (False, 40_000, True)],
)
def test_a_stream_does_not_depend_on_how_it_is_cut(
    shared: LoadedRvc, tmp_path, has_pitch: bool, rate_hz: int, is_live: bool
) -> None:
    spoken = stored(tmp_path / "voice", rate_hz=rate_hz, has_pitch=has_pitch)
    speech, options = tone(0.9, rate=ENGINE_HZ)[:-77], Options(is_live=is_live)
    made = [streamed(RvcSession(shared, spoken, options), pieces) for pieces in ([speech], cut(speech, 1, 9000, 333))]
    assert [len(each) for each in made] == [len(speech)] * 2
    np.testing.assert_allclose(made[1], made[0], atol=1e-5)
    assert 1e-4 < np.abs(made[0]).max() <= 1.0


@pytest.mark.parametrize("seconds", [0.0, 0.001, 0.5])
def test_as_many_samples_come_as_went_in(shared: LoadedRvc, tmp_path, seconds: float) -> None:
    speech = tone(seconds, rate=ENGINE_HZ)
    assert len(streamed(RvcSession(shared, stored(tmp_path / "voice"), Options()), [speech])) == len(speech)


def test_live_speech_is_near_that_of_a_file(shared: LoadedRvc, tmp_path) -> None:
    """The sine and the noise are those of the place in the stream; only the context of the encoder is another. The
    levels are within 1.5 dB in the median.
    """
    spoken, speech = stored(tmp_path / "voice"), tone(3.0, rate=ENGINE_HZ)
    one, other = (
        streamed(RvcSession(shared, spoken, Options(is_live=is_live)), [speech])[ENGINE_HZ:-ENGINE_HZ]
        for is_live in (True, False)
    )
    levels = [np.sqrt((each.reshape(-1, 4800) ** 2).mean(axis=1)) for each in (one, other)]
    assert np.median(np.abs(20 * np.log10(levels[0] / levels[1]))) < 1.5
    assert np.corrcoef(one, other)[0, 1] > 0.6


def test_the_same_seed_gives_the_same_samples(shared: LoadedRvc, tmp_path) -> None:
    spoken, speech = stored(tmp_path / "voice"), tone(0.4, rate=ENGINE_HZ)
    one, same, other = (streamed(RvcSession(shared, spoken, Options(), seed), [speech]) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert np.abs(one - other).max() > 1e-3


def test_noise_belongs_to_its_place() -> None:
    whole = noise(1, 0, 0, 300, 4)
    np.testing.assert_array_equal(noise(1, 0, 50, 200, 4), whole[50:250])
    assert abs(whole.mean()) < 0.1
    assert whole.std() == pytest.approx(1.0, abs=0.1)


def test_the_sine_has_its_pitch_and_goes_on_from_window_to_window() -> None:
    f0, rate, silent = np.full(50, 200.0, np.float32), 40_000, torch.zeros(1, 50 * 400)
    line = PitchLine()
    line.decide(f0)
    _, turns = line.window(0, np.zeros(0, np.float32))
    whole = excitation(torch.from_numpy(turns)[None], torch.from_numpy(f0)[None], silent, rate)[0, 0]
    expected = SINE * torch.sin(2 * math.pi * 200 * torch.arange(1, 20_001, dtype=torch.float64) / rate)
    torch.testing.assert_close(whole.double(), expected, atol=1e-4, rtol=0)
    _, later = line.window(20, np.zeros(0, np.float32))
    np.testing.assert_allclose(later, turns[20:], atol=1e-6)


def test_the_pitch_becomes_that_of_the_voice(shared: LoadedRvc, tmp_path) -> None:
    """Its own mean where it is known, else the speaker's, and what is asked for."""
    for pitch_hz, semitones, expected in ((0.0, 0.0, 1.0), (0.0, 12.0, 2.0), (300.0, 0.0, 2.0), (300.0, -12.0, 1.0)):
        session = RvcSession(shared, stored(tmp_path / "v", pitch_hz=pitch_hz), Options(pitch_semitones=semitones))
        session.begin(tone(2.0, rate=ENGINE_HZ))
        assert session._factor() == pytest.approx(expected, rel=0.05)


def test_what_a_voice_cannot_do_is_refused(shared: LoadedRvc, tmp_path) -> None:
    with pytest.raises(InvalidField, match="without a pitch"):
        RvcSession(shared, stored(tmp_path / "voice", has_pitch=False), Options(pitch_semitones=1.0))
    other = loaded.load(write_encoder(tmp_path / "other", hidden=16), "cpu", Steady())
    with pytest.raises(Precondition, match="24 features, not 16"):
        RvcSession(other, stored(tmp_path / "voice"), Options())


def test_swift_f0_finds_the_pitch_of_a_tone() -> None:
    found = SwiftPitch().track(tone(1.0, hertz=180.0, rate=16_000))
    assert len(found) == 100
    assert np.median(found[found > 0]) == pytest.approx(180.0, rel=0.01)
    assert not SwiftPitch().track(np.zeros(16_000, np.float32)).any()


def test_pitches_become_frames_and_steps() -> None:
    made = in_frames(np.array([0.0, 0.016, 0.032, 0.048]), np.array([100.0, 121.0, 0.0, 0.0]), 5)
    np.testing.assert_allclose(made, [100.0, 100 * 1.21 ** (10 / 16), 121.0, 0.0, 0.0], rtol=1e-5)
    assert list(steps(np.array([0.0, 50.0, 1100.0], np.float32))) == [1, 1, 255]


def test_the_index_draws_features_towards_its_vectors() -> None:
    vectors = torch.randn(30, 6, generator=torch.Generator().manual_seed(3))
    features = vectors[:4] + 0.01
    torch.testing.assert_close(index.drawn(features, vectors, 0.0), features)
    drawn = index.drawn(features, vectors, 1.0)
    assert (drawn - vectors[:4]).norm() < 0.2 * (features + 1 - vectors[:4]).norm()
    torch.testing.assert_close(index.drawn(features, vectors, 0.5), (features + drawn) / 2)


def test_a_voice_survives_its_file(tmp_path) -> None:
    config, tensors = converted(checkpoint(), MAX_BYTES)
    for name in ("one", "two"):
        voice.write(tmp_path / name, config, tensors, None, 150.0)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    again = voice.read(tmp_path / "one", "cpu")
    assert (again.config, again.pitch_hz, again.vectors) == (config, 150.0, None)
    assert again.size_bytes == 4 * parameter_count(again.synthesizer)


def test_a_file_of_other_tensors_is_no_voice(tmp_path) -> None:
    file = tmp_path / "voice"
    stored(file)
    whole, tensors = file.read_bytes(), load_file(file)
    for damaged in (b"", whole[:1000], whole.replace(b'"rvc"', b'"rvx"'), whole.replace(b"emb_g", b"emb_x")):
        file.write_bytes(damaged)
        with pytest.raises(InvalidField):
            voice.read(file, "cpu")
    config = converted(checkpoint(), MAX_BYTES)[0]
    nan = tensors | {"emb_g.weight": torch.full((3, 6), torch.nan)}
    wide = tensors | {voice.INDEX: torch.zeros(4, 7)}
    for given in (nan, wide, tensors | {"more": torch.zeros(2)}):
        save_file(given, file, voice.metadata(config, 0.0))
        with pytest.raises(InvalidField):
            voice.read(file, "cpu")


def test_the_engine_finds_its_models_and_learns_nothing_at_once(tmp_path) -> None:
    family = RvcFamily(Setup("cpu", "auto", tmp_path))
    (engine,) = family.engines()
    assert (engine.model.name, engine.files.present, engine.device) == ("rvc/contentvec", False, "cpu")
    assert len(engine.model.revision) == 40
    with pytest.raises(StartError, match="download"):
        engine.load()
    with pytest.raises(Unsupported):
        engine.learn(tone(1.0))
    write_encoder(tmp_path / "rvc" / "contentvec")
    engine.load()
    assert engine.loaded
    with pytest.raises(InvalidField):
        engine.open(object(), Options())
    session = engine.open(stored(tmp_path / "voice"), Options())
    assert len(streamed(session, [tone(0.3, rate=RvcEngine.sample_rate_hz)])) == 0.3 * ENGINE_HZ
    engine.unload()
