"""Finds who speaks when in a file."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from voicebox_asr.engine import SAMPLE_RATE_HZ, Samples, Word
from voicebox_asr.results.utterance import Utterance

from .clustering import cluster
from .speaker_encoder import Embeddings, SpeakerEngine

HOP_SAMPLES = SAMPLE_RATE_HZ * 2 // 5
"""From one window to the next: every moment is in four windows of 1.6 s."""

WINDOWS_AT_ONCE = 32

SPEECH_SHARE = 0.75
"""The least share of a window within one utterance; other windows hold pauses or two speakers."""

CHANGE_COST = 0.2
"""How much nearer the words must be to another speaker, in cosines summed over words, to split an utterance."""


class Diarizer:
    """One file's voices. It holds 1 KB for each 0.4 s of audio: 37 MB for 4 hours."""

    def __init__(self, engine: SpeakerEngine) -> None:
        self._engine = engine
        self._rest: Samples = np.zeros(0, np.float32)
        self._embeddings: list[Embeddings] = []

    def process(self, samples: Samples) -> Iterator[None]:
        """Take the next samples, shape (n,); yields after each step of work, where a caller can stop."""
        self._rest = np.concatenate((self._rest, samples))
        size = self._engine.window_samples
        while len(self._rest) >= size + WINDOWS_AT_ONCE * HOP_SAMPLES:
            self._embed(self._rest[: size + (WINDOWS_AT_ONCE - 1) * HOP_SAMPLES])
            self._rest = self._rest[WINDOWS_AT_ONCE * HOP_SAMPLES :].copy()
            yield None

    def finish(self, utterances: Sequence[Utterance], minimum: int, maximum: int) -> Iterator[Utterance]:
        """The file ends: its utterances with their speakers, `minimum` to `maximum` of them. Takes 2 s at most.

        Utterances are split where the speaker changes between two words, and numbered anew. Speakers are `speaker-1`,
        `speaker-2` ... in the order of their first words. There are fewer than `minimum` where no more voices can be
        distinguished.
        """
        self._embed(np.pad(self._rest, (0, max(0, self._engine.window_samples - self._rest.size))))
        if utterances:
            similarities = self._similarities(utterances, minimum, maximum)
            parts = [part for utterance in utterances for part in self._split(utterance, similarities)]
            names: dict[int, str] = {}
            for index, (part, voice) in enumerate(parts):
                speaker = names.setdefault(voice, f"speaker-{len(names) + 1}")
                yield replace(part, index=index, speaker=speaker)

    def interrupt(self) -> None:
        """A step takes 0.3 s: nothing to interrupt."""

    def close(self) -> None:
        self._embeddings = []

    def _embed(self, samples: Samples) -> None:
        windows = np.lib.stride_tricks.sliding_window_view(samples, self._engine.window_samples)[::HOP_SAMPLES]
        self._embeddings.append(self._engine.embed(windows))

    def _similarities(self, utterances: Sequence[Utterance], minimum: int, maximum: int) -> NDArray[np.float32]:
        """How near each window is to each voice, shape (windows, voices)."""
        embeddings = np.concatenate(self._embeddings)
        steady = _steady(embeddings, self._within(utterances, len(embeddings)))
        voices = cluster(embeddings[steady], self._engine.same_speaker_similarity, minimum, maximum)
        return np.asarray(embeddings @ voices.T, np.float32)

    def _within(self, utterances: Sequence[Utterance], count: int) -> NDArray[np.bool_]:
        """Which windows lie within an utterance; those with the largest share where none has enough."""
        starts = np.arange(count) * HOP_SAMPLES / SAMPLE_RATE_HZ
        seconds = self._engine.window_samples / SAMPLE_RATE_HZ
        shares = np.zeros(count)
        for utterance in utterances:
            first = max(0, int((utterance.start_seconds - seconds) * SAMPLE_RATE_HZ / HOP_SAMPLES))
            last = int(utterance.end_seconds * SAMPLE_RATE_HZ / HOP_SAMPLES) + 1
            near = slice(first, last)
            within = np.minimum(starts[near] + seconds, utterance.end_seconds) - np.maximum(
                starts[near], utterance.start_seconds
            )
            shares[near] = np.maximum(shares[near], within / seconds)
        return np.asarray(shares >= min(SPEECH_SHARE, shares.max()))

    def _split(self, utterance: Utterance, similarities: NDArray[np.float32]) -> list[tuple[Utterance, int]]:
        """The utterance's parts of one speaker each, with the speaker's voice."""
        words = utterance.hypothesis.words
        if not any(word.end_seconds > word.start_seconds for word in words):
            spans = [(utterance.start_seconds, utterance.end_seconds)]
            return [(utterance, int(np.argmax(self._near(spans, similarities)[0])))]
        voices = _smoothed(self._near([(word.start_seconds, word.end_seconds) for word in words], similarities))
        bounds = [0, *(at for at in range(1, len(words)) if voices[at] != voices[at - 1]), len(words)]
        return [(_part(utterance, start, end), voices[start]) for start, end in pairwise(bounds)]

    def _near(self, spans: Sequence[tuple[float, float]], similarities: NDArray[np.float32]) -> NDArray[np.float32]:
        """How near some spans of time are to each voice, by the windows around their middles; shape (spans, voices)."""
        centres = (np.arange(len(similarities)) * HOP_SAMPLES + self._engine.window_samples / 2) / SAMPLE_RATE_HZ
        near = np.empty((len(spans), similarities.shape[1]), np.float32)
        for row, (start, end) in enumerate(spans):
            first, last = np.searchsorted(centres, (start - 0.4, end + 0.4))
            first = min(first, len(centres) - 1)
            near[row] = similarities[first : max(last, first + 1)].mean(axis=0)
        return near


def _steady(embeddings: Embeddings, chosen: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The half of the chosen windows that are most like their neighbours: where the speaker changes, two are mixed."""
    alike = np.full(len(embeddings), -1.0, np.float32)
    alike[1:-1] = np.einsum("nd,nd->n", embeddings[:-2], embeddings[2:])
    return chosen & (alike >= np.median(alike[chosen]))


def _smoothed(near: NDArray[np.float32]) -> list[int]:
    """The voice of each word: the nearest sequence, where each change of speaker has its cost (Viterbi)."""
    best = near[0]
    origins = []
    for row in near[1:]:
        change = best.max() - CHANGE_COST
        origins.append(np.where(best >= change, np.arange(best.size), best.argmax()))
        best = np.maximum(best, change) + row
    voices = [int(best.argmax())]
    for origin in reversed(origins):
        voices.append(int(origin[voices[-1]]))
    return voices[::-1]


def _part(utterance: Utterance, start: int, end: int) -> Utterance:
    """The utterance from its word `start` to before its word `end`."""
    words = utterance.hypothesis.words
    if (start, end) == (0, len(words)):
        return utterance
    positions = _positions(utterance.hypothesis.text, words)
    return replace(
        utterance,
        hypothesis=replace(
            utterance.hypothesis,
            text=utterance.hypothesis.text[positions[start] : positions[end]].strip(),
            words=words[start:end],
        ),
        start_seconds=words[start].start_seconds if start else utterance.start_seconds,
        end_seconds=words[end - 1].end_seconds if end < len(words) else utterance.end_seconds,
    )


def _positions(text: str, words: Sequence[Word]) -> list[int]:
    """Where each word begins in the text, and where the text ends: not every language has spaces between words."""
    positions, at = [0], 0
    for word, following in pairwise(words):
        at = max(text.find(following.text, at + len(word.text)), at)
        positions.append(at)
    return [*positions, len(text)]
