"""Speaks one stream with Pocket TTS."""

from collections.abc import Generator

import numpy as np
from numpy.typing import NDArray

from voicebox_tts.engine import Speech

from .network import FIRST_END_FRAME, PocketNetwork
from .prompt import PocketPrompt
from .text import Piece
from .workers import Workers, outcome


class PocketSession:
    """One stream in one voice. Between two sentences it holds nothing but the number of its pieces."""

    def __init__(self, network: PocketNetwork, workers: Workers, prompt: PocketPrompt, seed: int) -> None:
        self.sample_rate_hz = network.sample_rate_hz
        self._network, self._workers, self._prompt, self._seed = network, workers, prompt, seed
        self._pieces = 0

    def speak(self, sentence: str) -> Generator[Speech, None, None]:
        """Speak a sentence in frames of 80 ms. Every piece of a text begins with the voice's own prompt: it does not
        wander.
        """
        for piece in self._network.text.pieces(sentence):
            self._pieces += 1
            yield from self._speak_piece(piece)

    def close(self) -> None:
        """Nothing is held between sentences."""

    def _speak_piece(self, piece: Piece) -> Generator[Speech, None, None]:
        """While a frame's audio is made, the next one's latent vector is, too: with two cores that is one and a half
        times as fast.
        """
        network, submit = self._network, self._workers.submit
        noise = np.random.default_rng((self._seed & 0xFFFF_FFFF_FFFF_FFFF, self._pieces))
        utterance = outcome(submit(network.begin, self._prompt, piece))
        max_frames = last = network.max_frames(piece)
        frame, has_ended = 0, False
        step = submit(network.step, utterance, self._draw(noise))
        try:
            while frame < last:
                latent, is_end = outcome(step)
                if is_end and not has_ended and frame >= FIRST_END_FRAME:
                    last, has_ended = min(frame + piece.tail_frames, max_frames), True
                    if frame == last:
                        return
                audio = submit(network.decode, utterance, latent)
                frame += 1
                if frame < last:
                    step = submit(network.step, utterance, self._draw(noise))
                samples = outcome(audio)
                yield Speech(
                    samples, warnings=(_ran_away(piece, max_frames),) if frame == max_frames and not has_ended else ()
                )
        finally:
            step.cancel()

    def _draw(self, noise: np.random.Generator) -> NDArray[np.float32]:
        return noise.standard_normal(self._network.noise_width, np.float32)


def _ran_away(piece: Piece, frames: int) -> str:
    return (
        f"The voice did not end with its text, {len(piece.tokens)} tokens, and was cut off after {0.08 * frames:.0f} s."
    )
