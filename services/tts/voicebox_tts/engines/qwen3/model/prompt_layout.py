"""The talker's prompt: its input before the first frame, and the text that is added to each frame after it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - as everybody calls it
from numpy.typing import NDArray
from torch import Tensor

from .config import ModelConfig
from .language_model import LanguageModel


class ClonedVoice(Protocol):
    """A voice from a recording, see voice_prompt.Qwen3Prompt."""

    @property
    def transcript(self) -> str:
        """The recording's; empty when only the speaker embedding is used (`x_vector_only_mode`)."""

    @property
    def codes(self) -> NDArray[np.int64]:
        """Its frames, (frames, num_code_groups); none when only the speaker embedding is used."""

    @property
    def speaker_embedding(self) -> NDArray[np.float32]:
        """(the talker's hidden_size,)."""


@dataclass(frozen=True, eq=False)
class PromptEmbeddings:
    """A prompt, on the model's device."""

    inputs_embeds: Tensor
    """(T, hidden_size): the input before the first frame."""
    trailing_text: Tensor
    """(frames, hidden_size): `trailing_text_hidden`, added to each frame after it; later frames get the pad."""


@torch.inference_mode()
def build_prompt(
    model: LanguageModel, words: str, voice: "str | ClonedVoice | None", language: str = "", instructions: str = ""
) -> PromptEmbeddings:
    """The prompt in which the model says `words`, exactly as the official package lays it out.

    `voice` is one of the model's speakers, a cloned voice, or None, when the instructions describe it. `language` is
    the model's own name for it, see Config.language; empty lets it find out. Cloned voices read their text with the
    frames, others before them: the package's default for each kind of model. Raises ValueError for text without a
    token, and KeyError for a speaker or language that it has not.
    """
    ids = model.tokenizer.text(words.strip())
    if not ids:
        raise ValueError("there is nothing to say")
    writer = _Writer(model)
    spoken = _spoken_language(model.config, voice, language)
    parts = [writer.text(model.tokenizer.instructions(instructions))] if instructions else []
    parts += [writer.text(model.tokenizer.speaking), writer.tags(spoken, voice)]
    if voice is None or isinstance(voice, str):
        ending = [
            writer.paired([*ids, model.config.text_tokens.tts_eos], model.config.codec_tokens.pad),
            writer.paired([model.config.text_tokens.tts_pad], model.config.codec_tokens.bos),
        ]
        return PromptEmbeddings(torch.cat([*parts, *ending]), writer.pad)
    if len(voice.codes) and voice.transcript:
        frames, text = writer.in_context(voice, [*model.tokenizer.text(voice.transcript.strip()), *ids])
        return PromptEmbeddings(torch.cat([*parts, frames]), text)
    first, rest = ids[:1], [*ids[1:], model.config.text_tokens.tts_eos]
    return PromptEmbeddings(torch.cat([*parts, writer.paired(first, model.config.codec_tokens.bos)]), writer.text(rest))


def pad_embedding(model: LanguageModel) -> Tensor:
    """`tts_pad_embed`, which is added to frames when the text is over, (hidden_size,)."""
    return _Writer(model).pad[0]


class _Writer:
    """Makes the parts of a prompt: sums of text and code embeddings, (T, hidden_size)."""

    def __init__(self, model: LanguageModel) -> None:
        self._model = model
        self._config = model.config
        self.pad = self.text([model.config.text_tokens.tts_pad])

    def text(self, ids: Sequence[int]) -> Tensor:
        return self._model.talker.embed_text(torch.tensor(ids, device=self._model.device))

    def paired(self, ids: Sequence[int], code: int) -> Tensor:
        """Text tokens, each with the same control token of the codec."""
        return self.text(ids) + self._codes([code])

    def tags(self, language: str, voice: "str | ClonedVoice | None") -> Tensor:
        """Language, speaker and the beginning of the text. The codec's beginning comes with the next part."""
        control = self._config.codec_tokens
        if language:
            tag = [control.think, control.think_bos, self._config.languages[language], control.think_eos]
        else:
            tag = [control.nothink, control.think_bos, control.think_eos]
        codes = torch.cat([self._codes(tag), *self._speaker(voice), self._codes([control.pad])])
        text = torch.cat([self.pad.expand(len(codes) - 1, -1), self.text([self._config.text_tokens.tts_bos])])
        return text + codes

    def in_context(self, voice: ClonedVoice, ids: Sequence[int]) -> tuple[Tensor, Tensor]:
        """In-context learning: the recording's frames, as if the model had made them, with as many tokens of the text;
        and the rest of the text.
        """
        codes = torch.tensor(voice.codes, device=self._model.device)
        frames = torch.cat([self._codes([self._config.codec_tokens.bos]), self._model.embed_codes(codes)])
        text = self.text([*ids, self._config.text_tokens.tts_eos])
        with_frames, rest = text[: len(frames)], text[len(frames) :]
        padding = self.pad.expand(len(frames) - len(with_frames), -1)
        return frames + torch.cat([with_frames, padding]), rest if len(rest) else self.pad

    def _codes(self, ids: Sequence[int]) -> Tensor:
        return F.embedding(torch.tensor(ids, device=self._model.device), self._model.talker.codec_embedding)

    def _speaker(self, voice: "str | ClonedVoice | None") -> list[Tensor]:
        if voice is None:
            return []
        if isinstance(voice, str):
            return [self._codes([self._config.speakers[voice].id])]
        return [torch.tensor(voice.speaker_embedding, device=self._model.device, dtype=self._model.dtype)[None]]


def _spoken_language(config: ModelConfig, voice: "str | ClonedVoice | None", language: str) -> str:
    """A speaker with a dialect uses it for Chinese, and where no language is given."""
    dialect = config.speakers[voice].dialect if isinstance(voice, str) else ""
    return dialect if dialect and language in {"", "chinese"} else language
