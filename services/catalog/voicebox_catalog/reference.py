"""Chooses what a profile's reference recording is made of."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from .recordings import SAMPLE_RATE_HZ
from .tables import Sample

MAX_SAMPLES = 60 * SAMPLE_RATE_HZ
GAP_SAMPLES = SAMPLE_RATE_HZ // 4


@dataclass(frozen=True)
class Reference:
    """The samples that are joined, a quarter of a second of silence between them, and at most 60 s of the whole.

    `transcript` is empty when any of theirs is unknown; `etag` changes exactly when the audio or the transcripts do.
    """

    samples: tuple[Sample, ...]
    transcript: str
    etag: str


def choose(samples: Sequence[Sample]) -> Reference:
    """Every sample, oldest first, that still fits as a whole: a cut one would not match its transcript.

    When not even one fits, the oldest is cut to 60 s, and no transcript is told.
    """
    chosen: list[Sample] = []
    used = 0
    for sample in samples:
        length = sample.normalized_sample_count + (GAP_SAMPLES if chosen else 0)
        if used + length <= MAX_SAMPLES:
            chosen.append(sample)
            used += length
    if not chosen:
        return Reference(tuple(samples[:1]), "", _etag(samples[:1], [""]))
    transcripts = [sample.transcript.strip() for sample in chosen]
    return Reference(tuple(chosen), " ".join(transcripts) if all(transcripts) else "", _etag(chosen, transcripts))


def _etag(samples: Sequence[Sample], transcripts: Sequence[str]) -> str:
    digest = hashlib.sha256(f"{SAMPLE_RATE_HZ} {MAX_SAMPLES} {GAP_SAMPLES}".encode())
    for sample, transcript in zip(samples, transcripts, strict=True):
        digest.update(hashlib.sha256(sample.normalized_sha256.encode() + transcript.encode()).digest())
    return digest.hexdigest()[:32]
