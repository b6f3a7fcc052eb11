"""The engine knnvc: each frame becomes one of the target's, and a voice is learned without training."""

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from voicebox_conversion.engine import Options, Samples
from voicebox_conversion.engines.knnvc import import_vocoder, voice
from voicebox_conversion.engines.knnvc.engine import KnnVcEngine, KnnVcFamily
from voicebox_conversion.engines.knnvc.matching import matched
from voicebox_conversion.engines.knnvc.trainer import KnnVcTrainer
from voicebox_conversion.engines.knnvc.vocoder import HOP_SAMPLES, load
from voicebox_conversion.manifest import read_manifest
from voicebox_kit.errors import InvalidField, Precondition, StartError
from voicebox_models.engine import Downloadable, Setup
from voicebox_models.trainer import OwnTurn

from bench.recordings import FOLDER
from tests.engines.tiny_rvc import write_encoder, write_vocoder

from .conftest import tone

RATE = 16_000


@pytest.fixture
def engine(tmp_path) -> KnnVcEngine:
    write_vocoder(write_encoder(tmp_path / "knnvc" / "wavlm-large", "wavlm", layers=7))
    (found,) = KnnVcFamily(Setup("cpu", "auto", tmp_path)).engines()
    return found


def streamed(session, pieces: list[Samples]) -> Samples:
    return np.concatenate([*(session.push(piece) for piece in pieces), session.finish()])


@pytest.mark.parametrize("is_live", [True, False])
def test_a_stream_does_not_depend_on_how_it_is_cut(engine: KnnVcEngine, is_live: bool) -> None:
    spoken, speech, options = engine.learn(tone(2.0, rate=RATE)), tone(1.3, rate=RATE)[:-7], Options(is_live=is_live)
    pieces = [speech[begin : begin + 333] for begin in range(0, len(speech), 333)]
    one, other = (streamed(engine.open(spoken, options), each) for each in ([speech], pieces))
    assert len(one) == len(other) == len(speech)
    np.testing.assert_allclose(other, one, atol=1e-5)


def test_speech_becomes_frames_of_the_target() -> None:
    target = torch.randn(60, 8, generator=torch.Generator().manual_seed(1))
    features = 3 * target[:5]  # the length does not matter
    made = matched(features, target, 1.0)
    expected = torch.stack([target[torch.cosine_similarity(each, target).topk(4).indices].mean(0) for each in features])
    torch.testing.assert_close(made, expected)
    torch.testing.assert_close(matched(features, target, 0.0), features)
    many = torch.randn(600, 8)
    torch.testing.assert_close(matched(many, target, 1.0)[500:], matched(many[500:], target, 1.0))


def test_strength_is_how_much_of_a_frame_is_replaced(engine: KnnVcEngine) -> None:
    spoken, speech = engine.learn(tone(2.0, 220.0, RATE)), tone(0.6, 110.0, RATE)
    none, half, whole = (streamed(engine.open(spoken, Options(strength=each)), [speech]) for each in (0.0, 0.5, 1.0))
    np.testing.assert_array_equal(half, whole)
    assert np.abs(none - half).max() > 1e-3
    with pytest.raises(InvalidField, match="its own pitch"):
        engine.open(spoken, Options(pitch_semitones=1.0))


def test_silence_teaches_nothing(engine: KnnVcEngine) -> None:
    with pytest.raises(Precondition, match=r"0\.\d s of speech"):
        engine.learn(np.concatenate([tone(0.5, rate=RATE), np.zeros(3 * RATE, np.float32)]))
    assert len(engine.learn(np.concatenate([tone(1.2, rate=RATE), np.zeros(RATE, np.float32)])).frames) < 70


def test_a_voice_is_trained_and_survives_its_file(engine: KnnVcEngine, tmp_path) -> None:
    recordings = [FOLDER / "LJ001-0001.wav"]
    trainer = KnnVcTrainer({"VOICEBOX_MODELS": str(tmp_path)})
    result = trainer.train(recordings, {"name": "Reader", "consent": "Yes."}, tmp_path, lambda _: None, OwnTurn())
    manifest = read_manifest((tmp_path / "manifest.json").read_bytes())
    assert (manifest.engine, manifest.consent, manifest.sample_rate_hz) == ("knnvc", "Yes.", RATE)
    again = engine.voice(tmp_path / result.files[1])
    again.write(tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == (tmp_path / result.files[1]).read_bytes()
    assert len(streamed(engine.open(again, Options()), [tone(0.3, rate=RATE)])) == 0.3 * RATE


def test_a_file_of_other_tensors_is_no_voice(tmp_path) -> None:
    frames = torch.zeros(9, 24, dtype=torch.float16)
    for tensors in (
        {"features": frames.float()},
        {"features": frames[0]},
        {"features": frames * torch.nan},
        {"features": frames, "more": frames.clone()},
        {"frames": frames},
    ):
        save_file(tensors, tmp_path / "voice")
        with pytest.raises(InvalidField):
            voice.read(tmp_path / "voice", "cpu")


def test_the_vocoder_is_brought_by_a_person_and_read_confined(tmp_path) -> None:
    folder = write_encoder(tmp_path / "knnvc" / "wavlm-large", "wavlm", layers=7)
    (engine,) = KnnVcFamily(Setup("cpu", "auto", tmp_path)).engines()
    assert not engine.files.present
    assert "prematch_g_02500000.pt" in engine.files.instructions
    assert isinstance(engine.files, Downloadable)
    with pytest.raises(Precondition, match="prematch"):
        engine.files.download(lambda _: None)
    weights = write_vocoder(folder)
    (folder / "hifigan.safetensors").unlink()
    torch.save({"generator": weights}, tmp_path / "g.pt")
    assert import_vocoder.main(tmp_path / "g.pt", folder) == ""
    assert engine.files.present
    made = load(folder, "cpu")(torch.zeros(1, 5, 24))
    assert made.shape == (1, 5 * HOP_SAMPLES)
    torch.save({"generator": {}}, tmp_path / "g.pt")
    assert "no weights" in import_vocoder.main(tmp_path / "g.pt", folder)


def test_a_vocoder_of_another_encoder_is_refused(tmp_path) -> None:
    write_vocoder(write_encoder(tmp_path / "knnvc" / "wavlm-large", "wavlm", layers=7), features=20)
    (engine,) = KnnVcFamily(Setup("cpu", "auto", tmp_path)).engines()
    with pytest.raises(StartError, match="20 features, not 24"):
        engine.load()
