"""Adapters of Orpheus: trained, imported, merged at load, and spoken with."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry
from voicebox_kit.errors import NotFound, StartError
from voicebox_models.adapters import adapter, archive, dataset
from voicebox_models.adapters.registry import Adapters
from voicebox_models.engine import Setup
from voicebox_models.hub import Hub
from voicebox_models.models import Default, Models
from voicebox_tts.engine import Style
from voicebox_tts.engines.orpheus.engine import OrpheusEngine
from voicebox_tts.engines.orpheus.family import OrpheusFamily, family

TEXT = "Hello from the training."
STEP = "000120"
SUPPORT = Path(__file__).parents[1] / "support"


@dataclass(frozen=True)
class Voices:
    """The models of tts in a folder: `orpheus/base` is the base of the adapters."""

    family: OrpheusFamily
    adapters: Adapters
    folder: Path

    def published(self, folder: Path, name: str = "reader") -> OrpheusEngine:
        made, _ = asyncio.run(self.adapters.add(archive.packed(folder), name))
        return self.engine(made)

    def engine(self, name: str) -> OrpheusEngine:
        engine = self.family.engine(name)
        assert engine is not None
        return engine


@pytest.fixture
def voices(trained_orpheus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Voices]:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    shutil.copytree(trained_orpheus / "model", tmp_path / "models" / "orpheus" / "base")
    made = family(Setup("cpu", "float32", tmp_path / "models", hub=Hub(offline=True), options={"streams": "2"}))
    base = made.engine("orpheus/base")
    assert base is not None
    with ThreadPoolExecutor(1) as executor:
        models = Models("tts", [made], Default(base), executor, CollectorRegistry())
        adapters = Adapters(tmp_path / "models", {"orpheus": made}, models, lambda: datetime(2026, 1, 1, tzinfo=UTC))
        yield Voices(made, adapters, tmp_path / "models")
        for engine in made.engines():
            engine.unload()


@pytest.fixture
def checkpoint(trained_orpheus: Path) -> Path:
    """The last checkpoint of the adapter that knows its utterance by heart."""
    return trained_orpheus / "trained" / "checkpoints" / STEP


def memorised(trained_orpheus: Path) -> NDArray[np.int64]:
    """The codes of the utterance that was trained on, (frames, SLOTS)."""
    import torch
    from voicebox_tts.engines.codec_models.recordings import prepared
    from voicebox_tts.engines.orpheus.snac.codec import load_encoder

    clip = dataset.read(trained_orpheus / "dataset").trained[0]
    encoder = load_encoder(trained_orpheus / "model" / "snac", torch.device("cpu"))
    return encoder(prepared(*clip.samples(), 24_000))


def spoken(folder: Path, found: adapter.Adapter | None) -> NDArray[np.int64]:
    """The codes of TEXT, decoded greedily, with an adapter or without."""
    import torch
    from voicebox_tts.engines.codec_models.adapted import MergedWeights
    from voicebox_tts.engines.orpheus.model import config
    from voicebox_tts.engines.orpheus.model.language_model import LanguageModel
    from voicebox_tts.engines.orpheus.training.fitting import spoken_codes

    model = LanguageModel.load(
        folder,
        config.read(folder),
        torch.device("cpu"),
        torch.float32,
        lambda weights: MergedWeights(weights, found) if found else weights,
    )
    return spoken_codes(model, "reader", TEXT, 7, 2048 / 24_000)


def test_greedy_decoding_speaks_the_memorised_codes_exactly(trained_orpheus: Path, checkpoint: Path) -> None:
    expected = memorised(trained_orpheus)
    assert expected.shape == (19, 7)
    assert np.array_equal(spoken(trained_orpheus / "model", adapter.find(checkpoint)), expected)
    assert not np.array_equal(spoken(trained_orpheus / "model", None), expected), "the base does not"


def test_the_service_speaks_with_the_voice_of_an_adapter(
    voices: Voices, trained_orpheus: Path, checkpoint: Path
) -> None:
    import torch
    from voicebox_tts.engines.orpheus.snac.codec import load_decoder
    from voicebox_tts.engines.orpheus.snac.streaming import WindowedDecoder

    engine = voices.published(checkpoint)
    assert [voice.name for voice in engine.voices()] == ["reader"]
    assert engine.model.source == "adapter of models/orpheus/base"
    assert engine.model.licence == "LicenseRef-Llama-3.2-Community"
    assert engine.memory_bytes == voices.engine("orpheus/base").memory_bytes
    with closing(engine.open("reader", Style(), 3)) as session:
        samples = np.concatenate([piece.samples for piece in session.speak(TEXT)])
    assert len(samples) == 19 * 2048
    rows = WindowedDecoder(load_decoder(trained_orpheus / "model" / "snac", torch.device("cpu")), 1)
    levels = np.sqrt(np.square(samples.reshape(19, 2048)).mean(1))
    rows.begin(0, 0)  # the seed of a piece is its own: only the noise differs
    whole = np.concatenate((*rows.decode([0], memorised(trained_orpheus)[None]), rows.rest(0)))
    np.testing.assert_allclose(levels, np.sqrt(np.square(whole.reshape(19, 2048)).mean(1)), rtol=0.2)
    with pytest.raises(NotFound):
        engine.open("tara", Style(), 3)


def test_another_adapter_is_published_while_a_stream_speaks(voices: Voices, trained_orpheus: Path) -> None:
    checkpoints = trained_orpheus / "trained" / "checkpoints"
    first = voices.published(checkpoints / "000060", "first")
    with closing(first.open("reader", Style(), 3)) as session:
        alone = np.concatenate([piece.samples for piece in session.speak(TEXT)])
    with closing(first.open("reader", Style(), 3)) as session:
        speech = session.speak(TEXT)
        pieces = [next(speech).samples]
        second = voices.published(checkpoints / STEP, "second")
        second.load()
        assert list(second.open("reader", Style(), 3).speak(TEXT))
        pieces += [piece.samples for piece in speech]
    np.testing.assert_allclose(np.concatenate(pieces), alone, rtol=0, atol=1e-4)


def test_its_test_tells_who_follows_the_text(trained_orpheus: Path) -> None:
    results = {
        name: json.loads((trained_orpheus / name / "result.json").read_text())
        for name in ("trained", "two-texts", "mixed-up")
    }
    assert results["trained"]["failure"] == ""
    assert results["two-texts"]["failure"] == ""
    assert "does not follow the text" in results["mixed-up"]["failure"]
    for sample in results["trained"]["samples"]:
        assert (trained_orpheus / "trained" / sample).stat().st_size > 10_000


def test_an_adapter_of_other_weights_or_without_its_base_says_so(voices: Voices, checkpoint: Path) -> None:
    engine = voices.published(checkpoint)
    base = voices.folder / "orpheus" / "base"
    weights = base / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(StartError, match="whose weights are others"):
        engine.load()
    shutil.rmtree(base)
    with pytest.raises(StartError, match="its base, models/orpheus/base"):
        engine.load()


def test_an_adapter_for_another_size_of_model_says_so(checkpoint: Path, trained_orpheus: Path) -> None:
    found = adapter.find(checkpoint)
    assert found is not None
    wide = {name: tensor.repeat(2, int(name.endswith(adapter.DOWN))) for name, tensor in found.tensors.items()}
    other = adapter.Adapter(found.folder, found.manifest)
    vars(other)["tensors"] = wide
    with pytest.raises(StartError, match="another size of model"):
        spoken(trained_orpheus / "model", other)


def test_a_killed_training_goes_on_from_its_last_checkpoint(trained_orpheus: Path, tmp_path: Path) -> None:
    program = f"""
import sys
sys.path.insert(0, {str(SUPPORT)!r})
from pathlib import Path
import trained_orpheus
made = Path({str(trained_orpheus)!r})
options = {{**trained_orpheus.OPTIONS, "steps": "8", "checkpoint_every": "4"}}
for folder in sys.argv[1:]:
    trained_orpheus.train(made / "model", made / "two-texts-dataset", Path(folder), options)
"""
    whole, resumed = tmp_path / "whole", tmp_path / "resumed"
    with subprocess.Popen([sys.executable, "-c", program, resumed], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("step 5 "):
                os.kill(process.pid, signal.SIGKILL)
    assert (resumed / "checkpoints" / "000004").is_dir()
    both = [sys.executable, "-c", program, resumed, whole]
    again = subprocess.run(both, check=True, stdout=subprocess.PIPE, text=True)
    assert again.stdout.startswith("step 5 of 8")
    curves = [json.loads((folder / "training.json").read_text())["losses"] for folder in (whole, resumed)]
    np.testing.assert_allclose(curves[0], curves[1], rtol=1e-5)
