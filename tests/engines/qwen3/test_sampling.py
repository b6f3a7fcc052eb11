"""One number chooses one code: as likely as it should be, and by nothing else."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from voicebox_tts.engines.codec_models.config import SamplingParams
from voicebox_tts.engines.codec_models.sampling import apply_repetition_penalty, sample

CODES = 40


def logits(seed: int, rows: int = 1) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(0, 2, (rows, CODES)).astype(np.float32))


def shares(row: torch.Tensor, sampling: SamplingParams) -> np.ndarray:
    """How often each code is chosen, by 20,000 numbers that lie evenly."""
    noise = (torch.arange(20_000) + 0.5) / 20_000
    chosen = sample(row.expand(len(noise), -1), noise, sampling)
    return np.bincount(chosen.numpy(), minlength=CODES) / len(noise)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("top_k", [0, 5, CODES, 100])
def test_codes_are_chosen_as_often_as_they_are_likely(temperature: float, top_k: int) -> None:
    row = logits(1)
    expected = np.exp(row[0].double().numpy() / temperature)
    if top_k:
        expected[np.argsort(-expected)[top_k:]] = 0.0

    np.testing.assert_allclose(
        shares(row, SamplingParams(temperature=temperature, top_k=top_k)), expected / expected.sum(), atol=1e-4
    )


@pytest.mark.parametrize("top_p", [0.1, 0.5, 0.9])
def test_the_fewest_codes_that_reach_top_p_are_chosen_among(top_p: float) -> None:
    row = logits(2)
    expected = row[0].double().softmax(-1).numpy()
    order = np.argsort(-expected)
    expected[order[np.searchsorted(expected[order].cumsum(), top_p) + 1 :]] = 0.0

    np.testing.assert_allclose(
        shares(row, SamplingParams(temperature=1.0, top_k=0, top_p=top_p)), expected / expected.sum(), atol=1e-4
    )


@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 9),
    st.floats(0, 1, exclude_max=True, width=32),
    st.sampled_from([1.0, 0.7]),
)
def test_a_row_s_code_does_not_depend_on_its_neighbours(seed: int, rows: int, number: float, top_p: float) -> None:
    sampling = SamplingParams(top_k=12, top_p=top_p)
    table, noise = logits(seed, rows), torch.full((rows,), number)

    together = sample(table, noise, sampling)

    assert together.tolist() == [int(sample(table[row : row + 1], noise[:1], sampling)) for row in range(rows)]
    assert all(code in row.topk(12).indices for code, row in zip(together, table, strict=True))


@pytest.mark.parametrize("number", [0.0, np.nextafter(np.float32(1), np.float32(0))])
def test_the_outermost_numbers_choose_the_likeliest_and_the_last(number: float) -> None:
    row = logits(3)
    ranks = row[0].argsort(descending=True)

    chosen = int(sample(row, torch.tensor([number]), SamplingParams(temperature=1.0, top_k=3)))

    assert chosen == int(ranks[0 if number == 0.0 else 2])


def test_a_code_that_cannot_be_is_never_chosen() -> None:
    row = torch.full((1, CODES), -torch.inf)
    row[0, 7] = 0.0

    assert shares(row, SamplingParams())[7] == 1.0


def test_without_sampling_the_likeliest_is_chosen() -> None:
    row = logits(4)

    assert int(sample(row, torch.tensor([0.999]), SamplingParams(do_sample=False))) == int(row.argmax())


def test_what_was_seen_becomes_less_likely_on_either_side_of_zero() -> None:
    row, seen = torch.tensor([[2.0, -2.0, 3.0]]), torch.tensor([[True, True, False]])

    assert apply_repetition_penalty(row, seen, 2.0).tolist() == [[1.0, -4.0, 3.0]]
    assert apply_repetition_penalty(row, seen, 1.0).tolist() == row.tolist()
