"""The prompt: what the talker reads before the first frame, and which text it reads with each frame after."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - as everybody calls it
from numpy.typing import NDArray
from torch import Tensor

from .config import Config
from .language_model import LanguageModel


class Cloned(Protocol):
    """A voice from a recording, as prompt.Qwen3Prompt."""

    @property
    def transcript(self) -> str:
        """What is said in it; empty when the voice is followed by its vector alone."""

    @property
    def codes(self) -> NDArray[np.int64]:
        """Its frames, (frames, groups); none when the voice is followed by its vector alone."""

    @property
    def speaker(self) -> NDArray[np.float32]:
        """The speaker's vector, (talker's width,)."""


@dataclass(frozen=True, eq=False)
class Layout:
    """A prompt, on the model's device."""

    embeds: Tensor
    """(tokens, width): what is read before the first frame."""
    text: Tensor
    """(frames, width): what is read with each frame after it; with later frames, the model's pad."""


@torch.inference_mode()
def layout(
    model: LanguageModel, words: str, voice: "str | Cloned | None", language: str = "", instructions: str = ""
) -> Layout:
    """The prompt in which the model says `words`, exactly as the official package lays it out.

    `voice` is one of the model's speakers, a cloned voice, or None, when the instructions describe it. `language` is
    the model's own name for it, see Config.language; empty lets it find out. Cloned voices read their text with the
    frames, others before them: the package's default for each kind of model. Raises ValueError for text without a
    token, and KeyError for a speaker or language that it has not.
    """
    ids = model.tokens.text(words.strip())
    if not ids:
        raise ValueError("there is nothing to say")
    writer = _Writer(model)
    spoken = _spoken_language(model.config, voice, language)
    parts = [writer.text(model.tokens.instructions(instructions))] if instructions else []
    parts += [writer.text(model.tokens.speaking), writer.tags(spoken, voice)]
    if voice is None or isinstance(voice, str):
        said = [
            writer.paired([*ids, model.config.text.end], model.config.control.pad),
            writer.paired([model.config.text.pad], model.config.control.begin),
        ]
        return Layout(torch.cat([*parts, *said]), writer.pad)
    if len(voice.codes) and voice.transcript:
        heard, text = writer.heard(voice, [*model.tokens.text(voice.transcript.strip()), *ids])
        return Layout(torch.cat([*parts, heard]), text)
    first, rest = ids[:1], [*ids[1:], model.config.text.end]
    return Layout(torch.cat([*parts, writer.paired(first, model.config.control.begin)]), writer.text(rest))


def pad(model: LanguageModel) -> Tensor:
    """What is read with a frame when the text is over, (width,)."""
    return _Writer(model).pad[0]


class _Writer:
    """Writes parts of a prompt: sums of text and code embeddings, (tokens, width)."""

    def __init__(self, model: LanguageModel) -> None:
        self._model = model
        self._config = model.config
        self.pad = self.text([model.config.text.pad])

    def text(self, ids: Sequence[int]) -> Tensor:
        return self._model.talker.text(torch.tensor(ids, device=self._model.device))

    def paired(self, ids: Sequence[int], code: int) -> Tensor:
        """Text, each token with the same control code."""
        return self.text(ids) + self._codes([code])

    def tags(self, language: str, voice: "str | Cloned | None") -> Tensor:
        """In which language and by whom, and that the text begins; the code for the beginning of speech is left to what
        comes next.
        """
        control = self._config.control
        if language:
            tag = [control.think, control.think_begin, self._config.languages[language], control.think_end]
        else:
            tag = [control.no_think, control.think_begin, control.think_end]
        codes = torch.cat([self._codes(tag), *self._speaker(voice), self._codes([control.pad])])
        text = torch.cat([self.pad.expand(len(codes) - 1, -1), self.text([self._config.text.begin])])
        return text + codes

    def heard(self, voice: Cloned, ids: Sequence[int]) -> tuple[Tensor, Tensor]:
        """The recording's frames, as if the model had said them, with as many tokens of the text; and the rest of the
        text.
        """
        codes = torch.tensor(voice.codes, device=self._model.device)
        frames = torch.cat([self._codes([self._config.control.begin]), self._model.embedded(codes)])
        text = self.text([*ids, self._config.text.end])
        with_frames, rest = text[: len(frames)], text[len(frames) :]
        padding = self.pad.expand(len(frames) - len(with_frames), -1)
        return frames + torch.cat([with_frames, padding]), rest if len(rest) else self.pad

    def _codes(self, ids: Sequence[int]) -> Tensor:
        return F.embedding(torch.tensor(ids, device=self._model.device), self._model.talker.embedding)

    def _speaker(self, voice: "str | Cloned | None") -> list[Tensor]:
        if voice is None:
            return []
        if isinstance(voice, str):
            return [self._codes([self._config.speakers[voice].id])]
        return [torch.tensor(voice.speaker, device=self._model.device, dtype=self._model.dtype)[None]]


def _spoken_language(config: Config, voice: "str | Cloned | None", language: str) -> str:
    """A speaker of a dialect speaks it when Chinese or nothing is asked for."""
    dialect = config.speakers[voice].dialect if isinstance(voice, str) else ""
    return dialect if dialect and language in {"", "chinese"} else language
