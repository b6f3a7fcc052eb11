"""Chooses what a profile's reference recording is made of."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from voicebox_audio.recordings.quality import QualityLimits, Verdict

from voicebox_catalog.samples.recordings import SAMPLE_RATE_HZ
from voicebox_catalog.samples.rows import report_of
from voicebox_catalog.store.tables import Sample

GAP_SAMPLES = SAMPLE_RATE_HZ // 4
_RANKS = {Verdict.OK: 0, Verdict.WARN: 1, Verdict.UNKNOWN: 2}


@dataclass(frozen=True)
class ReferenceSelection:
    """The samples that are joined, oldest first, a quarter of a second of silence between them, and at most
    `max_samples` of the whole.

    `transcript` is empty when any of theirs is unknown; `etag` changes exactly when the audio or the transcripts do.
    """

    samples: tuple[Sample, ...]
    transcript: str
    etag: str
    max_samples: int


def choose(samples: Sequence[Sample], limits: QualityLimits, max_samples: int) -> ReferenceSelection | None:
    """The best samples that fit as a whole: a cut one would not match its transcript. None when no sample is usable.

    Best is what is judged OK, then what has a transcript, then the greater signal-to-noise ratio, then the older one.
    When not even one fits, the best is cut, and has no transcript.
    """
    ranked = sorted((sample for sample in samples if usable(sample, limits)), key=lambda sample: _rank(sample, limits))
    chosen: list[Sample] = []
    used = 0
    for sample in ranked:
        length = sample.normalized_sample_count + (GAP_SAMPLES if chosen else 0)
        if used + length <= max_samples:
            chosen.append(sample)
            used += length
    if not ranked:
        return None
    if not chosen:
        return ReferenceSelection((ranked[0],), "", _etag(ranked[:1], [""], max_samples), max_samples)
    chosen.sort(key=lambda sample: sample.key)
    transcripts = [sample.transcript.strip() for sample in chosen]
    joined = " ".join(transcripts) if all(transcripts) else ""
    return ReferenceSelection(
        tuple(chosen), joined, _etag(chosen, transcripts if joined else [""] * len(chosen)), max_samples
    )


def usable(sample: Sample, limits: QualityLimits) -> bool:
    """Whether a reference may be made of it."""
    return not sample.excluded and report_of(sample, limits).verdict is not Verdict.REJECT


def _rank(sample: Sample, limits: QualityLimits) -> tuple[int, bool, float, int]:
    report = report_of(sample, limits)
    snr_db = report.measures.snr_db if report.measures else 0.0
    return _RANKS[report.verdict], not sample.transcript.strip(), -snr_db, sample.key


def _etag(samples: Sequence[Sample], transcripts: Sequence[str], max_samples: int = 0) -> str:
    """Of the content alone: `max_samples` counts where it cuts."""
    digest = hashlib.sha256(f"{SAMPLE_RATE_HZ} {max_samples} {GAP_SAMPLES}".encode())
    for sample, transcript in zip(samples, transcripts, strict=True):
        digest.update(hashlib.sha256(sample.normalized_sha256.encode() + transcript.encode()).digest())
    return digest.hexdigest()[:32]
