"""A Qwen3-TTS model that is being trained."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from voicebox_models.adapters.dataset import Dataset
from voicebox_models.adapters.plan import Plan
from voicebox_models.adapters.tensors import Tensors

from voicebox_tts.engines.codec_models.training.lora import HeldWeights, LoraWeights
from voicebox_tts.engines.codec_models.training.lora_training import LoraTraining
from voicebox_tts.engines.codec_models.training.sentence import MAX_MEASURED, exchanged, failure, of_sentence
from voicebox_tts.engines.codec_models.weights import Weights
from voicebox_tts.engines.qwen3 import adapted
from voicebox_tts.engines.qwen3.codec.decoder import CodecDecoder
from voicebox_tts.engines.qwen3.model import config, tokenizer
from voicebox_tts.engines.qwen3.model.config import SAMPLE_RATE_HZ
from voicebox_tts.engines.qwen3.model.language_model import LanguageModel
from voicebox_tts.engines.qwen3.model.speaker_encoder import MIN_SECONDS

from .examples import encoded, example, load_encoders
from .losses import loss
from .speaking import speak

TARGETS = re.compile(
    r"talker\.(code_predictor\.)?model\.layers\.\d+\.(self_attn\.[qkvo]_proj|mlp\.(gate|up|down)_proj)"
    r"|talker\.codec_head|talker\.code_predictor\.lm_head\.\d+"
)


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
        self._with_other_texts = exchanged(
            dataset,
            dataset.held_out[:MAX_MEASURED],
            lambda number, text: example(model, held_out[number], speaker, self._language, text),
        )
        self.examples = len(self._trained)
        self._lora = LoraWeights(held, TARGETS, plan.rank, plan.alpha / plan.rank, plan.seed)
        self._model(self._lora)  # which makes the parameters
        self._training = LoraTraining(self._lora, plan)

    def step(self, numbers: Sequence[int]) -> float:
        return self._training.step(loss(self._model(self._lora), [self._trained[number] for number in numbers]))

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
        measures |= of_sentence(folder, samples, SAMPLE_RATE_HZ)
        if measures["sentence_seconds"] >= MIN_SECONDS:
            measures["speaker_similarity"] = _cosine(self._encoders.speaker(samples), self._voice)
        return measures

    def failure(self, measures: Mapping[str, float]) -> str:
        return failure(measures)

    def adapter(self) -> Tensors:
        return {**self._training.adapter(), adapted.SPEAKER: self._voice}

    def state(self) -> Tensors:
        return self._training.state()

    def restore(self, state: Tensors) -> None:
        self._training.restore(state)

    def _model(self, weights: Weights) -> LanguageModel:
        return LanguageModel.of(weights, self._config, self._tokens)


def _cosine(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    return float(one @ other) / max(float(np.linalg.norm(one)) * float(np.linalg.norm(other)), 1e-9)
