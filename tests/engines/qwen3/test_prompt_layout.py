"""The prompt is the official package's, and what no prompt can be made of is refused."""

import numpy as np
import pytest
from voicebox_tts.engines.qwen3.model.prompt_layout import build_prompt

from tests.support.qwen3_cases import CASES, Case


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_prompt_is_the_official_package_s(case: Case, language_model, official, voice) -> None:
    made = build_prompt(language_model(case.folder), case.text, voice(case), case.language, case.instructions)

    np.testing.assert_allclose(made.inputs_embeds.numpy(), official[f"{case.name}/embeds"], atol=2e-6)
    np.testing.assert_allclose(made.trailing_text.numpy(), official[f"{case.name}/text"], atol=2e-6)


def test_space_around_the_text_changes_nothing(language_model) -> None:
    model = language_model("custom-voice")

    bare, spaced = (build_prompt(model, text, "ryan") for text in ("Hello.", "\n\n Hello. \r\n"))

    np.testing.assert_array_equal(bare.inputs_embeds, spaced.inputs_embeds)


@pytest.mark.parametrize("text", ["", " \n"])
def test_nothing_to_say_is_refused(text: str, language_model) -> None:
    with pytest.raises(ValueError, match="nothing to say"):
        build_prompt(language_model("custom-voice"), text, "ryan")


@pytest.mark.parametrize(("speaker", "language"), [("nobody", "english"), ("ryan", "klingon")])
def test_unknown_speakers_and_languages_are_refused(speaker: str, language: str, language_model) -> None:
    with pytest.raises(KeyError):
        build_prompt(language_model("custom-voice"), "Hello.", speaker, language)
