"""NOTICE lists every weight that is pinned here, with its source and its hash."""

import hashlib
from importlib.util import find_spec
from pathlib import Path

import pytest
from voicebox_asr.engines.whisper.published import KNOWN as WHISPER
from voicebox_models.packaged import PackagedModel
from voicebox_tts.engines.hibari import published as hibari

pytestmark = pytest.mark.unit

NOTICE = (Path(__file__).parents[2] / "NOTICE").read_text()
PACKAGED = {
    "hibari": hibari.PACKAGED,
    **{name: published.packaged for name, published in WHISPER.items() if published.packaged},
}
WEIGHTS = (".onnx", ".bin", ".gz")
INSIDE_OTHERS = {
    "silero_vad_v6.onnx": "faster_whisper/assets/silero_vad_v6.onnx",
    "pretrained.pt": "resemblyzer/pretrained.pt",
    "en-us.lm.bin": "pocketsphinx/model/en-us/en-us.lm.bin",
    "en-us/mdef": "pocketsphinx/model/en-us/en-us/mdef",
    "en-us/means": "pocketsphinx/model/en-us/en-us/means",
    "en-us/variances": "pocketsphinx/model/en-us/en-us/variances",
    "en-us/sendump": "pocketsphinx/model/en-us/en-us/sendump",
}


def listed(name: str) -> set[str]:
    """The hashes that NOTICE has for files of a name."""
    rows = [line.split() for line in NOTICE.splitlines()]
    return {row[1] for row in rows if len(row) == 2 and row[0] == name}


@pytest.mark.parametrize("model", PACKAGED.values(), ids=list(PACKAGED))
def test_packages_and_their_weights_are_listed(model: PackagedModel) -> None:
    assert all(f"{distribution}" in NOTICE for distribution in model.distributions)
    assert model.version in NOTICE
    for file in model.files:
        assert not file.name.endswith(WEIGHTS) or file.sha256 in listed(file.name), file.name


def test_voices_at_the_hub_are_listed() -> None:
    for voice in hibari.KNOWN.values():
        assert listed(voice.file) == {voice.sha256}


@pytest.mark.parametrize(("name", "path"), INSIDE_OTHERS.items())
def test_weights_inside_other_packages_are_those_that_are_listed(name: str, path: str) -> None:
    module, _, inside = path.partition("/")
    spec = find_spec(module)
    assert spec
    assert spec.submodule_search_locations
    content = (Path(spec.submodule_search_locations[0]) / inside).read_bytes()
    assert listed(name) == {hashlib.sha256(content).hexdigest()}
