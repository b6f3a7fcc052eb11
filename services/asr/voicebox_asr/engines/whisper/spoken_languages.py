"""Detects the languages of a window, span by span."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import exp, log

from voicebox_asr.segmentation.coverage import Span

DOUBT = 0.25
"""A span is encoded alone where the window's language is less likely than this in it, or unsure in the window."""

SURE = 0.7
"""The least probability of another language; base finds Thai in synthetic French with 0.68."""

UNLIKELY = 0.1
"""A language that is less likely than this is not the one that is spoken."""

MIN_PROBABILITY = 1e-3
"""No single span rules a language out."""

Likely = Mapping[str, float]
"""How likely each language is, by Whisper's codes."""


@dataclass(frozen=True)
class LanguagePart:
    """A part of a window in one language, in seconds; Whisper's code and how likely it is.

    `is_sure` is False where it is unlikely to be that language, and no other is likely.
    """

    start_seconds: float
    end_seconds: float
    language: str
    probability: float
    is_sure: bool = True


def spoken(
    window: Likely, spans: Sequence[Span], within: Callable[[Span], Likely], alone: Callable[[Span], Likely]
) -> list[LanguagePart]:
    """The languages of a window's spans; neighbours with the same are one part.

    `within` detects the languages of a span from the encoded window, which is cheap and often wrong; `alone` encodes
    the span alone, which costs more.
    """
    usual = likeliest(window)
    least = DOUBT if window[usual] >= SURE else 1.0
    found = [{} if len(spans) == 1 or within(span).get(usual, 0.0) >= least else alone(span) for span in spans]
    if window[usual] < SURE:
        window = together([window, *filter(None, found)])
        usual = likeliest(window)
    others = {likeliest(each) for each in found if each and _is_other(each, usual)}
    return list(
        _merged([_spoken(span, each, window, {usual, *others}) for span, each in zip(spans, found, strict=True)])
    )


def together(detections: Sequence[Likely]) -> Likely:
    """The language of several spans that are all in the same: the product of their probabilities.

    Base takes one French sentence of espeak for Polish or Thai, and is unsure of it; three together are French.
    """
    codes = {code for likely in detections for code in likely}
    products = {
        code: exp(sum(log(max(likely.get(code, 0.0), MIN_PROBABILITY)) for likely in detections) / len(detections))
        for code in codes
    }
    return {code: product / sum(products.values()) for code, product in products.items()}


def likeliest(likely: Likely) -> str:
    """The likeliest language."""
    return max(likely, key=likely.__getitem__)


def _is_other(likely: Likely, usual: str) -> bool:
    return likely[likeliest(likely)] >= SURE and likely.get(usual, 0.0) <= UNLIKELY


def _spoken(span: Span, likely: Likely, window: Likely, candidates: set[str]) -> LanguagePart:
    usual = likeliest(window)
    if not likely:
        return LanguagePart(*span, usual, window[usual])
    language = max(candidates, key=lambda code: (likely.get(code, 0.0), code == usual))
    return LanguagePart(*span, language, likely.get(language, 0.0), likely.get(language, 0.0) > UNLIKELY)


def _merged(parts: Sequence[LanguagePart]) -> Iterator[LanguagePart]:
    for (language, is_sure), group in groupby(parts, key=lambda each: (each.language, each.is_sure)):
        same = list(group)
        seconds = [each.end_seconds - each.start_seconds for each in same]
        probability = sum(each.probability * length for each, length in zip(same, seconds, strict=True)) / max(
            sum(seconds), 1e-9
        )
        yield LanguagePart(same[0].start_seconds, same[-1].end_seconds, language, probability, is_sure)
