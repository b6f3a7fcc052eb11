"""Rows speak the official package's codes, and none of them notices the others."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from voicebox_tts.engines.codec_models.config import SamplingParams
from voicebox_tts.engines.codec_models.cuda_graphs import SHORTEST_LENGTH
from voicebox_tts.engines.codec_models.noise import SamplingNoise
from voicebox_tts.engines.qwen3.frame_generator import FrameGenerator
from voicebox_tts.engines.qwen3.model import config
from voicebox_tts.engines.qwen3.model.language_model import LanguageModel
from voicebox_tts.engines.qwen3.model.prompt_layout import PromptEmbeddings, build_prompt

from tests.support.qwen3_cases import CASES, MAX_FRAMES, SEED, Case

GROUPS = 16
LONGEST = 256


def vector() -> SimpleNamespace:
    """A cloned voice."""
    return SimpleNamespace(
        transcript="", codes=np.zeros((0, GROUPS), np.int64), speaker_embedding=np.ones(32, np.float32)
    )


def unsampled(model: LanguageModel) -> LanguageModel:
    """The same model, which always chooses the likeliest code."""
    made = replace(
        model.config,
        sampling=replace(model.config.sampling, do_sample=False),
        subtalker_sampling=SamplingParams(do_sample=False),
    )
    return replace(model, config=made)


def eager(work: Callable[[], None]) -> Callable[[], None]:
    """Records nothing: what a CUDA graph would replay is done anew."""
    work()
    return work


def spoken(frames: FrameGenerator, most: int) -> NDArray[np.int64]:
    """What row 0 says until it ends, or so many frames."""
    made = []
    while len(made) < most and not (step := frames.step(1, np.array([True]))).ended[0]:
        made.append(step.codes[0])
    return np.array(made).reshape(-1, GROUPS)


def alone(model: LanguageModel, prompt: PromptEmbeddings, seed: int, most: int) -> NDArray[np.int64]:
    frames = FrameGenerator(model, 1, LONGEST)
    frames.begin(0, prompt, SamplingNoise(seed, GROUPS))
    return spoken(frames, most)


@pytest.fixture
def prompts(language_model) -> Sequence[PromptEmbeddings]:
    """Eight texts in a custom voice."""
    return [
        build_prompt(language_model("custom-voice"), "So many words. " * (1 + number % 3), "ryan")
        for number in range(8)
    ]


@pytest.mark.parametrize("way", ["greedy", "sampled"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_codes_are_the_official_package_s(case: Case, way: str, language_model, official, voice) -> None:
    model = language_model(case.folder)
    prompt = build_prompt(model, case.text, voice(case), case.language, case.instructions)

    made = alone(unsampled(model) if way == "greedy" else model, prompt, SEED, MAX_FRAMES)

    theirs = official[f"{case.name}/{way}"]
    np.testing.assert_array_equal(made[: len(theirs)], theirs)
    # At its bound the package loses the last frame; before, speech ended by itself.
    assert len(made) == (MAX_FRAMES if len(theirs) == MAX_FRAMES - 1 else len(theirs))


def test_eight_that_join_every_third_frame_say_what_each_says_alone(language_model, prompts) -> None:
    model = language_model("custom-voice")
    frames = FrameGenerator(model, 8, LONGEST)
    rows: list[int] = []
    outputs: dict[int, list[NDArray[np.int64]]] = {number: [] for number in range(8)}
    ended: set[int] = set()
    for turn in range(48):
        if turn % 3 == 0 and turn < 24:
            rows.append(turn // 3)
            frames.begin(len(rows) - 1, prompts[rows[-1]], SamplingNoise(rows[-1], GROUPS))
        if not rows:
            continue
        step = frames.step(len(rows), np.ones(len(rows), np.bool_))
        for row, number in enumerate(rows):
            if not step.ended[row]:
                outputs[number].append(step.codes[row])
        for row in reversed(np.flatnonzero(step.ended)):
            ended.add(rows[row])
            frames.move(len(rows) - 1, row)
            rows[row] = rows[-1]
            rows.pop()

    assert len(ended) > 2
    for number, prompt in enumerate(prompts):
        np.testing.assert_array_equal(
            np.array(outputs[number]).reshape(-1, GROUPS), alone(model, prompt, number, len(outputs[number]))
        )


def test_a_row_that_does_not_advance_stays_as_it_is(language_model, prompts) -> None:
    model = language_model("endless")
    prompt = build_prompt(model, "Some words.", vector())
    frames = FrameGenerator(model, 3, LONGEST)
    for row in range(3):
        frames.begin(row, prompt, SamplingNoise(row, GROUPS))
    turns = [np.array([True, turn % 3 == 0, turn > 8]) for turn in range(12)]
    outputs: list[list[NDArray[np.int64]]] = [[], [], []]
    for advancing in turns:
        step = frames.step(3, advancing)
        assert not step.ended.any()
        for row in np.flatnonzero(advancing).tolist():
            outputs[row].append(step.codes[row])

    for row in range(3):
        np.testing.assert_array_equal(np.array(outputs[row]), alone(model, prompt, row, len(outputs[row])))


def test_a_row_that_is_begun_again_remembers_nothing(language_model, prompts) -> None:
    model = language_model("custom-voice")
    frames = FrameGenerator(model, 1, LONGEST)
    for number in (2, 0):
        frames.begin(0, prompts[number], SamplingNoise(number, GROUPS))
        made = spoken(frames, 12)

    np.testing.assert_array_equal(made, alone(model, prompts[0], 0, 12))


def test_a_row_that_ended_ends_again(language_model, prompts) -> None:
    frames = FrameGenerator(language_model("custom-voice"), 1, LONGEST)
    frames.begin(0, prompts[0], SamplingNoise(0, GROUPS))
    spoken(frames, LONGEST)

    assert frames.step(1, np.array([True])).ended[0]


def test_a_full_row_ends(language_model) -> None:
    model = language_model("endless")
    prompt = build_prompt(model, "Some words.", vector())
    frames = FrameGenerator(model, 1, len(prompt.inputs_embeds) + 20)
    frames.begin(0, prompt, SamplingNoise(1, GROUPS))

    assert len(spoken(frames, LONGEST)) == 20
    assert frames.step(1, np.array([True])).ended[0]


def test_a_prompt_that_leaves_no_room_is_refused(language_model, prompts) -> None:
    frames = FrameGenerator(language_model("custom-voice"), 1, len(prompts[0].inputs_embeds))

    with pytest.raises(ValueError, match="longer than"):
        frames.begin(0, prompts[0], SamplingNoise(0, GROUPS))


def test_making_speech_leaves_torch_s_own_state_alone(language_model, prompts) -> None:
    before = torch.random.get_rng_state()
    alone(language_model("custom-voice"), prompts[0], 1, 3)

    assert torch.equal(before, torch.random.get_rng_state())
    assert torch.is_grad_enabled()


def test_greater_counts_and_lengths_than_are_in_use_change_nothing(language_model) -> None:
    model = language_model("endless")
    prompt = build_prompt(model, "Some words.", vector())
    frames = FrameGenerator(model, 8, 100, capture=eager)
    frames.warm_up()
    for row in range(3):
        frames.begin(row, prompt, SamplingNoise(row, GROUPS))

    count = SHORTEST_LENGTH - len(prompt.inputs_embeds) + 6  # past the first length
    steps = [frames.step(3, np.ones(3, np.bool_)) for _ in range(count)]

    for row in range(3):
        np.testing.assert_array_equal([step.codes[row] for step in steps], alone(model, prompt, row, count))


def test_a_model_of_random_weights_speaks(tiny_qwen3) -> None:
    model = LanguageModel.random(config.read(tiny_qwen3 / "voice-design"), torch.device("cpu"), torch.bfloat16)

    made = alone(model, build_prompt(model, "Words", None), 1, 4)

    assert made.shape == (4, GROUPS)
    assert made.max() < model.config.codebook_size


@pytest.mark.gpu
@pytest.mark.parametrize("count", [1, 3, 8])
def test_graphs_give_the_codes_of_the_plain_path(count: int, tiny_qwen3) -> None:
    folder = tiny_qwen3 / "endless"
    model = LanguageModel.load(folder, config.read(folder), torch.device("cuda"), torch.float32)
    prompt = build_prompt(model, "Some words.", vector())
    recorded, called = FrameGenerator(model, 8, LONGEST), FrameGenerator(model, 8, LONGEST, capture=eager)
    for frames in (recorded, called):
        for row in range(count):
            frames.begin(row, prompt, SamplingNoise(row, GROUPS))
    for turn in range(100):  # past the first length of graphs
        advancing = np.arange(count) % 2 <= turn % 2
        with_graphs, without = (frames.step(count, advancing) for frames in (recorded, called))
        np.testing.assert_array_equal(with_graphs.codes[advancing], without.codes[advancing])
