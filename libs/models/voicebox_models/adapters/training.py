"""Trains an adapter step by step, whatever the engine: order of the clips, checkpoints, resumption, the choice."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from voicebox_kit.errors import InvalidField

from voicebox_models.store import sha256
from voicebox_models.trainer import Progress

from . import archive, tensors
from .adapter import TENSORS
from .checkpoints import Checkpoints, Numbers, best
from .fingerprint import folder_sha256
from .manifest import FILE, Manifest, read_manifest
from .plan import Plan
from .tensors import Tensors
from .trainer import AdapterResult, Task

CHECKPOINTS, NUMBERS, SAMPLE = "checkpoints", "training.json", "sentence.wav"


class Fitting(Protocol):
    """A model that is being trained."""

    examples: int
    """How many there are to train on."""

    def step(self, numbers: Sequence[int]) -> float:
        """Train on these examples once; their mean loss before."""
        ...

    def measure(self, folder: Path) -> Mapping[str, float]:
        """What is to be known of it now, `held_out_loss` among it. Files for people go into `folder`."""
        ...

    def failure(self, measures: Mapping[str, float]) -> str:
        """Why a checkpoint with these measures is not to be published, as a sentence; empty when it may be."""
        ...

    def adapter(self) -> Tensors:
        """The adapter's tensors."""
        ...

    def state(self) -> Tensors:
        """All that `restore` needs in order to go on as if nothing had happened."""
        ...

    def restore(self, state: Tensors) -> None: ...


def fit(
    fitting: Fitting,
    task: Task,
    plan: Plan,
    describe: Callable[[Mapping[str, float], str], Manifest],
    progress: Callable[[Progress], None],
    warnings: Sequence[str] = (),
) -> AdapterResult:
    """Train to the end of the plan, from the last checkpoint in the task's folder. `describe` makes the manifest of
    tensors with this SHA-256.
    """
    checkpoints = Checkpoints(task.folder / CHECKPOINTS)
    losses: list[float] = []
    if known := checkpoints.all():
        _require_same_training(checkpoints.folder(known[-1].step), describe({}, ""))
    if newest := checkpoints.newest():
        state, done = newest
        fitting.restore(state)
        losses += done
    order = _order(fitting.examples, plan)
    for step, numbers in enumerate(order, 1):
        if step <= len(losses):
            continue
        task.turn.give(lambda: checkpoints.pause(fitting.state(), losses))
        losses.append(fitting.step(numbers))
        progress(Progress(step / plan.steps, f"step {step} of {plan.steps}, loss {losses[-1]:.3f}"))
        if step % plan.checkpoint_every == 0 or step == plan.steps:
            partial = checkpoints.begin(step)
            measures = dict(fitting.measure(partial))
            _write_adapter(partial, fitting.adapter(), measures, describe)
            checkpoints.complete(partial, fitting.state(), Numbers(step, losses, measures))
            checkpoints.drop(plan.keep, plan.checkpoint)
    return _result(fitting, task, plan, checkpoints, warnings)


def manifest_of(task: Task, plan: Plan, base_weights: str, sample_rate_hz: int) -> Callable[..., Manifest]:
    """What `fit` describes adapters with; all is known before the first step."""
    dataset = folder_sha256(task.dataset)

    def describe(measures: Mapping[str, float], digest: str) -> Manifest:
        return Manifest(
            base_model=task.base_model,
            base_revision=task.base_revision,
            base_weights=base_weights,
            engine=task.base_model.partition("/")[0],
            rank=plan.rank,
            alpha=plan.alpha,
            sample_rate_hz=sample_rate_hz,
            metrics=measures,
            dataset_sha256=dataset,
            consent=task.consent,
            licence=task.licence,
            sha256=digest,
            speaker=task.speaker,
        )

    return describe


def _require_same_training(checkpoint: Path, wanted: Manifest) -> None:
    """InvalidField("resume_from") for the checkpoint of a training of another kind, see trainer.Task."""
    found = read_manifest((checkpoint / FILE).read_bytes())
    names = ("base_weights", "dataset_sha256", "rank", "alpha", "speaker")
    if other := [name for name in names if getattr(found, name) != getattr(wanted, name)]:
        sentence = f"The checkpoint is of another training: its {', '.join(other)} differ."
        raise InvalidField("resume_from", sentence, "CHECKPOINT_OF_ANOTHER_TRAINING")


def _order(examples: int, plan: Plan) -> Iterator[list[int]]:
    """Which examples each step trains on: all of them once in each epoch, shuffled by the seed."""
    waiting: list[int] = []
    epoch = 0
    for _ in range(plan.steps):
        while len(waiting) < plan.batch_size:
            waiting += np.random.default_rng([plan.seed, epoch]).permutation(examples).tolist()
            epoch += 1
        yield waiting[: plan.batch_size]
        del waiting[: plan.batch_size]


def _write_adapter(
    folder: Path,
    made: Tensors,
    measures: Mapping[str, float],
    describe: Callable[[Mapping[str, float], str], Manifest],
) -> None:
    tensors.write(folder / TENSORS, made)
    archive.write_manifest(folder, describe(measures, sha256(folder / TENSORS)))


def _result(
    fitting: Fitting, task: Task, plan: Plan, checkpoints: Checkpoints, warnings: Sequence[str]
) -> AdapterResult:
    known = checkpoints.all()
    chosen = next((numbers for numbers in known if numbers.step == plan.checkpoint), None)
    if plan.checkpoint and chosen is None:
        steps = ", ".join(str(numbers.step) for numbers in known)
        raise InvalidField("options.checkpoint", f"There is no checkpoint {plan.checkpoint}; there are {steps}.")
    proposed = best(known)
    chosen = chosen or proposed
    document = {
        "losses": list(known[-1].losses),
        "checkpoints": [{"step": numbers.step, **numbers.measures} for numbers in known],
        "best_step": proposed.step,
        "chosen_step": chosen.step,
    }
    (task.folder / NUMBERS).write_text(json.dumps(document, indent=1) + "\n")
    folders = {numbers.step: checkpoints.folder(numbers.step).relative_to(task.folder) for numbers in known}
    samples = [str(folder / SAMPLE) for folder in folders.values() if (task.folder / folder / SAMPLE).is_file()]
    return AdapterResult(
        adapters={step: str(folder) for step, folder in folders.items()},
        best_step=proposed.step,
        chosen_step=chosen.step,
        numbers=NUMBERS,
        samples=samples,
        metrics=dict(chosen.measures),
        failure=fitting.failure(chosen.measures),
        warnings=tuple(warnings),
    )
