"""Decodes a batch of windows with faster-whisper: encodes them, detects languages, writes text, and aligns words."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from math import exp
from typing import Any

import numpy as np
from ctranslate2 import Device, StorageView
from faster_whisper import WhisperModel
from faster_whisper.audio import pad_or_trim
from faster_whisper.tokenizer import Tokenizer
from faster_whisper.transcribe import get_suppressed_tokens
from numpy.typing import NDArray

from voicebox_asr.engine import SAMPLE_RATE_HZ, Hypothesis, Options, Samples, Scores, Segment, Word
from voicebox_asr.segmentation.coverage import Span

from . import alignment
from .languages import BCP_47, CODES
from .quality import Attempt, Quality, best, is_good, is_silence
from .silences import silences
from .spoken_languages import LanguagePart, Likely, likeliest, spoken

FRAMES_A_SECOND = 100
"""Of the log-mel spectrogram."""

ENCODED_A_SECOND = 50
"""Frames of the encoder's output."""

WINDOW_SECONDS = 30.0
WINDOW_FRAMES = 30 * FRAMES_A_SECOND
MIN_SILENCE_FRAMES = 5 * FRAMES_A_SECOND
TIMESTAMP_SECONDS = 0.02
SHORTEST_SAMPLES = SAMPLE_RATE_HZ // 10
"""Less audio than this is filled up with silence: the spectrogram of nothing cannot be computed."""

SHORTEST_REST_SECONDS = 0.3
"""Less audio than this after the model's last timestamp holds no further word."""

CANDIDATES = 5
"""How many texts are sampled at a temperature above 0; the likeliest counts. As in the paper."""


@dataclass(frozen=True)
class Clip:
    """A window of at most 30 s, and how to decode it."""

    features: NDArray[np.float32] = field(repr=False)
    """The log-mel spectrogram, shape (mels, frames): at most 3000, silence at the end included."""

    seconds: float
    language: str
    """Whisper's code; empty: detect it."""

    prompt: tuple[int, ...]
    quality: Quality
    word_times: bool
    spans: tuple[Span, ...] = ()
    """Parts that may differ in language, without gaps, in seconds; none: the clip is in one language."""

    retried: bool = True
    """Whether a poor result is decoded again with all silence at its end, which takes base 0.5 s on two cores."""

    @property
    def key(self) -> Hashable:
        """CTranslate2 wants prompts and sounds of one length in a batch, and one way to search."""
        return len(self.prompt), self.quality, self.word_times, self.features.shape[1]

    @property
    def is_whole(self) -> bool:
        """Whether it is as long as the model was trained for."""
        return int(self.features.shape[1]) == WINDOW_FRAMES


@dataclass(frozen=True)
class Decoded:
    """The text of a window, in seconds from its start. The language is BCP 47; its probability None if it was given."""

    segments: tuple[Segment, ...]
    language: str
    language_probability: float | None
    continues_seconds: float | None = None
    """Where the model broke off: its text ends in a timestamp that stands twice, and more follows. Else None."""
    is_good: bool = True
    """Whether the text passes the thresholds, or is none."""
    language_parts: tuple[LanguagePart, ...] = ()
    """Where it changes between languages: it was not decoded then. Languages are BCP 47."""


@dataclass(frozen=True)
class TokenSegment:
    """Text between two timestamps, in seconds."""

    tokens: tuple[int, ...]
    start_seconds: float
    end_seconds: float


@dataclass(frozen=True)
class TimedText:
    """A segment and its words; none without word times."""

    segment: TokenSegment
    words: tuple[Word, ...]


class WhisperDecoder:
    """A loaded model. `decode` is for one thread at a time, the rest for any."""

    def __init__(self, model: WhisperModel) -> None:
        self._model = model
        self._multilingual = bool(model.model.is_multilingual)
        self._tokens = self._tokenizer("en", "transcribe")
        self._suppressed = get_suppressed_tokens(self._tokens, [-1])
        """Symbols that are not spoken, as in Whisper."""
        self._on_cpu = model.model.device == "cpu"

    def clip(
        self, samples: Samples, options: Options, language: str, previous: str, spans: Sequence[Span] = ()
    ) -> Clip:
        """The clip of a window of at most 30 s. `previous` is the text before it, of which the end is used.

        `spans` are as in Clip; they count where the language is to be detected.

        The model writes text without timestamps: with them it leaves out more words, even when what follows the
        last timestamp is decoded again (base, 1 min and 5 min of LibriVox: WER 0.048 and 0.053, without 0.024 and
        0.021). Words get their times by alignment.
        """
        if samples.size < SHORTEST_SAMPLES:
            samples = np.pad(samples, (0, SHORTEST_SAMPLES - samples.size))
        spoken = self._model.feature_extractor(samples)[..., :-1]
        features = pad_or_trim(spoken, padded_frames(spoken.shape[1]) if self._on_cpu else WINDOW_FRAMES)
        code = CODES.get(language, language) if self._multilingual else "en"
        tokens = self._tokenizer(code or "en", options.task)
        context = self._context(", ".join(options.hotwords), previous)
        prompt = (*context, *tokens.sot_sequence, tokens.no_timestamps)
        seconds = samples.size / SAMPLE_RATE_HZ
        return Clip(
            features,
            seconds,
            code,
            prompt,
            Quality.of(options.decoding),
            options.word_times,
            () if code else tuple(spans),
        )

    def decode(self, clips: Sequence[Clip]) -> list[Decoded]:
        """Decode clips of the same key. Raises MemoryError when the device has too little memory for them."""
        try:
            return self._decode_clips(clips)
        except RuntimeError as error:
            if "out of memory" in str(error).lower():
                raise MemoryError(str(error)) from error
            raise

    def unload(self) -> None:
        """Free the model's memory."""
        self._model.model.unload_model()

    def _decode_clips(self, clips: Sequence[Clip]) -> list[Decoded]:
        """Decode clips again with all silence at their end, as in training, where little silence gave a poor result."""
        if clips and clips[0].is_whole:
            return self._decode(clips)
        once = [
            replace(clip, quality=replace(clip.quality, temperatures=clip.quality.temperatures[:1])) for clip in clips
        ]
        decoded = self._decode(once)
        poor = [index for index, each in enumerate(decoded) if clips[index].retried and not each.is_good]
        whole = [replace(clips[index], features=pad_or_trim(clips[index].features, WINDOW_FRAMES)) for index in poor]
        for index, again in zip(poor, self._decode(whole) if whole else (), strict=True):
            decoded[index] = again
        return decoded

    def _decode(self, clips: Sequence[Clip]) -> list[Decoded]:
        """Decode clips of one language. For clips that change between languages only their parts are returned."""
        encoded = self._encode(clips)
        languages = self._languages(encoded, clips)
        language_parts = self._language_parts(encoded, clips, languages)
        alike = [index for index, each in enumerate(language_parts) if not each]
        written = (
            self._written(self._part(encoded, clips, alike), [clips[i] for i in alike], [languages[i] for i in alike])
            if alike
            else []
        )
        decoded = dict(zip(alike, written, strict=True))
        return [
            decoded.get(index) or _changing(likely, each)
            for index, (likely, each) in enumerate(zip(languages, language_parts, strict=True))
        ]

    def _written(self, encoded: Any, clips: Sequence[Clip], likely: Sequence[Likely]) -> list[Decoded]:
        languages = [
            (code, None if clip.language else each[code])
            for clip, each in zip(clips, likely, strict=True)
            if (code := likeliest(each))
        ]
        attempts = self._attempts(
            encoded, clips, [self._prompt(clip, code) for clip, (code, _) in zip(clips, languages, strict=True)]
        )
        segments = [
            ()
            if is_silence(attempt, clip.quality)
            else segmented(attempt.tokens, self._tokens.eot, self._tokens.timestamp_begin, clip.seconds)
            for clip, attempt in zip(clips, attempts, strict=True)
        ]
        if clips[0].word_times:
            timed = self._timed(encoded, clips, segments, [code for code, _ in languages])
        else:
            timed = [[TimedText(segment, ()) for segment in each] for each in segments]
        return [self._decoded(*each) for each in zip(clips, languages, attempts, timed, strict=True)]

    def _context(self, hotwords: str, previous: str) -> list[int]:
        """The tokens before the transcript: at most half of the decoder's context, to leave room for the text."""
        room = self._model.max_length // 2 - 2
        likely = self._tokens.encode(f" {hotwords}")[: room // 2] if hotwords else []
        before = self._tokens.encode(f" {previous.strip()}")[len(likely) - room :] if previous.strip() else []
        return [self._tokens.sot_prev, *likely, *before] if likely or before else []

    def _encode(self, clips: Sequence[Clip]) -> Any:
        """The encoder's output for all clips. A processor encodes one at a time: 8 at once take twice as long."""
        if not self._on_cpu:
            return self._model.encode(np.stack([clip.features for clip in clips]))
        return StorageView.from_array(np.concatenate([np.asarray(self._model.encode(clip.features)) for clip in clips]))

    def _part(self, encoded: Any, clips: Sequence[Clip], indices: Sequence[int]) -> Any:
        """The encoder's output for some clips. On a GPU it cannot be cut and is computed again, which is rare."""
        if len(indices) == len(clips):
            return encoded
        if not self._on_cpu:
            return self._encode([clips[index] for index in indices])
        return StorageView.from_array(np.asarray(encoded)[list(indices)])

    def _languages(self, encoded: Any, clips: Sequence[Clip]) -> list[Likely]:
        """How likely each language is, for each clip; the one that its caller named is certain."""
        detected = [{}] * len(clips) if all(clip.language for clip in clips) else self._detected(encoded)
        return [{clip.language: 1.0} if clip.language else each for clip, each in zip(clips, detected, strict=True)]

    def _language_parts(
        self, encoded: Any, clips: Sequence[Clip], languages: Sequence[Likely]
    ) -> list[list[LanguagePart]]:
        """Where each clip changes between languages; empty where it does not."""
        if not any(len(clip.spans) > 1 for clip in clips):
            return [[] for _ in clips]
        encoder_output = np.asarray(encoded if self._on_cpu else encoded.to_device(Device.cpu))
        return [
            self._changes(clip, each, likely)
            for clip, each, likely in zip(clips, encoder_output, languages, strict=True)
        ]

    def _changes(self, clip: Clip, encoder_output: NDArray[Any], likely: Likely) -> list[LanguagePart]:
        """`encoder_output` is the encoder's output for the clip, shape (frames, width)."""

        def within(span: Span) -> Likely:
            start, end = (round(seconds * ENCODED_A_SECOND) for seconds in span)
            return self._detected(StorageView.from_array(np.ascontiguousarray(encoder_output[np.newaxis, start:end])))[
                0
            ]

        def alone(span: Span) -> Likely:
            start, end = (round(seconds * FRAMES_A_SECOND) for seconds in span)
            return self._detected(
                self._model.encode(pad_or_trim(clip.features[:, start:end], padded_frames(end - start)))
            )[0]

        found = spoken(likely, clip.spans, within, alone)
        return found if len(found) > 1 or found[0].language != likeliest(likely) else []

    def _detected(self, encoded: Any) -> list[Likely]:
        """How likely each language is, by Whisper's codes."""
        return [
            {token[2:-2]: float(probability) for token, probability in ranked}
            for ranked in self._model.model.detect_language(encoded)
        ]

    def _prompt(self, clip: Clip, code: str) -> list[int]:
        """The clip's prompt with the token of its language, which comes after the start of the transcript."""
        prompt = list(clip.prompt)
        if self._multilingual:
            prompt[prompt.index(self._tokens.sot) + 1] = self._token(code)
        return prompt

    def _attempts(self, encoded: Any, clips: Sequence[Clip], prompts: Sequence[list[int]]) -> list[Attempt]:
        """The best attempt of each clip. Those that fail the thresholds are decoded at the next temperature."""
        quality = clips[0].quality
        attempts: list[list[Attempt]] = [[] for _ in clips]
        waiting = list(range(len(clips)))
        for temperature in quality.temperatures:
            encoder_output = self._part(encoded, clips, waiting)
            written = self._generate(encoder_output, [prompts[index] for index in waiting], quality, temperature)
            for index, attempt in zip(waiting, written, strict=True):
                attempts[index].append(attempt)
            waiting = [index for index in waiting if not is_good(attempts[index][-1], quality)]
            if not waiting:
                break
        return [best(each, quality) for each in attempts]

    def _generate(self, encoded: Any, prompts: list[list[int]], quality: Quality, temperature: float) -> list[Attempt]:
        search = (
            {"beam_size": 1, "num_hypotheses": CANDIDATES, "sampling_topk": 0, "sampling_temperature": temperature}
            if temperature > 0
            else {"beam_size": quality.beam_size}
        )
        results = self._model.model.generate(
            encoded,
            prompts,
            max_length=self._model.max_length,
            return_scores=True,
            return_no_speech_prob=True,
            suppress_tokens=self._suppressed,
            **search,
        )
        return [self._attempt(result, temperature) for result in results]

    def _attempt(self, result: Any, temperature: float) -> Attempt:
        tokens = tuple(result.sequences_ids[0])
        log_probability = result.scores[0] * len(tokens) / (len(tokens) + 1)  # the end counts as a token
        text = self._tokens.decode(tokens).strip()
        return Attempt(tokens, text, float(log_probability), float(result.no_speech_prob), temperature)

    def _timed(
        self, encoded: Any, clips: Sequence[Clip], segments: Sequence[Sequence[TokenSegment]], codes: Sequence[str]
    ) -> list[list[TimedText]]:
        """The sentences of each clip and their words. Alignments are of one language; a processor does single clips."""
        timed: list[list[TimedText]] = [[] for _ in clips]
        groups = defaultdict(list)
        for index, code in enumerate(codes):
            if segments[index]:
                groups[code, index if self._on_cpu else 0].append(index)
        for (code, _), group in groups.items():
            encoder_output = self._part(encoded, clips, group)
            texts = [[token for segment in segments[index] for token in segment.tokens] for index in group]
            frames = [min(WINDOW_FRAMES, round(clips[index].seconds * FRAMES_A_SECOND)) for index in group]
            aligned = self._model.find_alignment(self._tokenizer(code, "transcribe"), texts, encoder_output, frames)
            for index, pieces in zip(group, aligned, strict=True):
                timed[index] = _sentences([_aligned(piece) for piece in pieces], segments[index], clips[index])
        return timed

    def _decoded(
        self, clip: Clip, language: tuple[str, float | None], attempt: Attempt, timed: Sequence[TimedText]
    ) -> Decoded:
        code, probability = language
        tag = BCP_47.get(code, code)
        scores = Scores(
            attempt.no_speech_probability,
            attempt.average_log_probability,
            attempt.compression_ratio,
            attempt.temperature,
        )
        segments = []
        for each in timed:
            if text := self._tokens.decode(each.segment.tokens).strip():
                words = each.words
                confidence = (
                    sum(word.confidence or 0.0 for word in words) / len(words)
                    if words
                    else exp(attempt.average_log_probability)
                )
                hypothesis = Hypothesis(text, min(1.0, confidence), words, tag, probability, scores)
                start = words[0].start_seconds if words else each.segment.start_seconds
                end = words[-1].end_seconds if words else each.segment.end_seconds
                segments.append(Segment(hypothesis, start, end))
        continues = continues_seconds(attempt.tokens, self._tokens.timestamp_begin, clip.seconds)
        return Decoded(
            tuple(segments), tag, probability, continues if segments else None, is_good(attempt, clip.quality)
        )

    def _tokenizer(self, code: str, task: str) -> Tokenizer:
        return Tokenizer(self._model.hf_tokenizer, multilingual=self._multilingual, task=task, language=code)

    def _token(self, code: str) -> int:
        return int(self._model.hf_tokenizer.token_to_id(f"<|{code}|>"))


def _changing(likely: Likely, language_parts: Sequence[LanguagePart]) -> Decoded:
    code = likeliest(likely)
    tagged = tuple(replace(each, language=BCP_47.get(each.language, each.language)) for each in language_parts)
    return Decoded((), BCP_47.get(code, code), likely[code], language_parts=tagged)


def segmented(tokens: Sequence[int], end: int, timestamps: int, seconds: float) -> tuple[TokenSegment, ...]:
    """Text tokens between timestamps. Text after the last timestamp is a segment up to the window's end, too."""
    segments: list[TokenSegment] = []
    text: list[int] = []
    start = 0.0
    for token in tokens:
        if token < end:
            text.append(token)
        elif token >= timestamps:
            time = max(start, min((token - timestamps) * TIMESTAMP_SECONDS, seconds))
            if text:
                segments.append(TokenSegment(tuple(text), start, time))
                text = []
            start = time
    if text:
        segments.append(TokenSegment(tuple(text), start, seconds))
    return tuple(segments)


def continues_seconds(tokens: Sequence[int], timestamps: int, seconds: float) -> float | None:
    """Where a window is to be decoded again: at a timestamp that stands twice at the end. Else None."""
    if len(tokens) < 2 or min(tokens[-2:]) < timestamps:
        return None
    time = (tokens[-1] - timestamps) * TIMESTAMP_SECONDS
    return time if 0.0 < time < seconds - SHORTEST_REST_SECONDS else None


def padded_frames(frames: int) -> int:
    """The frames with 5 s of silence at least, to a multiple of 5 s, so that similar windows share batches.

    An encoder that is given less than the 30 s it was trained for takes that much less time, and recognises short audio
    as well: with 5 s of silence base and tiny.en have a WER of 0.022 and 0.018 on 13 sentences, 0.027 and 0.027 with 30
    s; with 2 s and less they loop.
    """
    return min(WINDOW_FRAMES, -(-(frames + MIN_SILENCE_FRAMES) // MIN_SILENCE_FRAMES) * MIN_SILENCE_FRAMES)


def _sentences(pieces: Sequence[alignment.Aligned], segments: Sequence[TokenSegment], clip: Clip) -> list[TimedText]:
    """The segments, cut at the ends of sentences, with their words."""
    tokens = [token for segment in segments for token in segment.tokens]
    ends = list(accumulate(len(segment.tokens) for segment in segments))
    lengths = alignment.sentence_lengths(alignment.joined(pieces), ends)
    silent = silences(clip.features[:, : round(clip.seconds * FRAMES_A_SECOND)])
    timed: list[TimedText] = []
    start = 0
    for length, words in zip(lengths, alignment.words(pieces, lengths, clip.seconds, silent), strict=True):
        segment = segments[bisect_right(ends, start)]
        timed.append(TimedText(replace(segment, tokens=tuple(tokens[start : start + length])), words))
        start += length
    return timed


def _aligned(piece: dict[str, Any]) -> alignment.Aligned:
    start, end = (float(piece[edge]) + alignment.EARLY_SECONDS for edge in ("start", "end"))
    return alignment.Aligned(piece["word"], len(piece["tokens"]), start, end, float(piece["probability"]))
