"""Adapters of Qwen3-TTS: trained, imported, merged at load, and spoken with."""

import asyncio
import io
import json
import shutil
import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from prometheus_client import CollectorRegistry
from voicebox_kit.errors import InvalidField, NotFound
from voicebox_models.adapters import adapter, archive, checkpoint_archive, dataset
from voicebox_models.adapters.checkpoints import Checkpoints
from voicebox_models.adapters.registry import Adapters
from voicebox_models.engine import Setup
from voicebox_models.hub import Hub
from voicebox_models.models import Default, Models
from voicebox_tts.engine import Capability, Style
from voicebox_tts.engines.qwen3.family import Qwen3Family, family
from voicebox_tts.engines.qwen3.model import config

TEXT = "Hello from the training."
STEP = "000040"
SUPPORT = Path(__file__).parents[1] / "support"


@pytest.fixture
def voices(trained_qwen3: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Qwen3Family:
    """The base model, as `qwen3/base`."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    shutil.copytree(trained_qwen3 / "model", tmp_path / "models" / "qwen3" / "base")
    return family(Setup("cpu", "float32", tmp_path / "models", hub=Hub(offline=True), options={"streams": "2"}))


def published(voices: Qwen3Family, folder: Path, tmp_path: Path) -> str:
    """The name of the model that an adapter becomes."""
    base = voices.engine("qwen3/base")
    assert base is not None
    with ThreadPoolExecutor(1) as executor:
        models = Models("tts", [voices], Default(base), executor, CollectorRegistry())
        adapters = Adapters(tmp_path / "models", {"qwen3": voices}, models, lambda: datetime(2026, 1, 1, tzinfo=UTC))
        name, _ = asyncio.run(adapters.add(archive.packed(folder), "reader"))
    return name


def test_greedy_decoding_speaks_the_memorised_utterance_to_the_bit(trained_qwen3: Path) -> None:
    import torch
    from voicebox_tts.engines.codec_models.recordings import prepared
    from voicebox_tts.engines.qwen3 import adapted
    from voicebox_tts.engines.qwen3.codec.decoder import CodecDecoder
    from voicebox_tts.engines.qwen3.model.language_model import LanguageModel
    from voicebox_tts.engines.qwen3.reference import Encoders
    from voicebox_tts.engines.qwen3.training.speaking import speak

    base, device = trained_qwen3 / "model", torch.device("cpu")
    found = adapter.find(trained_qwen3 / "trained" / "checkpoints" / STEP)
    assert found is not None
    settings = adapted.read_config(found, base)
    model = LanguageModel.load(
        base,
        settings,
        device,
        torch.float32,
        lambda weights: adapted.AdaptedWeights(weights, found, adapted.speaker_id(settings)),
    )
    codec = CodecDecoder.load(base, device)
    clip = dataset.read(trained_qwen3 / "dataset").trained[0]
    codes = Encoders.load(base, config.read(base), device).codec(prepared(*clip.samples(), 24_000))
    with torch.inference_mode():
        state = torch.zeros(1, codec.state_size)
        expected = codec(torch.from_numpy(codes)[None], state, torch.zeros(1, dtype=torch.int64))[0].numpy()
    assert np.array_equal(speak(model, codec, TEXT, "reader", "", seed=7), expected)


def test_the_service_speaks_with_the_voice_of_an_adapter(
    voices: Qwen3Family, trained_qwen3: Path, tmp_path: Path
) -> None:
    name = published(voices, trained_qwen3 / "trained" / "checkpoints" / STEP, tmp_path)
    engine, base = voices.engine(name), voices.engine("qwen3/base")
    assert engine is not None
    assert base is not None
    assert [voice.name for voice in engine.voices()] == ["reader"]
    assert Capability.CLONING not in engine.capabilities
    assert engine.model.source == "adapter of models/qwen3/base"
    assert engine.model.licence == "Apache-2.0"
    assert engine.memory_bytes == base.memory_bytes
    engine.load()
    session = engine.open("reader", Style(), 3)
    samples = np.concatenate([piece.samples for piece in session.speak(TEXT)])
    session.close()
    assert 0.5 < len(samples) / 24_000 <= 1.7
    with pytest.raises(NotFound):
        engine.open("other", Style(), 3)
    engine.unload()


def test_its_test_tells_who_follows_the_text(trained_qwen3: Path) -> None:
    results = {
        name: json.loads((trained_qwen3 / name / "result.json").read_text())
        for name in ("trained", "two-texts", "mixed-up")
    }
    assert results["trained"]["failure"] == ""
    assert results["two-texts"]["failure"] == ""
    assert "does not follow the text" in results["mixed-up"]["failure"]
    assert results["two-texts"]["metrics"]["text_margin"] > 100 * abs(results["mixed-up"]["metrics"]["text_margin"])
    for sample in results["trained"]["samples"]:
        assert (trained_qwen3 / "trained" / sample).stat().st_size > 10_000


def test_an_adapter_without_its_base_says_so(voices: Qwen3Family, trained_qwen3: Path, tmp_path: Path) -> None:
    name = published(voices, trained_qwen3 / "trained" / "checkpoints" / STEP, tmp_path)
    shutil.rmtree(tmp_path / "models" / "qwen3" / "base")
    engine = voices.engine(name)
    assert engine is not None
    with pytest.raises(Exception, match="its base, models/qwen3/base"):
        engine.load()


def test_a_training_goes_on_from_any_checkpoint_that_was_kept(trained_qwen3: Path, tmp_path: Path) -> None:
    async def packed() -> bytes:
        folder = trained_qwen3 / "trained" / "checkpoints" / "000020"
        return b"".join([block async for block in checkpoint_archive.packed(folder)])

    content = asyncio.run(packed())
    checkpoint_archive.unpack(io.BytesIO(content), Checkpoints(tmp_path / "resumed" / "checkpoints"), 20)
    program = f"""
import sys
sys.path.insert(0, {str(SUPPORT)!r})
from pathlib import Path
import trained_qwen3
made = Path({str(trained_qwen3)!r})
trained_qwen3.train(made / "model", made / "dataset", Path(sys.argv[1]))
"""
    command = [sys.executable, "-c", program, tmp_path / "resumed"]
    said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    assert said.startswith("step 21 of 40")
    curves = [
        json.loads((folder / "training.json").read_text())["losses"]
        for folder in (trained_qwen3 / "trained", tmp_path / "resumed")
    ]
    np.testing.assert_allclose(curves[0], curves[1], rtol=1e-3)


@pytest.mark.parametrize("lacking", ["state.safetensors", "numbers.json", "manifest.json"])
def test_what_is_no_checkpoint_is_refused(tmp_path: Path, lacking: str) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        for name in {*checkpoint_archive.NEEDED} - {lacking}:
            made.writestr(name, "{}")
    with pytest.raises(InvalidField, match="no checkpoint"):
        checkpoint_archive.unpack(file, Checkpoints(tmp_path), 20)
    assert not list(tmp_path.iterdir())
