"""Orpheus through the public path, with random weights: streams, voices, and what happens when things go wrong."""

import json
import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from voicebox_kit.errors import InvalidField, NotFound, StartError, Unavailable
from voicebox_models.engine import Setup
from voicebox_tts.engine import Description, Samples, Style
from voicebox_tts.engines.orpheus.engine import OrpheusEngine
from voicebox_tts.engines.orpheus.family import family
from voicebox_tts.engines.orpheus.frame_generator import FrameGenerator
from voicebox_tts.engines.orpheus.model import tokenizer
from voicebox_tts.normalization.preparation import Preparation

PLAIN = Style()
SENTENCE = "Four hours of steady work faced us, and then we went home."
SHORT = "Hello there."
DEADLINE_SECONDS = 60
TAGS = ("laugh", "chuckle", "sigh", "cough", "sniffle", "groan", "yawn", "gasp")


def opened(folder: Path, model: str = "base", **options: str) -> OrpheusEngine:
    engine = family(Setup("cpu", "auto", folder.parent, options=options)).engine(f"orpheus/{model}")
    assert engine is not None
    return engine


@pytest.fixture(scope="module")
def orpheus(tiny_orpheus: Path) -> Iterator[OrpheusEngine]:
    engine = opened(tiny_orpheus, streams="4")
    engine.load()
    yield engine
    engine.unload()


def speak(engine: OrpheusEngine, *sentences: str, voice: Any = "tara", style: Style = PLAIN, seed: int = 1) -> Samples:
    with closing(engine.open(voice, style, seed)) as session:
        pieces = [speech.samples for sentence in sentences for speech in session.speak(sentence)]
    return np.concatenate([np.zeros(0, np.float32), *pieces])


@pytest.mark.parametrize("chunk_frames", ["1", "2,3", "64"])
def test_streamed_and_whole_are_the_same_samples(tiny_orpheus: Path, orpheus: OrpheusEngine, chunk_frames: str) -> None:
    other = opened(tiny_orpheus, chunk_frames=chunk_frames)
    np.testing.assert_allclose(speak(other, SENTENCE), speak(orpheus, SENTENCE), rtol=0, atol=1e-4)
    other.unload()


def test_the_first_sound_is_one_frame(orpheus: OrpheusEngine) -> None:
    with closing(orpheus.open("tara", PLAIN, 1)) as session:
        assert len(next(session.speak(SENTENCE)).samples) == 2048


def test_the_same_seed_gives_the_same_samples_alone_and_among_eight(orpheus: OrpheusEngine) -> None:
    voices = ["tara", "leo", "zoe", "dan"] * 2
    alone = [speak(orpheus, SHORT, voice=voice, seed=seed) for seed, voice in enumerate(voices)]
    start = threading.Barrier(8)

    def together(seed: int) -> Samples:
        start.wait(DEADLINE_SECONDS)
        return speak(orpheus, SHORT, voice=voices[seed], seed=seed)

    with ThreadPoolExecutor(8) as executor:
        for one, other in zip(alone, executor.map(together, range(8)), strict=True):
            np.testing.assert_allclose(one, other, rtol=0, atol=1e-4)
    assert len({samples.tobytes() for samples in alone}) == 8


def test_a_voice_and_a_tag_make_a_difference(orpheus: OrpheusEngine) -> None:
    outputs = [
        speak(orpheus, SHORT),
        speak(orpheus, SHORT, voice="leo"),
        speak(orpheus, "Hello <laugh> there."),
        speak(orpheus, "Hello <sigh> there."),
    ]
    assert len({samples.tobytes() for samples in outputs}) == len(outputs)


@pytest.mark.parametrize("tag", TAGS)
def test_a_tag_of_a_plain_text_reaches_the_model(
    orpheus: OrpheusEngine, tag: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[str] = []
    prompt = tokenizer.TextTokenizer.prompt

    def noted(self: tokenizer.TextTokenizer, voice: str, words: str) -> list[int]:
        given.append(words)
        return prompt(self, voice, words)

    monkeypatch.setattr(tokenizer.TextTokenizer, "prompt", noted)
    preparation = Preparation("en", reads_itself=True)
    speak(orpheus, preparation.prepare(f"Well, <{tag}> I never."))
    assert given[0] == f"Well, <{tag}> I never."
    assert preparation.warnings == []


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows there were at each step that any model makes."""
    made: list[int] = []
    step = FrameGenerator.step

    def counted(self: FrameGenerator, count: int, advancing: Any) -> Any:
        made.append(count)
        return step(self, count, advancing)

    monkeypatch.setattr(FrameGenerator, "step", counted)
    return made


def test_a_stream_that_is_closed_stops_within_one_frame(tiny_orpheus: Path, steps: list[int]) -> None:
    endless = opened(tiny_orpheus, "endless", chunk_frames="1")
    closed, other = (endless.open("tara", PLAIN, seed).speak(SENTENCE) for seed in (1, 2))
    next(closed)
    next(other)
    closed.close()
    at_close = len(steps)
    for _ in range(10):
        next(other)
    assert 1 in steps[at_close:]
    assert steps[at_close:].count(2) <= 1
    other.close()
    endless.unload()


def test_a_model_that_runs_away_is_cut_off_and_that_is_reported(tiny_orpheus: Path) -> None:
    endless = opened(tiny_orpheus, "endless")
    with closing(endless.open("tara", PLAIN, 1)) as session:
        made = list(session.speak(SHORT))
    assert "cut off" in made[-1].warnings[0]
    assert sum(len(speech.samples) for speech in made) / 24_000 < 10
    endless.unload()


def test_text_longer_than_a_piece_is_spoken_to_the_end(orpheus: OrpheusEngine) -> None:
    text = " ".join([SENTENCE] * 3)
    assert len(speak(orpheus, text)) > len(speak(orpheus, SENTENCE))


def test_what_is_open_when_a_model_is_unloaded_fails_and_another_is_loaded(tiny_orpheus: Path) -> None:
    engine = opened(tiny_orpheus, "endless")
    speech = engine.open("tara", PLAIN, 1).speak(SENTENCE)
    next(speech)
    engine.unload()
    with pytest.raises(Unavailable):
        list(speech)
    assert not engine.loaded
    assert len(speak(engine, SHORT)) > 0
    engine.unload()


def test_whose_voice_it_cannot_speak_with_is_reported(orpheus: OrpheusEngine) -> None:
    for name in ("ryan", "", "../tara", "TARA"):
        with pytest.raises(NotFound, match="tara, leah, jess, leo, dan, mia, zac, zoe"):
            orpheus.open(name, PLAIN, 1)
    with pytest.raises(InvalidField) as refused:
        orpheus.open(Description("a calm old man"), PLAIN, 1)
    assert refused.value.reason == "CLONING_UNSUPPORTED"


@pytest.mark.parametrize(
    ("style", "field"),
    [
        (Style(speed=1.1), "style.speed"),
        (Style(pitch_semitones=1), "style.pitch_semitones"),
        (Style(instructions="Whisper."), "style.instructions"),
        (Style(language="de"), "style.language"),
    ],
)
def test_what_it_cannot_honour_is_named(orpheus: OrpheusEngine, style: Style, field: str) -> None:
    with pytest.raises(InvalidField) as refused:
        orpheus.open("tara", style, 1)
    assert refused.value.field == field


def spoiled(tiny_orpheus: Path, tmp_path: Path, spoil: Callable[[Path], object]) -> OrpheusEngine:
    folder = Path(shutil.copytree(tiny_orpheus / "base", tmp_path / "orpheus" / "mine"))
    spoil(folder)
    return opened(tmp_path / "orpheus", "mine")


def rewritten(name: str, change: dict[str, Any]) -> Callable[[Path], object]:
    def rewrite(folder: Path) -> None:
        path = folder / name
        path.write_text(json.dumps(json.loads(path.read_text()) | change))

    return rewrite


def removed(name: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).unlink()


def pickled(folder: Path) -> None:
    (folder / "snac" / "model.safetensors").rename(folder / "snac" / "pytorch_model.bin")


def as_pickle(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def cut_off(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (removed("tokenizer.json"), "has no tokenizer.json"),
        (removed("snac/config.json"), "has no snac/config.json.*hubertsiuzdak/snac_24khz"),
        (pickled, "snac.conversion .* converts in a confined process"),
        (as_pickle, "holds pytorch_model.bin and no model.safetensors. Pickles are never read"),
        (cut_off, "bytes: fetch it again"),
        (rewritten("config.json", {"vocab_size": 128256}), "a Llama without Orpheus's codes"),
        (rewritten("config.json", {"model_type": "qwen3"}), "its model_type is 'qwen3'"),
        (rewritten("config.json", {"attention_bias": True}), "biases"),
        (rewritten("config.json", {"rope_scaling": {"rope_type": "yarn"}}), "scaled positions"),
        (rewritten("config.json", {"hidden_size": None}), "complete Orpheus model"),
        (rewritten("config.json", {"num_hidden_layers": 3}), "no weights model.layers.2"),
        (rewritten("config.json", {"intermediate_size": 48}), "have the shape"),
        (rewritten("config.json", {"tie_word_embeddings": False}), "no weights lm_head.weight"),
        (lambda folder: (folder / "tokenizer.json").write_text("{}"), "tokenizer .* cannot be read"),
        (rewritten("snac/config.json", {"vq_strides": [2, 1]}), "SNAC codec of three layers"),
    ],
)
def test_a_broken_model_is_a_start_error_that_says_what_is_wrong(
    tiny_orpheus: Path, tmp_path: Path, spoil: Callable[[Path], object], sentence: str
) -> None:
    with pytest.raises(StartError, match=sentence):
        spoiled(tiny_orpheus, tmp_path, spoil).load()


def test_a_model_in_parts_is_the_same(tiny_orpheus: Path, tmp_path: Path, orpheus: OrpheusEngine) -> None:
    from safetensors.torch import load_file, save_file

    def split(folder: Path) -> None:
        tensors = load_file(folder / "model.safetensors")
        names = sorted(tensors)
        parts = {"model-00001-of-00002.safetensors": names[:5], "model-00002-of-00002.safetensors": names[5:]}
        for file, own in parts.items():
            save_file({name: tensors[name] for name in own}, folder / file)
        index = {"weight_map": {name: file for file, own in parts.items() for name in own}}
        (folder / "model.safetensors.index.json").write_text(json.dumps(index))
        (folder / "model.safetensors").unlink()

    engine = spoiled(tiny_orpheus, tmp_path, split)
    np.testing.assert_allclose(speak(engine, SHORT), speak(orpheus, SHORT), rtol=0, atol=1e-4)
    engine.unload()


@pytest.mark.gpu
def test_on_a_gpu_streams_speak_together_and_repeat(tiny_orpheus: Path) -> None:
    engine = family(Setup("cuda", "auto", tiny_orpheus.parent)).engine("orpheus/base")
    assert engine is not None
    engine.load()
    with ThreadPoolExecutor(8) as executor:
        made = list(executor.map(lambda seed: speak(engine, SENTENCE, seed=seed % 4), range(8)))
    assert all(len(samples) for samples in made)
    assert engine.memory_bytes > 0
    engine.unload()
