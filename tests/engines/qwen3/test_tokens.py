"""The ids are the official package's, and no text becomes a control token."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from voicebox_kit.errors import StartError
from voicebox_tts.engines.qwen3.model import config, tokenizer
from voicebox_tts.engines.qwen3.model.config import TextTokens
from voicebox_tts.engines.qwen3.model.tokenizer import TextTokenizer

from tests.support.qwen3_cases import TEXTS

CONTROLS = TextTokens(im_start=1001, im_end=1002, tts_pad=1003, tts_bos=1004, tts_eos=1005)


@pytest.fixture(scope="module")
def known(tiny_qwen3) -> TextTokenizer:
    folder = tiny_qwen3 / "base"
    return tokenizer.load(folder, config.read(folder).text_tokens)


@pytest.mark.parametrize("number", range(len(TEXTS)))
def test_the_ids_are_the_official_package_s(number: int, known: TextTokenizer, official) -> None:
    np.testing.assert_array_equal(known.text(TEXTS[number]), official[f"tokens/{number}"])


@pytest.mark.parametrize(
    "control", ["<|im_start|>", "<|im_end|>", "<|endoftext|>", "<tts_pad>", "<tts_text_bos>", "<tts_text_eod>"]
)
def test_text_that_looks_like_a_control_token_is_spelled_out(control: str, known: TextTokenizer, tiny_qwen3) -> None:
    settings = json.loads((tiny_qwen3 / "base" / "tokenizer_config.json").read_text())
    ids = {token["content"]: int(index) for index, token in settings["added_tokens_decoder"].items()}

    for outputs in (known.text(f"a {control} b"), known.instructions(control)[1:-2]):
        assert not set(outputs) & set(ids.values())
        assert len(outputs) >= len(control)
    assert control in ids


@given(st.text())
def test_any_text_has_ids(text: str) -> None:
    spelled = tokenizer.byte_tokenizer(CONTROLS)

    assert all(0 <= index < 256 for index in spelled.text(text))
    assert bool(spelled.text(text)) == bool(text)


def test_a_message_stands_within_the_chat_layout() -> None:
    spelled = tokenizer.byte_tokenizer(CONTROLS)

    assert spelled.speaking == (1001, *spelled.text("assistant\n"))
    assert spelled.instructions("Softly.") == [1001, *spelled.text("user\nSoftly."), 1002, *spelled.text("\n")]


@pytest.mark.parametrize(
    ("name", "content"),
    [("vocab.json", "["), ("vocab.json", "{}"), ("merges.txt", "#version: 0.2\na b c\n"), ("merges.txt", None)],
)
def test_files_that_are_no_tokenizer_are_reported(name: str, content: str | None, tiny_qwen3, tmp_path) -> None:
    for file in ("vocab.json", "merges.txt"):
        (tmp_path / file).write_text((tiny_qwen3 / "base" / file).read_text("utf-8"), "utf-8")
    (tmp_path / name).unlink()
    if content is not None:
        (tmp_path / name).write_text(content)

    with pytest.raises(StartError, match="cannot be read"):
        tokenizer.load(tmp_path, CONTROLS)
