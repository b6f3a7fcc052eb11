"""A training of an adapter gives way to calls between two steps, and makes the same as one that never had to."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from voicebox_models.adapters.manifest import Manifest
from voicebox_models.adapters.plan import Plan
from voicebox_models.adapters.tensors import Tensors
from voicebox_models.adapters.trainer import AdapterResult, Task
from voicebox_models.adapters.training import fit
from voicebox_models.trainer import OwnTurn, Turn

PLAN = Plan(steps=10, batch_size=2, checkpoint_every=4, keep=2, rank=1, alpha=1, learning_rate=0.1, seed=1)


class Sum:
    """A model that adds up the numbers of its examples; its loss is the sum so far. `steps` counts what it did."""

    examples = 5

    def __init__(self) -> None:
        self.total, self.steps = np.zeros(1, np.float32), 0

    def step(self, numbers: Sequence[int]) -> float:
        self.steps += 1
        self.total = self.total * np.float32(0.9) + np.float32(sum(numbers))
        return float(self.total[0])

    def measure(self, folder: Path) -> Mapping[str, float]:
        return {"held_out_loss": 1.0 / self.steps}

    def failure(self, measures: Mapping[str, float]) -> str:
        return ""

    def adapter(self) -> Tensors:
        return {"total": self.total}

    def state(self) -> Tensors:
        return {"total": self.total}

    def restore(self, state: Tensors) -> None:
        self.total = state["total"]


class Busy:
    """A turn that has to be given at some calls; the process ends at one of them."""

    def __init__(self, *calls: int, ends: int = 0) -> None:
        self.calls, self.ends, self.count = calls, ends, 0

    def give(self, save: Callable[[], None]) -> None:
        self.count += 1
        if self.count in self.calls:
            save()
        if self.count == self.ends:
            raise KeyboardInterrupt


def trained(folder: Path, turn: Turn, model: Sum | None = None) -> tuple[AdapterResult, bytes]:
    """The result, and the losses of all steps as they were written down."""
    task = Task(folder / "dataset", folder / "base", "sum/1", "r1", "MIT", "Yes.", "ann", {}, folder, "cuda:0", turn)

    def describe(measures: Mapping[str, float], digest: str) -> Manifest:
        return Manifest(
            base_model="sum/1", base_revision="r1", base_weights="0" * 64, engine="sum", rank=1, alpha=1,
            sample_rate_hz=16_000, metrics=measures, dataset_sha256="0" * 64, consent="Yes.", licence="MIT",
            sha256=digest, speaker="ann",
        )  # fmt: skip

    result = fit(model or Sum(), task, PLAN, describe, lambda _: None)
    return result, (folder / result.numbers).read_bytes()


@pytest.fixture
def undisturbed(tmp_path: Path) -> tuple[AdapterResult, bytes]:
    (tmp_path / "undisturbed").mkdir()
    return trained(tmp_path / "undisturbed", OwnTurn())


def test_a_training_that_gives_way_makes_the_same(tmp_path: Path, undisturbed: tuple[AdapterResult, bytes]) -> None:
    assert trained(tmp_path, Busy(1, 3, 7, 10)) == undisturbed


@pytest.mark.parametrize(("ends", "left"), [(3, 8), (5, 6), (9, 2)])
def test_one_that_is_ended_meanwhile_repeats_no_step(
    tmp_path: Path, undisturbed: tuple[AdapterResult, bytes], ends: int, left: int
) -> None:
    """It goes on where it gave way, though the last checkpoint is older."""
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path, Busy(ends, ends=ends))
    model = Sum()
    losses = trained(tmp_path, OwnTurn(), model)[1]
    assert model.steps == left
    assert _losses(losses) == _losses(undisturbed[1])


def _losses(numbers: bytes) -> bytes:
    return numbers.split(b"checkpoints")[0]
