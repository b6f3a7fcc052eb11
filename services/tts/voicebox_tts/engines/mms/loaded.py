"""An MMS voice in memory: the parts of transformers' VitsModel, with noise of a seed and durations that are shown."""

import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import VitsModel
from voicebox_kit.errors import StartError

from voicebox_tts.engine import Samples

from .tokenizer import Tokenizer


class LoadedMms:
    """Thread-safe: one clause is computed at a time, on all threads of torch."""

    def __init__(self, folder: Path) -> None:
        """Reads safetensors only; StartError when the files cannot be used."""
        self.tokenizer = Tokenizer.read(folder)
        try:
            self._model = VitsModel.from_pretrained(folder, use_safetensors=True, local_files_only=True).eval()
        except Exception as error:  # the library raises whatever it meets
            raise StartError(f"The voice in {folder.name} cannot be used: {error}.") from error
        if max(self.tokenizer.ids.values(), default=0) >= self._model.config.vocab_size:
            raise StartError(f"The voice in {folder.name} cannot be used: its tokenizer is not its model's.")
        self.sample_rate_hz = int(self._model.config.sampling_rate)
        self._lock = threading.Lock()

    @torch.inference_mode()
    def speak(self, ids: Sequence[int], speed: float, seed: int) -> tuple[Samples, NDArray[np.float64]]:
        """The audio of a clause, and how many samples each id lasts, shape (ids,). The same seed, the same samples."""
        model, config = self._model, self._model.config
        with self._lock, torch.random.fork_rng(devices=[]):  # the duration predictor draws from the global generator
            torch.manual_seed(seed)
            given = torch.tensor([list(ids)])
            mask = torch.ones(1, given.shape[1], 1)
            encoded = model.text_encoder(input_ids=given, padding_mask=mask, return_dict=True)
            hidden, mask = encoded.last_hidden_state.transpose(1, 2), mask.transpose(1, 2)
            if config.use_stochastic_duration_prediction:
                log_durations = model.duration_predictor(
                    hidden, mask, None, reverse=True, noise_scale=model.noise_scale_duration
                )
            else:
                log_durations = model.duration_predictor(hidden, mask, None)
            frames = _at_speed(torch.ceil(torch.exp(log_durations)).reshape(-1), speed)
            means, log_deviations = (
                each[0].repeat_interleave(frames, dim=0).T[None]
                for each in (encoded.prior_means, encoded.prior_log_variances)
            )
            latents = means + torch.randn_like(means) * torch.exp(log_deviations) * model.noise_scale
            whole = torch.ones(1, 1, latents.shape[2])
            audio = model.decoder(model.flow(latents, whole, None, reverse=True), None).reshape(-1)
        samples = np.clip(audio.numpy().astype(np.float32), -1, 1)
        return samples, frames.numpy() * (len(samples) / max(int(frames.sum()), 1))

    def close(self) -> None:
        """Nothing but memory is held."""


def _at_speed(frames: torch.Tensor, speed: float) -> torch.Tensor:
    """Durations that end where those of speed 1 would, divided by the speed, to the nearest frame; one frame at least
    in all.
    """
    ends = torch.round(torch.cumsum(frames.double(), 0) / speed).long()
    ends[-1] = max(int(ends[-1]), 1)
    return torch.diff(ends, prepend=torch.zeros(1, dtype=torch.long))
