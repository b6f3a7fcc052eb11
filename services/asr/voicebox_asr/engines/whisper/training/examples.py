"""Clips of a data set as Whisper reads them: log-Mel spectrograms and tokens."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import soxr
from faster_whisper.audio import pad_or_trim
from faster_whisper.feature_extractor import FeatureExtractor
from faster_whisper.tokenizer import Tokenizer
from faster_whisper.transcribe import get_suppressed_tokens
from numpy.typing import NDArray
from tokenizers import Tokenizer as Encoder
from voicebox_kit.errors import InvalidField
from voicebox_models.adapters.dataset import Clip

from voicebox_asr.engine import SAMPLE_RATE_HZ
from voicebox_asr.engines.whisper import model_files
from voicebox_asr.engines.whisper.decoder import WINDOW_FRAMES, padded_frames
from voicebox_asr.engines.whisper.languages import CODES, ENGLISH

MAX_TEXT_TOKENS = 440
"""A transcript with its prompt has at most 448 tokens."""


@dataclass(frozen=True, eq=False)
class Example:
    """A clip. `tokens` are those of its text and the end."""

    clip: Clip
    tokens: tuple[int, ...]

    def features(self, mels: int, *, whole_window: bool) -> NDArray[np.float32]:
        """The spectrogram (mels, frames), padded to 30 s, or as short as it is read on a CPU."""
        samples, rate_hz = self.clip.samples()
        heard = soxr.resample(samples, rate_hz, SAMPLE_RATE_HZ) if rate_hz != SAMPLE_RATE_HZ else samples
        spectrogram = _extractor(mels)(heard)[..., :-1]
        frames = WINDOW_FRAMES if whole_window else padded_frames(spectrogram.shape[1])
        made: NDArray[np.float32] = pad_or_trim(spectrogram, frames).astype(np.float32)
        return made


@cache
def _extractor(mels: int) -> FeatureExtractor:
    return FeatureExtractor(feature_size=mels)


class Texts:
    """The tokenizer of a model, for transcripts in one language."""

    def __init__(self, folder: Path, language: str) -> None:
        """`language` is in BCP 47. InvalidField for one that the model has not."""
        known = model_files.languages(folder)
        multilingual = known != ENGLISH
        if language and language not in known:
            sentence = f"The base model recognises {', '.join(known[:8])} and others, not {language}."
            raise InvalidField("options.language", sentence if multilingual else "The base model knows English only.")
        encoder = Encoder.from_file(str(folder / "tokenizer.json"))
        self._tokens = Tokenizer(encoder, multilingual, "transcribe", CODES.get(language, language) or "en")
        settings = json.loads((folder / "config.json").read_text("utf-8"))
        self.end: int = self._tokens.eot
        self.start: int = self._tokens.sot
        self.prompt = (*self._tokens.sot_sequence, self._tokens.no_timestamps)
        self.never = tuple(get_suppressed_tokens(self._tokens, [-1]))
        """Symbols that are not spoken, which the recogniser never writes."""
        self.never_first = tuple(settings.get("suppress_ids_begin") or ())

    def example(self, clip: Clip) -> Example:
        """InvalidField for a text that is too long for one window."""
        tokens = tuple(self._tokens.encode(f" {clip.text}"))
        if len(tokens) > MAX_TEXT_TOKENS:
            raise InvalidField("dataset", f"The text of {clip.path.name} is too long for 30 s.", "DATASET_REFUSED")
        return Example(clip, (*tokens, self.end))

    def decoded(self, tokens: Sequence[int]) -> str:
        """The text of tokens."""
        text: str = self._tokens.decode([token for token in tokens if token < self.end])
        return text.strip()
