"""Phonemes of texts by espeak-ng, for engines that speak phonemes."""

import json
import re
import threading
from collections.abc import Sequence

from voicebox_kit.errors import InvalidField, Unavailable

from .pool import EspeakProcess

_LANGUAGE_SWITCH = re.compile(r"\([a-z-]+\)")
"""`(en)` says that the rules of another language follow."""


class Phonemizer:
    """One espeak-ng process. Thread-safe; a process that ended is started again."""

    def __init__(self) -> None:
        """Starts the process; StartError when the library or its data is missing."""
        self._process = EspeakProcess()
        self._lock = threading.Lock()

    def phonemes(self, texts: Sequence[str], voice: str, tie: str = "") -> list[str]:
        """The IPA of each text, words separated by spaces, by the rules of espeak-ng's voice `voice`. The
        character `tie` joins the letters of one phoneme.

        InvalidField("text") when espeak-ng cannot read it, Unavailable("ENGINE_FAILED") when the process ended.
        """
        with self._lock:
            if not self._process.alive:
                self._process.close()
                self._process = EspeakProcess()
            try:
                return phonemes_by(self._process, texts, voice, tie)
            except (EOFError, TimeoutError) as error:
                self._process.kill()
                raise Unavailable("ENGINE_FAILED", f"{error}: it will be started again.") from error

    def close(self) -> None:
        """End the process."""
        with self._lock:
            self._process.close()


def phonemes_by(
    process: EspeakProcess, texts: Sequence[str], voice: str, tie: str = "", *, has_phonemes: bool = False
) -> list[str]:
    """As Phonemizer.phonemes, by a process that nobody else uses meanwhile; EOFError or TimeoutError when it is lost.

    `has_phonemes` says that names of phonemes are followed, as in [[h@l'oU]].
    """
    process.send({"phonemes": list(texts), "voice": voice, "tie": tie, "has_phonemes": has_phonemes})
    found = list[str]()
    while True:
        letter, body = process.read()
        if letter == b"P":
            found = [_LANGUAGE_SWITCH.sub("", ipa) for ipa in json.loads(body)]
        elif letter == b"F":
            raise InvalidField("text", f"{body.decode()}.", "TEXT_NOT_SPEAKABLE")
        else:
            return found
