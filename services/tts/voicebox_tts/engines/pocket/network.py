"""The networks of Pocket TTS, driven one frame at a time: a language model of sounds, and the codec Mimi.

S. Rouard et al., "Continuous audio language models", 2025, https://arxiv.org/abs/2509.06926. The package's own
`generate_audio_stream` starts two threads for each sentence that cannot be stopped before its end, and draws its noise
from torch's global generator.
"""

import math
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from numpy.typing import NDArray
from pocket_tts.data.audio_utils import end_on_pause
from pocket_tts.models.flow_lm import FlowLMModel, drifting_decode, lsd_decode, ot_decode, pointwise_decode
from pocket_tts.models.mimi import build_mimi
from pocket_tts.models.tts_model import stamp_state_names
from pocket_tts.modules.attention import _CAUSAL_MASK_CACHE
from pocket_tts.modules.stateful_module import ModelState, init_states
from pocket_tts.utils.config import Config, load_config
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional

from voicebox_tts.engine import Samples

from . import model_files
from .prompt import PocketPrompt
from .text import Piece, TextCutter

DECODERS = {"lsd": lsd_decode, "flow_matching": ot_decode, "drifting": drifting_decode, "pointwise": pointwise_decode}
DECODE_STEPS = {"flow_matching": 16}
"""How many steps lead from noise to a sound; one, but for Euler's method."""

TOKENS_PER_SECOND = 3.0
SPARE_SECONDS = 2.0
"""The package's bound of how long a text can take: people speak twice as fast at least."""

FIRST_END_FRAME = 6
"""Before the speech begins, some voices seem to end."""

FADE_SECONDS = 0.005
"""The codec begins with a small step, which is a click."""


@dataclass
class GenerationState:
    """A piece of text while it is spoken: what the model and the codec remember, and the audio that was made last, as a
    latent vector.
    """

    memory: ModelState
    codec: ModelState
    latent: Tensor
    is_begun: bool = False


class PocketNetwork:
    """The weights. Immutable: any number of utterances can be spoken at once."""

    def __init__(self, folder: Path) -> None:
        """Read a folder that `model_files.checked` accepts; what the libraries raise for files that are not what they
        should be.
        """
        config = _config(folder)
        weights = {name: tensor.float() for name, tensor in load_file(folder / model_files.WEIGHTS).items()}
        with torch.device("meta"):  # nothing is drawn for weights that are replaced
            self._model, self._codec = _language_model(config), build_mimi(config.mimi)
        for name, module in (("flow_lm.", self._model), ("mimi.", self._codec)):
            own = {key.removeprefix(name): tensor for key, tensor in weights.items() if key.startswith(name)}
            module.load_state_dict(own, strict=True, assign=True)
            module.eval()
        stamp_state_names(SimpleNamespace(flow_lm=self._model, mimi=self._codec))
        self._layers = tuple(init_states(self._model, 1, 0))
        self._codec_steps = round(self._codec.encoder_frame_rate / self._codec.frame_rate)
        self._spread = math.sqrt(config.default_temperature)
        self._end_threshold = config.default_eos_threshold
        self._decode = partial(
            DECODERS[config.flow_lm.flow.type], num_steps=DECODE_STEPS.get(config.flow_lm.flow.type, 1)
        )
        self.text = TextCutter(self._model.conditioner.tokenizer, self._model.conditioner.tokenizer.encode, config)
        self.sample_rate_hz = int(self._codec.sample_rate)
        self.noise_width = int(self._model.ldim)

    @property
    def memory_shape(self) -> tuple[int, int, int]:
        """Layers, heads, and the width of a head."""
        attention = self._model.transformer.layers[0].self_attn
        return len(self._layers), attention.num_kv_heads, attention.dim_per_head

    @property
    def size_bytes(self) -> int:
        return sum(
            int(each.nbytes)
            for module in (self._model, self._codec)
            for each in (*module.parameters(), *module.buffers())
        )

    def max_frames(self, piece: Piece) -> int:
        """After so many it has run away."""
        seconds = len(piece.tokens) / TOKENS_PER_SECOND + SPARE_SECONDS
        return math.ceil(seconds * float(self._codec.frame_rate))

    @torch.inference_mode()
    def encode(self, samples: Samples) -> PocketPrompt:
        """What the model remembers of a recording at its rate."""
        recording = end_on_pause(torch.from_numpy(np.array(samples))[None], self.sample_rate_hz)
        latents = functional.linear(self._codec.encode_to_latent(recording[None]), self._model.speaker_proj_weight)
        _CAUSAL_MASK_CACHE.clear()  # that of 30 s takes 36 MB, and would stay for ever
        if self._model.insert_bos_before_voice:
            latents = torch.cat([self._model.bos_before_voice, latents], dim=1)
        memory = init_states(self._model, 1, latents.shape[1])
        self._model.transformer(latents, memory)
        return PocketPrompt(tuple(memory[layer]["cache"][:, 0].numpy().copy() for layer in self._layers))

    def voice(self, path: Path) -> PocketPrompt:
        """What `pocket-tts export-voice` wrote; ValueError when it is of another model."""
        stored = load_file(path)
        try:
            memories = tuple(_used(stored, layer) for layer in self._layers)
        except KeyError as error:
            raise ValueError(f"{path} has no {error}.") from error
        layers, heads, width = self.memory_shape
        if any(
            memory.shape != (2, memories[0].shape[1], heads, width) or not np.isfinite(memory).all()
            for memory in memories
        ):
            raise ValueError(
                f"{path} is a voice of another model: this one has {layers} layers with {heads} heads of {width}."
            )
        return PocketPrompt(memories)

    @torch.inference_mode()
    def begin(self, prompt: PocketPrompt, piece: Piece) -> GenerationState:
        """Read a piece, after the voice's prompt."""
        frames = self.max_frames(piece)
        memory = init_states(self._model, 1, prompt.steps + len(piece.tokens) + frames)
        for layer, cached in zip(self._layers, prompt.memories, strict=True):
            memory[layer]["cache"][:, 0, : prompt.steps] = torch.tensor(cached)
        _advance(memory, prompt.steps)
        self._model.transformer(self._model.conditioner(torch.tensor([piece.tokens])), memory)
        _advance(memory, len(piece.tokens))
        codec = init_states(self._codec, 1, frames * self._codec_steps)
        return GenerationState(memory, codec, self._model.bos_emb.view(1, 1, -1))

    @torch.inference_mode()
    def step(self, utterance: GenerationState, noise: NDArray[np.float32]) -> tuple[Tensor, bool]:
        """The next sound as a latent vector, shape (1, 1, width), and whether the text ends with it. `noise` is normal,
        shape (width,).
        """
        nothing = torch.empty(1, 0, self._model.dim)
        before = utterance.latent
        (seen,) = self._model.backbone(self._model.input_linear(before), nothing, before, utterance.memory).unbind(1)
        _advance(utterance.memory, 1)
        utterance.latent = self._decode(
            partial(self._model.flow_net, seen), torch.from_numpy(noise)[None] * self._spread
        )[:, None]
        return utterance.latent, bool(self._model.out_eos(seen) > self._end_threshold)

    @torch.inference_mode()
    def decode(self, utterance: GenerationState, latent: Tensor) -> Samples:
        """A latent vector as audio: one frame of 80 ms, in [-1, 1]."""
        scaled = latent * self._model.emb_std + self._model.emb_mean
        samples: Samples = self._codec.decode_from_latent(scaled, utterance.codec)[0, 0].numpy().clip(-1.0, 1.0)
        _advance(utterance.codec, self._codec_steps)
        if not utterance.is_begun:
            utterance.is_begun = True
            fade = np.linspace(0, 1, int(FADE_SECONDS * self.sample_rate_hz), dtype=np.float32)
            samples[: len(fade)] *= fade
        return samples


def _config(folder: Path) -> Config:
    """The folder's own configuration, or the package's of a model of that name. Every path in it is local: others would
    be fetched.
    """
    config = load_config(str(model_files.config(folder).resolve()))
    config.flow_lm.lookup_table.tokenizer_path = str(model_files.tokenizer(folder).resolve())
    config.flow_lm.lookup_table.tokenizer = (
        "tokenizers" if model_files.tokenizer(folder).suffix == ".json" else "sentencepiece"
    )
    return config


def _language_model(config: Config) -> FlowLMModel:
    width = config.mimi.quantizer.dimension
    model = FlowLMModel.from_pydantic_config(config.flow_lm, width, config.flow_lm.insert_bos_before_voice)
    inner_dim = config.mimi.inner_dim or config.mimi.seanet.dimension
    model.speaker_proj_weight = torch.nn.Parameter(torch.empty(config.flow_lm.transformer.d_model, inner_dim))
    return model


def _used(stored: dict[str, Tensor], layer: str) -> NDArray[np.float32]:
    """A layer's memory without the room that was left in it, shape (2, steps, heads, width)."""
    older = stored.get(f"{layer}/current_end")  # its length was the number of steps, once
    steps = int(stored[f"{layer}/offset"].reshape(-1)[0]) if older is None else len(older)
    memory: NDArray[np.float32] = stored[f"{layer}/cache"][:, 0, :steps].float().numpy().copy()
    return memory


def _advance(state: ModelState, steps: int) -> None:
    for each in state.values():
        if "offset" in each:
            each["offset"] += steps
