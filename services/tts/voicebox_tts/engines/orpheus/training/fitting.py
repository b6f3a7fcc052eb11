"""An Orpheus model that is being trained: LoRA on all projections of all layers, as the official script has it."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from voicebox_models.adapters.dataset import Clip, Dataset
from voicebox_models.adapters.plan import Plan
from voicebox_models.adapters.tensors import Tensors

from voicebox_tts.engines.codec_models import runaway
from voicebox_tts.engines.codec_models.noise import SamplingNoise
from voicebox_tts.engines.codec_models.training.lora import HeldWeights, LoraWeights
from voicebox_tts.engines.codec_models.training.lora_training import LoraTraining
from voicebox_tts.engines.codec_models.training.sentence import MAX_MEASURED, exchanged, failure, of_sentence
from voicebox_tts.engines.codec_models.weights import Weights
from voicebox_tts.engines.orpheus.frame_generator import FrameGenerator
from voicebox_tts.engines.orpheus.model import config, tokenizer
from voicebox_tts.engines.orpheus.model.checkpoint import SNAC
from voicebox_tts.engines.orpheus.model.language_model import LanguageModel
from voicebox_tts.engines.orpheus.snac.codec import SnacDecoder, load_decoder, load_encoder
from voicebox_tts.engines.orpheus.snac.streaming import decode_whole
from voicebox_tts.engines.orpheus.tokens import SLOTS

from .examples import Example, encoded, example
from .losses import loss

TARGETS = re.compile(r"model\.layers\.\d+\.(self_attn\.[qkvo]_proj|mlp\.(gate|up|down)_proj)")


class OrpheusFitting:
    """As voicebox_models.adapters.training.Fitting. Deterministic by the plan's seed on the same device."""

    def __init__(
        self, base: Path, dataset: Dataset, speaker: str, plan: Plan, device: torch.device, dtype: torch.dtype
    ) -> None:
        self._config, self._speaker, self._plan = config.read(base), speaker, plan
        self._tokens = tokenizer.load(base)
        self._codec, encoder = load_decoder(base / SNAC, device), load_encoder(base / SNAC, device)
        held_out = dataset.held_out[:MAX_MEASURED]
        held_codes = encoded(held_out, encoder)
        self._trained = self._examples(dataset.trained, encoded(dataset.trained, encoder), device)
        self._held_out = self._examples(held_out, held_codes, device)
        self._with_other_texts = exchanged(
            dataset, held_out, lambda number, text: example(self._tokens, speaker, text, held_codes[number], device)
        )
        self.examples = len(self._trained)
        self._lora = LoraWeights(
            HeldWeights(base, device, dtype), TARGETS, plan.rank, plan.alpha / plan.rank, plan.seed
        )
        self._model(self._lora)  # which makes the parameters
        self._training = LoraTraining(self._lora, plan)

    def step(self, numbers: Sequence[int]) -> float:
        return self._training.step(loss(self._model(self._lora), [self._trained[number] for number in numbers]))

    @torch.no_grad()
    def measure(self, folder: Path) -> Mapping[str, float]:
        """The loss on the clips that are held out, how much larger it is with each other's texts, and what a spoken
        sentence is like, which is in a file.
        """
        model = self._model(self._lora)
        measures = {"held_out_loss": loss(model, self._held_out).item()}
        if self._with_other_texts:
            measures["text_margin"] = loss(model, self._with_other_texts).item() - measures["held_out_loss"]
        samples = speak(model, self._codec, self._speaker, self._plan.sentence, self._plan.seed)
        return measures | of_sentence(folder, samples, self._codec.config.sampling_rate)

    def failure(self, measures: Mapping[str, float]) -> str:
        return failure(measures)

    def adapter(self) -> Tensors:
        return self._training.adapter()

    def state(self) -> Tensors:
        return self._training.state()

    def restore(self, state: Tensors) -> None:
        self._training.restore(state)

    def _examples(
        self, clips: Sequence[Clip], codes: Sequence[NDArray[np.int64]], device: torch.device
    ) -> list[Example]:
        return [
            example(self._tokens, self._speaker, clip.text, own, device) for clip, own in zip(clips, codes, strict=True)
        ]

    def _model(self, weights: Weights) -> LanguageModel:
        return LanguageModel(weights, self._config, self._tokens)


def spoken_codes(model: LanguageModel, speaker: str, text: str, seed: int, frame_seconds: float) -> NDArray[np.int64]:
    """The codes (frames, SLOTS) of a text, sampled as the service does it with this seed."""
    prompt, most = np.array(model.tokenizer.prompt(speaker, text), np.int64), runaway.max_frames(text, frame_seconds)
    frames = FrameGenerator(model, 1, len(prompt) + SLOTS * (most + 1))
    frames.begin(0, prompt, SamplingNoise(seed, SLOTS))
    codes: list[NDArray[np.int64]] = []
    while len(codes) < most:
        step = frames.step(1, np.array([True]))
        if step.ended[0]:
            break
        codes.append(step.codes[0])
    return np.stack(codes) if codes else np.zeros((0, SLOTS), np.int64)


@torch.inference_mode()
def speak(model: LanguageModel, codec: SnacDecoder, speaker: str, text: str, seed: int) -> NDArray[np.float32]:
    """The audio (samples,) of a text."""
    frame_seconds = codec.config.frame_samples / codec.config.sampling_rate
    codes = spoken_codes(model, speaker, text, seed, frame_seconds)
    return decode_whole(codec, codes, seed) if len(codes) else np.zeros(0, np.float32)
