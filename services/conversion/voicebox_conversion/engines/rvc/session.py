"""One stream in a voice of RVC."""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from voicebox_kit.errors import InvalidField, Precondition

from voicebox_conversion.engine import Options, Samples
from voicebox_conversion.engines.speech.encoder import RATE_HZ
from voicebox_conversion.engines.speech.noise import noise
from voicebox_conversion.engines.speech.windows import FILE, LIVE, UNIT_MS, Window, WindowedSession, resampled

from .config import FRAME_MS
from .index import UNVOICED_SHARE, drawn
from .loaded import LoadedRvc
from .pitch import Hertz, PitchLine, RunningPitch, steps
from .synthesizer import Noise, Pitch
from .voice import RvcVoice

ENGINE_HZ = 48_000
FRAMES_A_UNIT = UNIT_MS // FRAME_MS
PRIOR_FRAMES = 10.0
"""The weight of the target's own pitch, before a speaker is known."""
_LATENTS, _SOURCE = 0, 1


class RvcSession(WindowedSession):
    """As voicebox_conversion.engine.Session. `strength` is how much of the features comes from the voice's index."""

    def __init__(self, shared: LoadedRvc, voice: RvcVoice, options: Options, seed: int = 0) -> None:
        super().__init__(self._converted, LIVE if options.is_live else FILE, ENGINE_HZ)
        self._shared, self._voice, self._options, self._seed = shared, voice, options, seed
        self._line, self._speaker = PitchLine(), RunningPitch()
        self._is_known = False
        if voice.config.features != shared.speech.config.hidden:
            sentence = f"The voice takes {voice.config.features} features, not {shared.speech.config.hidden}."
            raise Precondition("VOICE_OF_ANOTHER_ENCODER", "config.target", sentence)
        if options.pitch_semitones and not voice.config.has_pitch:
            sentence = "The voice was trained without a pitch, which cannot be moved."
            raise InvalidField("config.pitch_semitones", sentence, "UNSUPPORTED_BY_ENGINE")

    def begin(self, preview: Samples) -> None:
        if self._voice.config.has_pitch and self._voice.pitch_hz:
            self._speaker.add(self._shared.tracker.track(resampled(preview, ENGINE_HZ, RATE_HZ)))
            self._is_known = True

    @torch.inference_mode()
    def _converted(self, window: Window) -> Samples:
        """As voicebox_conversion.engines.speech.windows.Convert."""
        config, samples = self._voice.config, resampled(window.samples, ENGINE_HZ, RATE_HZ)
        f0, turns = self._pitch(window, samples) if config.has_pitch else (None, None)
        with self._shared.lock:
            features = self._drawn(self._shared.features(samples), f0)
            frames, first = len(features), window.first * FRAMES_A_UNIT
            pitch = None if f0 is None or turns is None else self._on_device(f0, turns)
            made = self._voice.synthesizer.speak(features[None], pitch, self._noise(first, frames))
            spoken = made[0].float().cpu().numpy()
        whole = resampled(spoken, config.rate_hz, ENGINE_HZ)
        unit = ENGINE_HZ * UNIT_MS // 1000
        return np.clip(whole[window.begin * unit : window.end * unit], -1.0, 1.0)  # resampling may overshoot

    def _pitch(self, window: Window, samples: Samples) -> tuple[Hertz, NDArray[np.float64]]:
        """Of all frames of the window; those that will not come again are decided by it."""
        first, last = window.first * FRAMES_A_UNIT, (window.first + window.end - window.fade) * FRAMES_A_UNIT
        found = self._shared.tracker.track(samples)
        begin, end = self._line.decided - first, last - first
        if not self._is_known:
            self._speaker.add(found[begin:end])
        moved = np.where(found > 0, found * self._factor(), 0.0).astype(np.float32)
        self._line.decide(moved[begin:end])
        return self._line.window(first, moved[end:])

    def _factor(self) -> float:
        """From the speaker's pitch to the target's, as far as both are known."""
        asked = self._options.pitch_semitones * math.log(2) / 12
        if not self._voice.pitch_hz:
            return math.exp(asked)
        target = math.log(self._voice.pitch_hz)
        return math.exp(target - self._speaker.mean(target, PRIOR_FRAMES) + asked)

    def _drawn(self, features: torch.Tensor, f0: Hertz | None) -> torch.Tensor:
        """The features in frames of the synthesizer, drawn towards the index."""
        plain = features.repeat_interleave(FRAMES_A_UNIT, 0)
        if self._voice.vectors is None:
            return plain
        moved = drawn(features, self._voice.vectors, self._options.strength).repeat_interleave(FRAMES_A_UNIT, 0)
        if f0 is None:
            return moved
        shares = np.where(f0 > 0, 1.0, UNVOICED_SHARE).astype(np.float32)
        return torch.lerp(plain, moved, torch.from_numpy(shares).to(plain.device)[:, None])

    def _on_device(self, f0: Hertz, turns: NDArray[np.float64]) -> Pitch:
        device = self._shared.device
        return Pitch(
            torch.from_numpy(f0).to(device)[None],
            torch.from_numpy(steps(f0)).to(device)[None],
            torch.from_numpy(turns.astype(np.float32)).to(device)[None],
        )

    def _noise(self, first: int, frames: int) -> Noise:
        config, device = self._voice.config, self._shared.device
        latents = noise(self._seed, _LATENTS, first, frames, config.latent)
        source = noise(self._seed, _SOURCE, first, frames, config.hop_samples)
        return Noise(
            torch.from_numpy(latents.T.copy()).to(device)[None], torch.from_numpy(source.reshape(1, -1)).to(device)
        )
