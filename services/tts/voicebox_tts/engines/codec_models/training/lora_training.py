"""Trains the matrices of an adapter: AdamW, with all that is needed in order to go on as if nothing had happened."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from voicebox_models.adapters.plan import Plan
from voicebox_models.adapters.tensors import Tensors

from .lora import LoraWeights, trainable

MOMENTS = ("exp_avg", "exp_avg_sq")


class LoraTraining:
    """The parameters of `lora`, which are there already. Deterministic on the same device."""

    def __init__(self, lora: LoraWeights, plan: Plan) -> None:
        self._lora, self._plan = lora, plan
        self._optimizer = torch.optim.AdamW(trainable(lora.parameters), lr=plan.learning_rate, weight_decay=0.0)
        self._steps = 0

    def step(self, loss: Tensor) -> float:
        """A step against the gradient of `loss`, which is answered."""
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(trainable(self._lora.parameters), 1.0)
        for group in self._optimizer.param_groups:
            group["lr"] = self._plan.rate(self._steps)
        self._optimizer.step()
        self._steps += 1
        return loss.item()

    def adapter(self) -> Tensors:
        """The matrices."""
        return {name: _array(parameter) for name, parameter in self._lora.parameters.items()}

    def state(self) -> Tensors:
        """All that `restore` needs."""
        made = {"steps": np.array([self._steps], np.float32)}
        for name, parameter in self._lora.parameters.items():
            moments = self._optimizer.state[parameter]
            made |= {f"{name}:{key}": _array(moments[key]) for key in MOMENTS}
            made[f"{name}:value"] = _array(parameter)
        return made

    def restore(self, state: Tensors) -> None:
        """Go on from there."""
        self._steps = int(state["steps"][0])
        values = {name: torch.from_numpy(state[f"{name}:value"]) for name in self._lora.parameters}
        self._lora.restore(values)
        for name, parameter in self._lora.parameters.items():
            moments = {key: torch.tensor(state[f"{name}:{key}"], device=parameter.device) for key in MOMENTS}
            self._optimizer.state[parameter] = {"step": torch.tensor(float(self._steps)), **moments}


def _array(tensor: Tensor) -> NDArray[np.float32]:
    array: NDArray[np.float32] = tensor.detach().float().cpu().numpy()
    return array.copy()
