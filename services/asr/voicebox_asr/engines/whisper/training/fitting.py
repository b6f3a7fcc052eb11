"""A Whisper model that is being trained: LoRA by `peft` on all projections of all layers."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - as everybody calls it
from numpy.typing import NDArray
from peft import LoraConfig, get_peft_model
from torch import Tensor, nn
from voicebox_models.adapters.adapter import DOWN, UP
from voicebox_models.adapters.plan import Plan
from voicebox_models.adapters.tensors import Tensors

from . import network
from .examples import Example, Texts
from .word_errors import word_errors, words

TARGETS = r"model\.(encoder|decoder)\.layers\.\d+\.((self_attn|encoder_attn)\.(q|k|v|out)_proj|fc1|fc2)"
PREFIX = "base_model.model."
MAX_NEW_TOKENS = 224
MAX_MEASURED = 100
"""So many of the clips that are held out are measured at each checkpoint."""
IGNORED = -100


class WhisperFitting:
    """As voicebox_models.adapters.training.Fitting. Deterministic by the plan's seed on the same device."""

    def __init__(
        self,
        base: Path,
        texts: Texts,
        trained: Sequence[Example],
        held_out: Sequence[Example],
        plan: Plan,
        device: torch.device,
    ) -> None:
        torch.manual_seed(plan.seed)
        self._texts, self._trained, self._plan, self._device = texts, trained, plan, device
        self._held_out = held_out[:MAX_MEASURED]
        self.examples = len(trained)
        self._network = network.load(base, texts.end, texts.start)
        self._network.to(device)  # type: ignore[arg-type]
        lora = LoraConfig(r=plan.rank, lora_alpha=plan.alpha, target_modules=TARGETS, lora_dropout=0.0)
        adapted = get_peft_model(self._network, lora)
        self._parameters = {
            _name(name): parameter for name, parameter in sorted(adapted.named_parameters()) if parameter.requires_grad
        }
        self._optimizer = torch.optim.AdamW(self._parameters.values(), lr=plan.learning_rate, weight_decay=0.0)
        self._steps = 0

    def step(self, numbers: Sequence[int]) -> float:
        # Files are read in windows of 30 s on a GPU, and as short as they are on a CPU: both are trained.
        loss = self._loss([self._trained[number] for number in numbers], whole_window=self._steps % 2 == 1)
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self._parameters.values(), 1.0)
        for group in self._optimizer.param_groups:
            group["lr"] = self._plan.rate(self._steps)
        self._optimizer.step()
        self._steps += 1
        return loss.item()

    @torch.no_grad()
    def measure(self, folder: Path) -> Mapping[str, float]:
        """The loss and the WER on the clips that are held out; what was recognised is in `transcripts.txt`."""
        losses, errors, count = [], 0, 0
        with (folder / "transcripts.txt").open("w", encoding="utf-8") as file:
            for example in self._held_out:
                losses.append(self._loss([example], whole_window=True).item())
                recognised = self._transcribed(example)
                said = words(example.clip.text)
                errors += word_errors(said, words(recognised))
                count += len(said)
                file.write(f"{example.clip.path.name}\t{example.clip.text}\t{recognised}\n")
        return {"held_out_loss": float(np.mean(losses)), "wer": errors / max(count, 1)}

    def failure(self, measures: Mapping[str, float]) -> str:
        if measures["wer"] <= self._plan.max_wer:
            return ""
        return f"The word error rate is {measures['wer']:.2f}, and must be at most {self._plan.max_wer:g}."

    def adapter(self) -> Tensors:
        return {name: _array(parameter) for name, parameter in self._parameters.items()}

    def state(self) -> Tensors:
        made = {"steps": np.array([self._steps], np.float32)}
        for name, parameter in self._parameters.items():
            moments = self._optimizer.state[parameter]
            made |= {f"{name}:{key}": _array(moments[key]) for key in ("exp_avg", "exp_avg_sq")}
            made[f"{name}:value"] = _array(parameter)
        return made

    def restore(self, state: Tensors) -> None:
        self._steps = int(state["steps"][0])
        for name, parameter in self._parameters.items():
            values = {key: torch.tensor(state[f"{name}:{key}"]) for key in ("value", "exp_avg", "exp_avg_sq")}
            with torch.no_grad():
                parameter.copy_(values.pop("value"))
            moments = {key: tensor.to(self._device) for key, tensor in values.items()}
            self._optimizer.state[parameter] = {"step": torch.tensor(float(self._steps)), **moments}

    def _loss(self, examples: Sequence[Example], *, whole_window: bool) -> Tensor:
        """The mean cross-entropy of the texts' tokens, with the right tokens before each (teacher forcing)."""
        prompt = self._texts.prompt
        longest = max(len(example.tokens) for example in examples)
        inputs = torch.full((len(examples), len(prompt) + longest - 1), self._texts.end)
        targets = torch.full((len(examples), longest), IGNORED)
        for row, example in enumerate(examples):
            inputs[row, : len(prompt) + len(example.tokens) - 1] = torch.tensor((*prompt, *example.tokens[:-1]))
            targets[row, : len(example.tokens)] = torch.tensor(example.tokens)
        encoded = self._encoded(self._features(examples, whole_window=whole_window))
        decoded = self._network.model.decoder(
            input_ids=inputs.to(self._device), encoder_hidden_states=encoded, use_cache=False
        )
        logits = self._network.proj_out(decoded.last_hidden_state[:, len(prompt) - 1 :])
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten().to(self._device), ignore_index=IGNORED)

    def _transcribed(self, example: Example) -> str:
        """Greedily."""
        encoded = self._encoded(self._features([example], whole_window=True))
        tokens, cache = list(self._texts.prompt), None
        written: list[int] = []
        while len(written) < MAX_NEW_TOKENS:
            given = torch.tensor([tokens if cache is None else tokens[-1:]], device=self._device)
            decoded = self._network.model.decoder(
                input_ids=given, encoder_hidden_states=encoded, past_key_values=cache, use_cache=True
            )
            cache = decoded.past_key_values
            logits = self._network.proj_out(decoded.last_hidden_state[0, -1])
            logits[[*self._texts.never, *(() if written else self._texts.never_first)]] = -torch.inf
            token = int(logits[: self._texts.end + 1].argmax())
            if token == self._texts.end:
                break
            written.append(token)
            tokens.append(token)
        return self._texts.decoded(written)

    def _features(self, examples: Sequence[Example], *, whole_window: bool) -> Tensor:
        mels = self._network.config.num_mel_bins
        made = [example.features(mels, whole_window=whole_window) for example in examples]
        frames = max(each.shape[1] for each in made)
        padded = [np.pad(each, ((0, 0), (0, frames - each.shape[1]))) for each in made]
        return torch.from_numpy(np.stack(padded)).to(self._device)

    def _encoded(self, features: Tensor) -> Tensor:
        """(B, mels, frames) to (B, frames // 2, d_model). `transformers` takes windows of 30 s only."""
        encoder = self._network.model.encoder
        x = F.gelu(encoder.conv2(F.gelu(encoder.conv1(features)))).transpose(1, 2)
        x = x + encoder.embed_positions.weight[: x.shape[1]]
        for layer in encoder.layers:
            x = layer(x, None, layer_head_mask=None)[0]
        normalised: Tensor = encoder.layer_norm(x)
        return normalised


def _name(parameter: str) -> str:
    """As adapters have it: without what peft puts around it."""
    for ending, ours in ((".lora_A.default.weight", DOWN), (".lora_B.default.weight", UP)):
        if parameter.endswith(ending):
            return parameter.removeprefix(PREFIX).removesuffix(ending) + ours
    raise ValueError(f"{parameter} is none of LoRA's")


def _array(tensor: Tensor) -> NDArray[np.float32]:
    array: NDArray[np.float32] = tensor.detach().float().cpu().numpy()
    return array.copy()
