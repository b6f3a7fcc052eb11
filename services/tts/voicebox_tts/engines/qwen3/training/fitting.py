"""A Qwen3-TTS model that is being trained."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from voicebox_models.adapters.dataset import Dataset
from voicebox_models.adapters.plan import Plan
from voicebox_models.adapters.tensors import Tensors
from voicebox_models.adapters.training import SAMPLE

from voicebox_tts.engines.qwen3 import adapted
from voicebox_tts.engines.qwen3.codec.decoder import CodecDecoder
from voicebox_tts.engines.qwen3.model import config, tokenizer
from voicebox_tts.engines.qwen3.model.config import SAMPLE_RATE_HZ
from voicebox_tts.engines.qwen3.model.language_model import LanguageModel
from voicebox_tts.engines.qwen3.model.speaker_encoder import MIN_SECONDS
from voicebox_tts.engines.qwen3.model.weights import Weights

from .examples import Example, Spoken, encoded, example, load_encoders
from .lora import HeldWeights, LoraWeights, trainable
from .losses import loss
from .speaking import speak, write_wav

MAX_MEASURED = 50
"""So many of the clips that are held out are measured at each checkpoint."""
SILENCE = 1e-3
"""A sentence whose level (RMS) is lower, -60 dB, is no speech."""
MARGIN = 0.05
"""Other texts must suit clips that were held out worse by this part of the loss."""
MOMENTS = ("exp_avg", "exp_avg_sq")


class Qwen3Fitting:
    """As voicebox_models.adapters.training.Fitting. Deterministic by the plan's seed on the same device."""

    def __init__(
        self, base: Path, dataset: Dataset, speaker: str, plan: Plan, device: torch.device, dtype: torch.dtype
    ) -> None:
        known = config.read(base)
        self._config, self._speaker, self._plan = adapted.adapted_config(known, speaker), speaker, plan
        self._language = known.language(plan.language) if plan.language else ""
        self._encoders = load_encoders(base, known, device)
        self._codec = CodecDecoder.load(base, device)
        self._tokens = tokenizer.load(base, known.text_tokens)
        trained, self._voice = encoded(dataset.trained, self._encoders)
        held_out = encoded(dataset.held_out[:MAX_MEASURED], self._encoders)[0] if dataset.has_held_out else trained
        held = HeldWeights(base, device, dtype)
        embedding = held(adapted.CODEC_EMBEDDING, known.vocab_size, known.talker.hidden_size)
        held.tensors[adapted.CODEC_EMBEDDING] = adapted.with_speaker(
            embedding, torch.from_numpy(self._voice), adapted.speaker_id(known)
        )
        with torch.no_grad():
            model = self._model(held)
        self._trained = [example(model, each, speaker, self._language) for each in trained]
        self._held_out = [example(model, each, speaker, self._language) for each in held_out[:MAX_MEASURED]]
        texts = [clip.text for clip in (*dataset.held_out, *dataset.trained)]
        self._with_other_texts = self._exchanged(model, held_out, texts) if dataset.has_held_out else []
        self.examples = len(self._trained)
        self._lora = LoraWeights(held, plan.rank, plan.alpha / plan.rank, plan.seed)
        self._model(self._lora)  # which makes the parameters
        self._optimizer = torch.optim.AdamW(trainable(self._lora.parameters), lr=plan.learning_rate, weight_decay=0.0)
        self._steps = 0

    def step(self, numbers: Sequence[int]) -> float:
        mean = loss(self._model(self._lora), [self._trained[number] for number in numbers])
        self._optimizer.zero_grad()
        mean.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(trainable(self._lora.parameters), 1.0)
        for group in self._optimizer.param_groups:
            group["lr"] = self._plan.rate(self._steps)
        self._optimizer.step()
        self._steps += 1
        return mean.item()

    @torch.no_grad()
    def measure(self, folder: Path) -> Mapping[str, float]:
        """The loss on the clips that are held out, how much larger it is with each other's texts, and what a spoken
        sentence is like, which is in SAMPLE.
        """
        model = self._model(self._lora)
        measures = {"held_out_loss": loss(model, self._held_out).item()}
        if self._with_other_texts:
            measures["text_margin"] = loss(model, self._with_other_texts).item() - measures["held_out_loss"]
        samples = speak(model, self._codec, self._plan.sentence, self._speaker, self._language, self._plan.seed)
        write_wav(folder / SAMPLE, samples)
        seconds = len(samples) / SAMPLE_RATE_HZ
        level = float(np.sqrt(np.mean(np.square(samples)))) if len(samples) else 0.0
        measures |= {"sentence_seconds": seconds, "sentence_level": level}
        if seconds >= MIN_SECONDS:
            measures["speaker_similarity"] = _cosine(self._encoders.speaker(samples), self._voice)
        return measures

    def failure(self, measures: Mapping[str, float]) -> str:
        if not measures["sentence_seconds"] or measures["sentence_level"] < SILENCE:
            return "The test sentence is silence."
        if measures.get("text_margin", np.inf) < MARGIN * measures["held_out_loss"]:
            return (
                "It does not follow the text: other texts suit the recordings that were held out as well as their own."
            )
        return ""

    def adapter(self) -> Tensors:
        parameters = {name: _array(parameter) for name, parameter in self._lora.parameters.items()}
        return parameters | {adapted.SPEAKER: self._voice}

    def state(self) -> Tensors:
        made = {"steps": np.array([self._steps], np.float32)}
        for name, parameter in self._lora.parameters.items():
            moments = self._optimizer.state[parameter]
            made |= {f"{name}:{key}": _array(moments[key]) for key in MOMENTS}
            made[f"{name}:value"] = _array(parameter)
        return made

    def restore(self, state: Tensors) -> None:
        self._steps = int(state["steps"][0])
        values = {name: torch.from_numpy(state[f"{name}:value"]) for name in self._lora.parameters}
        self._lora.restore(values)
        for name, parameter in self._lora.parameters.items():
            moments = {key: torch.tensor(state[f"{name}:{key}"], device=parameter.device) for key in MOMENTS}
            self._optimizer.state[parameter] = {"step": torch.tensor(float(self._steps)), **moments}

    def _model(self, weights: Weights) -> LanguageModel:
        return LanguageModel.of(weights, self._config, self._tokens)

    def _exchanged(self, model: LanguageModel, held_out: Sequence[Spoken], texts: Sequence[str]) -> list[Example]:
        """Each clip that is held out with a text that is not its own; none where there is no other."""
        others = [next((text for text in texts if text != each.text), "") for each in held_out]
        return [
            example(model, each, self._speaker, self._language, other)
            for each, other in zip(held_out, others, strict=True)
            if other
        ]


def _cosine(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    return float(one @ other) / max(float(np.linalg.norm(one)) * float(np.linalg.norm(other)), 1e-9)


def _array(tensor: Tensor) -> NDArray[np.float32]:
    array: NDArray[np.float32] = tensor.detach().float().cpu().numpy()
    return array.copy()
