"""libflite alone, in this process, for so many seconds: prints how many seconds of audio it made in them."""

import sys
import time

from voicebox_tts.engines.flite.library import Features, Flite, SpokenWord
from voicebox_tts.engines.flite.text import pieces

from bench.tts import TEXT


class _Counting:
    """A listener that counts."""

    samples = 0

    def begin(self, words: list[SpokenWord]) -> None:
        """Nothing is kept."""

    def write(self, samples: bytes) -> bool:
        self.samples += len(samples) // 2
        return True


def main() -> None:
    """Speak one text again and again."""
    flite, listener = Flite(), _Counting()
    parts = [piece.text.encode() for piece in pieces(TEXT, eager=True)]
    flite.speak("slt", parts[0], Features(), 1, _Counting())
    began = time.perf_counter()
    while (took := time.perf_counter() - began) < float(sys.argv[1]):
        for part in parts:
            flite.speak("slt", part, Features(), 1, listener)
    print(listener.samples / 16_000 * float(sys.argv[1]) / took)


if __name__ == "__main__":
    main()
