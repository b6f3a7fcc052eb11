"""AudioSeal in memory: marks streams at any rate, and detects."""

import threading
from pathlib import Path

import numpy as np
import torch
from voicebox_audio.resample import Resampler
from voicebox_kit.errors import StartError

from voicebox_tts.engine import Samples
from voicebox_tts.watermark import Detection

from . import weights
from .network import Detector, Generator, State

RATE_HZ = 16_000
"""What AudioSeal was trained at. The watermark is made at this rate, and added at the stream's own."""
DETECTED_SHARE = 0.5
"""From this share of watermarked samples on a recording counts as marked, as in AudioSeal's own examples."""
BLOCK_SECONDS = 10
"""Detection works through a recording in such pieces, so that its memory is bounded."""
_NOTHING: Samples = np.zeros(0, np.float32)


class LoadedAudioSeal:
    """Thread-safe: one step is computed at a time."""

    def __init__(self, folder: Path) -> None:
        """Reads safetensors only; StartError when the files cannot be used."""
        try:
            self.generator = Generator(weights.read(folder / weights.GENERATOR)).eval()
            self.detector = Detector(weights.read(folder / weights.DETECTOR)).eval()
        except (KeyError, IndexError, ValueError, RuntimeError) as error:
            sentence = f"The watermark in {folder.name} cannot be used: its tensors are not AudioSeal's: {error}."
            raise StartError(sentence) from error
        self._message = torch.zeros(self.generator.bit_count, dtype=torch.long)
        self._lock = threading.Lock()

    @torch.inference_mode()
    def watermark(self, samples: Samples, state: State) -> Samples:
        """The watermark of the next samples of a stream, shape (n,), n a multiple of the generator's hop."""
        with self._lock:
            made = self.generator.step(torch.from_numpy(samples)[None, None], self._message, state)
        return made.reshape(-1).numpy()

    @torch.inference_mode()
    def detect(self, samples: Samples, sample_rate_hz: int) -> Detection:
        """Look for the watermark in a recording, shape (n,)."""
        resampler, state = Resampler(sample_rate_hz, RATE_HZ), State()
        audio = np.concatenate((resampler.push(samples), resampler.finish()))
        block = BLOCK_SECONDS * RATE_HZ // self.detector.hop * self.detector.hop
        found, bits = 0, torch.zeros(self.generator.bit_count)
        for start in range(0, len(audio), block):
            piece = audio[start : start + block]
            padded = np.pad(piece, (0, -len(piece) % self.detector.hop))
            with self._lock:
                scores = self.detector.step(torch.from_numpy(padded)[None, None], state)[0, :, : len(piece)]
            found += int((scores[1] > scores[0]).sum())
            bits += scores[2:].sum(1)
        share = found / len(audio) if len(audio) else 0.0
        message = "".join("1" if bit > 0 else "0" for bit in bits)
        return Detection(share, share >= DETECTED_SHARE, message)

    def close(self) -> None:
        """Nothing but memory is held."""


class AudioSealStream:
    """Marks one stream. The generator always gets one hop, so that any pieces give the same samples."""

    _speech: Samples
    _given: Samples
    _mark: Samples

    def __init__(self, model: LoadedAudioSeal, sample_rate_hz: int) -> None:
        self._model, self._rate, self._hop = model, sample_rate_hz, model.generator.hop
        self._begin()

    def push(self, samples: Samples) -> Samples:
        """Take samples, shape (n,); returns those that are marked."""
        self._speech = np.concatenate((self._speech, samples))
        self._add(self._down.push(samples))
        return self._ready(min(len(self._speech), len(self._mark)))

    def finish(self) -> Samples:
        """The rest; nothing may be pushed afterwards."""
        self._add(self._down.finish())
        self._add(np.zeros(-len(self._given) % self._hop, np.float32))
        # The two resamplers may end a sample early.
        self._mark = np.concatenate((self._mark, self._up.finish(), np.zeros(len(self._speech), np.float32)))
        return self._ready(len(self._speech))

    def drop(self) -> None:
        """Forget what is held back."""
        self._begin()

    def _begin(self) -> None:
        self._state = State()
        self._down, self._up = Resampler(self._rate, RATE_HZ), Resampler(RATE_HZ, self._rate)
        self._speech, self._given, self._mark = _NOTHING, _NOTHING, _NOTHING

    def _add(self, speech: Samples) -> None:
        """Make the watermark of whole hops."""
        given = np.concatenate((self._given, speech))
        whole = len(given) - len(given) % self._hop
        for start in range(0, whole, self._hop):
            made = self._model.watermark(given[start : start + self._hop], self._state)
            self._mark = np.concatenate((self._mark, self._up.push(made)))
        self._given = given[whole:]

    def _ready(self, count: int) -> Samples:
        marked: Samples = np.clip(self._speech[:count] + self._mark[:count], -1, 1)
        self._speech, self._mark = self._speech[count:], self._mark[count:]
        return marked
