"""Adapters of Whisper: trained, imported, merged at load, and used."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from voicebox_asr.engine import Decoding, Options, VoiceDetection
from voicebox_asr.engines.whisper.ct2_file import Ct2File
from voicebox_asr.engines.whisper.engine import WhisperEngine
from voicebox_kit.errors import AlreadyExists, Precondition
from voicebox_models.adapters import archive, dataset

from tests.adapters.conftest import Recogniser

SUPPORT = Path(__file__).parents[1] / "support"


def transcribed(engine: WhisperEngine, clip: dataset.Clip) -> str:
    """What an engine makes of a clip, greedily."""
    samples, _ = clip.samples()
    options = Options(
        language="en",
        voice_detection=VoiceDetection(off=True),
        decoding=Decoding(beam_size=1, temperatures=(0.0,)),
    )
    reader = engine.read(options)
    segments = [*reader.process(samples), *reader.finish()]
    reader.close()
    return " ".join(segment.hypothesis.text.strip() for segment in segments if segment)


def test_the_adapted_model_transcribes_what_it_was_trained_on_and_its_base_does_not(
    recogniser: Recogniser, checkpoint: Path, trained_whisper: Path
) -> None:
    name, _ = asyncio.run(recogniser.adapters.add(archive.packed(checkpoint), "tones"))
    assert name == "whisper/tones"
    clips = dataset.read(trained_whisper / "dataset")
    adapted, base = recogniser.family.engine(name), recogniser.family.engine("whisper/random")
    assert adapted is not None
    assert base is not None
    assert adapted in recogniser.family.engines()
    assert adapted.model.licence == "MIT"
    assert adapted.model.languages == base.model.languages
    assert adapted.model.revision.startswith("adapter-")
    assert adapted.memory_bytes == base.memory_bytes
    adapted.load()
    base.load()
    for clip in (*clips.held_out, clips.trained[0], clips.trained[-1]):
        assert transcribed(adapted, clip) == clip.text
        assert transcribed(base, clip) != clip.text


def test_what_the_trainer_measures_is_what_the_recogniser_does(trained_whisper: Path) -> None:
    result = json.loads((trained_whisper / "trained" / "result.json").read_text())
    assert result["failure"] == ""
    assert result["metrics"]["wer"] <= 0.4
    assert result["best_step"] == result["chosen_step"]
    numbers = json.loads((trained_whisper / "trained" / result["numbers"]).read_text())
    assert len(numbers["losses"]) == 150
    assert [each["step"] for each in numbers["checkpoints"]] == [50, 100, 150]


def test_shuffled_transcripts_do_not_pass(trained_whisper: Path) -> None:
    result = json.loads((trained_whisper / "mixed-up" / "result.json").read_text())
    assert "word error rate" in result["failure"]


def test_a_killed_training_goes_on_from_its_last_checkpoint(trained_whisper: Path, tmp_path: Path) -> None:
    program = f"""
import sys
sys.path.insert(0, {str(SUPPORT)!r})
from pathlib import Path
import trained_whisper
options = {{**trained_whisper.OPTIONS, "steps": "8", "checkpoint_every": "4", "batch_size": "1"}}
for folder in sys.argv[1:]:
    trained_whisper.train(
        Path({str(trained_whisper / "model")!r}), Path({str(trained_whisper / "dataset")!r}), Path(folder), options
    )
"""
    whole, resumed = tmp_path / "whole", tmp_path / "resumed"
    with subprocess.Popen([sys.executable, "-c", program, resumed], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        for line in process.stdout:
            if line.startswith("step 5 "):
                os.kill(process.pid, signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert (resumed / "checkpoints" / "000004").is_dir()
    both = [sys.executable, "-c", program, resumed, whole]
    again = subprocess.run(both, check=True, stdout=subprocess.PIPE, text=True)
    assert again.stdout.startswith("step 5 of 8")
    curves = [json.loads((folder / "training.json").read_text())["losses"] for folder in (whole, resumed)]
    assert np.allclose(*curves, rtol=1e-3)


def test_import_export_import_keeps_the_bytes(recogniser: Recogniser, checkpoint: Path) -> None:
    async def exported(name: str) -> bytes:
        return b"".join([block async for block in archive.packed(recogniser.adapters.find(name).folder)])

    async def round_trip() -> None:
        first, _ = await recogniser.adapters.add(archive.packed(checkpoint), "")
        content = await exported(first)
        assert content == b"".join([block async for block in archive.packed(checkpoint)])

        async def blocks() -> AsyncIterator[bytes]:
            yield content

        second, _ = await recogniser.adapters.add(blocks(), "other")
        assert await exported(second) == content
        assert await recogniser.adapters.add(blocks(), "other") == (second, recogniser.adapters.find(second))
        assert set(recogniser.adapters.all()) == {first, second}

    asyncio.run(round_trip())


def test_a_name_that_another_model_has_is_refused(recogniser: Recogniser, checkpoint: Path) -> None:
    for name in ("random", "small"):
        with pytest.raises(AlreadyExists):
            asyncio.run(recogniser.adapters.add(archive.packed(checkpoint), name))


def test_an_adapter_in_use_stays_and_is_gone_when_it_is_deleted(recogniser: Recogniser, checkpoint: Path) -> None:
    async def scenario() -> None:
        name, _ = await recogniser.adapters.add(archive.packed(checkpoint), "tones")
        engine = recogniser.models.find(f"models/{name}")
        async with recogniser.models.use(engine):
            # Another is published beside it while calls go on.
            await recogniser.adapters.add(archive.packed(checkpoint), "tones-2")
            await recogniser.models.load(recogniser.models.find("models/whisper/tones-2"))
            with pytest.raises(Precondition, match="use it"):
                await recogniser.adapters.delete(name)
            assert engine.loaded
        await recogniser.adapters.delete(name)
        assert not engine.loaded
        assert not engine.files.present
        assert list(recogniser.adapters.all()) == ["whisper/tones-2"]
        assert not list(recogniser.folder.glob(".adapter-*"))

    asyncio.run(scenario())


def test_an_adapter_of_other_weights_is_not_loaded(recogniser: Recogniser, checkpoint: Path) -> None:
    name, _ = asyncio.run(recogniser.adapters.add(archive.packed(checkpoint), "tones"))
    weights = recogniser.folder / "whisper" / "random" / "model.bin"
    Ct2File(weights).write(
        weights.with_suffix(".new"), {"encoder/conv1/weight": Ct2File(weights).tensor("encoder/conv1/weight") + 1}
    )
    weights.with_suffix(".new").rename(weights)
    with pytest.raises(Precondition, match="whose weights are others"):
        asyncio.run(recogniser.models.load(recogniser.models.find(f"models/{name}")))


def test_a_copy_of_a_model_file_is_the_same_file(trained_whisper: Path, tmp_path: Path) -> None:
    source = trained_whisper / "model" / "model.bin"
    Ct2File(source).write(tmp_path / "model.bin", {})
    assert (tmp_path / "model.bin").read_bytes() == source.read_bytes()
