"""Each folder that cannot be loaded says why, in a sentence, and before anything large is read."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from voicebox_kit.errors import StartError
from voicebox_tts.engines.qwen3.model import checkpoint, config
from voicebox_tts.engines.qwen3.model.config import Kind, SpeakerConfig
from voicebox_tts.engines.qwen3.model.language_model import LanguageModel


@pytest.fixture
def folder(tiny_qwen3: Path, tmp_path: Path) -> Path:
    """A copy of the tiny base model, to be spoiled."""
    return shutil.copytree(tiny_qwen3 / "base", tmp_path / "model")


def rewrite(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    document = json.loads(path.read_text("utf-8"))
    change(document)
    path.write_text(json.dumps(document))


def split(folder: Path) -> None:
    """The same model in two parts."""
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    names, files = sorted(weights), ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
    for number, file in enumerate(files):
        save_file({name: weights[name] for name in names[number::2]}, folder / file)
    index = {"metadata": {}, "weight_map": {name: files[place % 2] for place, name in enumerate(names)}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def load(folder: Path) -> LanguageModel:
    return LanguageModel.load(checkpoint.checked(folder), config.read(folder), torch.device("cpu"), torch.float32)


@pytest.mark.parametrize(
    ("name", "kind", "speakers", "instructed"),
    [
        ("base", Kind.BASE, (), False),
        ("custom-voice", Kind.CUSTOM_VOICE, ("vivian", "ryan", "eric"), True),
        ("voice-design", Kind.VOICE_DESIGN, (), True),
    ],
)
def test_a_whole_checkpoint_reports_what_it_is(
    tiny_qwen3: Path, name: str, kind: Kind, speakers: tuple[str, ...], instructed: bool
) -> None:
    folder = tiny_qwen3 / name

    assert checkpoint.problem(folder) is None
    assert checkpoint.kind(folder) is kind
    assert checkpoint.speakers(folder) == speakers
    assert checkpoint.languages(folder) == ("zh", "en", "de", "ja", "fr")
    assert config.read(folder).follows_instructions is instructed
    weights = [folder / "model.safetensors", folder / "speech_tokenizer" / "model.safetensors"]
    assert checkpoint.size_bytes(folder) == sum(path.stat().st_size for path in weights)


def test_the_small_custom_voice_model_follows_no_instructions(tiny_qwen3: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_qwen3 / "custom-voice", tmp_path / "model")
    rewrite(folder / "config.json", lambda document: document.update(tts_model_size="0b6"))

    assert not config.read(folder).follows_instructions


@pytest.mark.parametrize(
    ("tag", "name"), [("en", "english"), ("de-CH", "german"), ("ZH-hant", "chinese"), ("tlh", ""), ("it", "")]
)
def test_languages_have_the_model_s_names(tiny_qwen3: Path, tag: str, name: str) -> None:
    assert config.read(tiny_qwen3 / "base").language(tag) == name


def test_dialects_belong_to_speakers(tiny_qwen3: Path) -> None:
    reported = config.read(tiny_qwen3 / "custom-voice")

    assert reported.speakers["eric"] == SpeakerConfig(891, "sichuan_dialect")
    assert reported.speakers["ryan"].dialect == ""
    assert "sichuan_dialect" in reported.languages


def test_a_model_in_parts_is_the_same(folder: Path, tiny_qwen3: Path) -> None:
    whole = load(tiny_qwen3 / "base")
    split(folder)

    assert checkpoint.problem(folder) is None
    assert checkpoint.size_bytes(folder) > 0
    assert torch.equal(load(folder).codec_embeddings, whole.codec_embeddings)


@pytest.mark.parametrize("name", checkpoint.NEEDED)
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()

    assert checkpoint.problem(folder) == f"{folder} has no {name}."
    with pytest.raises(StartError, match="has no"):
        checkpoint.checked(folder)


def test_a_missing_part_is_named(folder: Path) -> None:
    split(folder)
    (folder / "model-00002-of-00002.safetensors").unlink()

    assert checkpoint.problem(folder) == f"{folder} has no model-00002-of-00002.safetensors."


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "model.ckpt", "weights.pkl"])
def test_pickles_are_never_read(folder: Path, name: str) -> None:
    (folder / "model.safetensors").rename(folder / name)

    assert checkpoint.problem(folder) == f"{folder} holds {name} and no model.safetensors. Pickles are never read."


@pytest.mark.parametrize("part", ["model.safetensors", "speech_tokenizer/model.safetensors"])
@pytest.mark.parametrize("kept_bytes", [0, 4, 100, -1])
def test_a_file_that_was_cut_off_is_reported(folder: Path, part: str, kept_bytes: int) -> None:
    content = (folder / part).read_bytes()
    (folder / part).write_bytes(content[:kept_bytes])

    sentence = checkpoint.problem(folder)

    assert sentence is not None
    assert str(folder / part) in sentence


def test_weights_that_are_no_safetensors_are_reported(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"\x80\x04\x95" + bytes(range(256)) * 40)

    assert checkpoint.problem(folder) == f"{folder / 'model.safetensors'} is not a safetensors file."


@pytest.mark.parametrize(
    "index",
    [
        "",
        "[]",
        "{}",
        '{"weight_map": {}}',
        '{"weight_map": {"a": "../elsewhere.safetensors"}}',
        '{"weight_map": {"a": "model.bin"}}',
    ],
)
def test_an_index_that_names_no_parts_is_reported(folder: Path, index: str) -> None:
    (folder / "model.safetensors.index.json").write_text(index)

    assert (
        checkpoint.problem(folder) == f"{folder / 'model.safetensors.index.json'} does not name the parts of a model."
    )
    assert checkpoint.size_bytes(folder) == 0


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda document: document.update(model_type="whisper"), "is not that of a Qwen3-TTS model of 12 Hz"),
        (
            lambda document: document.update(tokenizer_type="qwen3_tts_tokenizer_25hz"),
            "is not that of a Qwen3-TTS model of 12 Hz",
        ),
        (lambda document: document.update(tts_model_type="singing"), "is not that of a complete Qwen3-TTS model"),
        (lambda document: document.pop("talker_config"), "is not that of a complete Qwen3-TTS model"),
        (lambda document: document.update(talker_config=[]), "is not that of a complete Qwen3-TTS model"),
        (lambda document: document["talker_config"].pop("hidden_size"), "is not that of a complete Qwen3-TTS model"),
        (lambda document: document["talker_config"].update(use_sliding_window=True), "that no released model has"),
        (
            lambda document: document["talker_config"].update(rope_scaling={"rope_type": "yarn"}),
            "which no released model has",
        ),
    ],
)
def test_a_configuration_of_something_else_is_reported(
    folder: Path, change: Callable[[dict[str, Any]], object], says: str
) -> None:
    rewrite(folder / "config.json", change)

    sentence = checkpoint.problem(folder)

    assert sentence is not None
    assert says in sentence


@pytest.mark.parametrize("content", ["", "[]", "\x00"])
@pytest.mark.parametrize("name", ["config.json", "generation_config.json"])
def test_files_that_are_no_json_are_reported(folder: Path, name: str, content: str) -> None:
    (folder / name).write_text(content)

    sentence = checkpoint.problem(folder)

    assert sentence is not None
    assert str(folder / name) in sentence


def test_weights_of_another_shape_are_reported(folder: Path) -> None:
    rewrite(folder / "config.json", lambda document: document["talker_config"].update(intermediate_size=63))

    with pytest.raises(StartError, match=r"shape \(64, 32\), not \(63, 32\)"):
        load(folder)


def test_weights_that_are_missing_are_reported(folder: Path) -> None:
    rewrite(folder / "config.json", lambda document: document["talker_config"].update(num_hidden_layers=3))

    with pytest.raises(StartError, match=r"has no weights talker\.model\.layers\.2\."):
        load(folder)


def test_what_is_no_folder_is_reported(tmp_path: Path) -> None:
    assert checkpoint.problem(tmp_path / "nothing") == f"{tmp_path / 'nothing'} is not a folder."
    assert checkpoint.size_bytes(tmp_path / "nothing") == 0
